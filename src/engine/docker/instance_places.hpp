#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/result.hpp"
#include "engine/docker/container_request.hpp"
#include "engine/docker/instance_view.hpp"
#include "engine/records/instance_files.hpp"

namespace pixell::engine::docker {

/// The first directory of this machine that is kept in memory and that we may write to: where
/// environment files go. FailedPrecondition when there is none.
Result<std::filesystem::path> memory_directory();

/// What the engine has on this machine, below `<state>/docker`:
///
///     instances/<id>/          ours alone: stop.json, exit.json, par.log
///     instances/<id>/par/      mounted: the container's user writes here
///     apps/<app>/environments  mounted: installed dependencies, shared by an app's instances
///     apps/<app>/state         mounted: lasting state of the app
///
/// and, in memory, a directory per instance with its environment file.
class InstancePlaces {
 public:
  struct Setting {
    std::filesystem::path root;
    std::filesystem::path memory;
    uid_t user = 0;                                  ///< who the containers' processes are
    std::map<std::string, std::string> environment;  ///< of pac; see environment_document()
  };
  explicit InstancePlaces(Setting setting)
      : root_(std::move(setting.root)),
        memory_(std::move(setting.memory)),
        user_(setting.user),
        environment_(std::move(setting.environment)) {}

  /// Makes everything a container mounts and fills it. Existing things are put right.
  Result<HostPlaces> prepare(const InstanceSpec& spec) const;

  /// The engine's own records of an instance.
  InstanceFiles records(const std::string& id) const;
  std::filesystem::path directory(const std::string& id) const { return root_ / "instances" / id; }
  /// Where par writes.
  std::filesystem::path par_directory(const std::string& id) const { return directory(id) / "par"; }

  /// What par wrote. The agent can write there too, so that links, other kinds of files and large
  /// ones are not read; what cannot be understood is left out.
  ParRecords read_par(const std::string& id) const;
  EngineRecords read_engine(const std::string& id, const Log& log) const;

  /// Removes the environment file; par reads it once, at its start.
  void remove_environment(const std::string& id) const;
  /// Removes everything of an instance. An absent one is success.
  Result<void> remove(const std::string& id) const;

  /// Instances that have something here, by their ids.
  std::vector<std::string> ids() const;

 private:
  std::filesystem::path named(const char* variable) const;
  Result<void> make_for_container(const std::filesystem::path& path) const;
  Result<void> write_environment(const InstanceSpec& spec) const;
  Result<std::filesystem::path> readable_package(const InstanceSpec& spec) const;

  std::filesystem::path root_;
  std::filesystem::path memory_;
  uid_t user_;
  std::map<std::string, std::string> environment_;
};

}  // namespace pixell::engine::docker
