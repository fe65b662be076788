#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/docker/change_watch.hpp"
#include "engine/docker/container_facts.hpp"
#include "engine/docker/docker_api.hpp"
#include "engine/docker/docker_engine.hpp"
#include "engine/docker/instance_places.hpp"
#include "engine/docker/log_copy.hpp"

// DockerEngine, whose members are in docker_engine.cpp (what the interface has), docker_start.cpp
// (making and starting a container) and docker_collect.cpp (what is left over).
namespace pixell::engine::docker {

/// "127.0.0.1:20000-20999" in its parts.
struct PublishSetting {
  std::string host;
  std::string ports;
};
Result<PublishSetting> parse_publish(const std::string& text);

struct ImageFacts {
  std::string id;
  std::string architecture;
};

class DockerEngine final : public Engine {
 public:
  DockerEngine(const DockerOptions& options, PublishSetting publish,
               const std::filesystem::path& memory);

  Capabilities capabilities() override;
  Result<model::Instance> ensure(const InstanceSpec& spec) override;
  Result<void> stop(std::string_view instance_id, Millis grace) override;
  Result<void> remove(std::string_view instance_id) override;
  Result<std::vector<model::Instance>> list() override;
  Result<model::Instance> inspect(std::string_view instance_id) override;
  Result<model::InstanceUsage> usage(std::string_view instance_id) override;
  Result<LogPiece> read_log(std::string_view instance_id, const LogRange& range) override;
  Result<std::int64_t> wait_for_change(std::int64_t after, Millis timeout,
                                       std::stop_token stop) override;

 private:
  /// One that is ours; NotFound when there is none, FailedPrecondition when it is somebody else's.
  Result<ContainerFacts> find(const std::string& instance_id);
  Result<std::vector<ContainerRow>> rows();
  Result<ContainerFacts> facts_of(const ContainerRow& row);
  model::Instance view(const ContainerFacts& facts);
  /// Watches what runs and goes on with a stop that an earlier process began.
  void follow(const ContainerFacts& facts, const EngineRecords& records);
  std::shared_ptr<LogCopy> log_copy(const std::string& instance_id);
  /// Nobody else makes or removes things of the app meanwhile.
  std::shared_ptr<std::mutex> app_mutex(const std::string& app_id);
  Result<void> kill(const std::string& container, const char* signal);

  // docker_start.cpp
  Result<model::Instance> start(const InstanceSpec& spec);
  Result<std::string> make_container(const InstanceSpec& spec, const std::string& image_id);
  Result<ContainerFacts> start_container(const std::string& container,
                                         const std::string& instance_id);
  Result<model::Instance> start_made(const InstanceSpec& spec, const std::string& container);
  Result<model::Instance> give_up(const InstanceSpec& spec, const std::string& container,
                                  Error error);
  Result<void> ensure_network(const std::string& app_id);
  Result<std::optional<ImageFacts>> find_image();
  model::Instance not_started(const InstanceSpec& spec, model::Failure failure);
  void discard(const std::string& instance_id, const std::string& container);

  // docker_collect.cpp
  void on_unhealthy(const std::string& container);
  void on_overdue(const std::string& instance_id);
  void remove_network(const std::string& app_id);
  /// Removes what no container of ours uses: directories, networks, nameless old images of ours.
  void collect(const std::vector<ContainerRow>& rows);
  void collect_places(const std::set<std::string>& used);
  void collect_networks(const std::set<std::string>& used);
  void collect_images();
  bool is_collection_due();

  DockerSettings settings_;
  PublishSetting publish_;
  const Clock& clock_;
  Log log_;
  std::string installation_;
  uid_t user_;
  DockerApi api_;
  InstancePlaces places_;

  std::mutex mutex_;  // guards everything below
  std::map<std::string, std::shared_ptr<std::mutex>> app_mutexes_;
  std::map<std::string, std::shared_ptr<LogCopy>> logs_;
  std::map<std::string, ContainerFacts> known_;  // by container id: for as long as its state stays
  std::optional<Instant> collected_at_;

  ChangeWatch watch_;  // last: its threads use all of the above
};

}  // namespace pixell::engine::docker
