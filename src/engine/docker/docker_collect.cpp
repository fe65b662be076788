// The part of DockerEngine that ends what must end, and removes what is left over. Only what has
// this installation's label is touched; of images only nameless ones with the label of images/par.

#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/percent.hpp"
#include "engine/docker/docker_engine_impl.hpp"
#include "engine/docker/limits.hpp"
#include "engine/docker/log_frames.hpp"

namespace pixell::engine::docker {

using nlohmann::json;

namespace {

constexpr std::int64_t kNanosPerMilli = 1'000'000;
// What `par healthcheck` prints when par answered, but is not ready: it lives.
constexpr std::string_view kAnswered = "not healthy: status ";

// When something in a directory was made or removed last; nullopt when it is gone.
std::optional<UnixMillis> changed_at(const std::filesystem::path& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) return {};
  return std::int64_t(found.st_mtim.tv_sec) * 1000 + found.st_mtim.tv_nsec / kNanosPerMilli;
}

}  // namespace

void DockerEngine::on_unhealthy(const std::string& container) {
  const auto answer = api_.get("/containers/" + container + "/json");
  if (!answer) return;  // away or gone: nothing can be ended now
  const auto facts = container_from_inspect(*answer);
  if (!facts || facts->has_ended() || !facts->is_unhealthy ||
      facts->label(kInstallationLabel) != installation_)
    return;
  if (facts->health_output.find(kAnswered) != std::string::npos) return;
  const std::string id = facts->label(kInstanceLabel);
  if (!model::check_app_id(id) || places_.read_engine(id, log_).stop) return;
  const ExitRecord why{
      .code = 0,
      .signal = SIGKILL,
      .at = clock_.unix_now(),
      .failure = model::make_failure(
          model::Cause::Unresponsive,
          fmt::format("par ran but did not answer {} health checks in a row", kHealthRetries),
          {"last health check: " + facts->health_output})};
  log_.warning("Instance answers no more and is killed",
               {{"instance", id}, {"problem", facts->health_output}});
  if (const auto written = places_.records(id).write_exit(why); !written)
    log_.error("Exit record cannot be written", {{"error", written.error().message}});
  if (const auto killed = kill(facts->id, "SIGKILL"); !killed)
    log_.error("Instance not killed", {{"instance", id}, {"error", killed.error().message}});
}

void DockerEngine::on_overdue(const std::string& instance_id) {
  const auto facts = find(instance_id);
  const bool is_gone = facts ? facts->has_ended() : facts.error().code == ErrorCode::NotFound;
  if (is_gone) return;
  auto killed = facts ? kill(facts->id, "SIGKILL") : Result<void>(facts.error());
  if (killed) {
    log_.warning("Instance did not end in its time and was killed", {{"instance", instance_id}});
    return;
  }
  log_.error("Instance not killed; it is tried again",
             {{"instance", instance_id}, {"error", killed.error().message}});
  watch_.set_deadline(instance_id, clock_.unix_now() + kEventRetry.count());
}

void DockerEngine::remove_network(const std::string& app_id) {
  const std::string name = network_name(installation_, app_id);
  const auto found = api_.get("/networks/" + name);
  if (!found) return;
  if (label_in(*found, kInstallationLabel) != installation_) return;
  const auto containers = found->find("Containers");
  if (containers != found->end() && !containers->empty()) return;
  const auto removed = api_.remove("/networks/" + name);
  const bool is_expected = removed || removed.error().code == ErrorCode::NotFound ||
                           removed.error().code == ErrorCode::PermissionDenied;  // it is used
  if (!is_expected)
    log_.warning("Network not removed", {{"network", name}, {"error", removed.error().message}});
}

bool DockerEngine::is_collection_due() {
  const std::lock_guard lock(mutex_);
  const Instant now = clock_.now();
  if (collected_at_ && now - *collected_at_ < kCollectPause) return false;
  collected_at_ = now;
  return true;
}

void DockerEngine::collect(const std::vector<ContainerRow>& rows) {
  std::set<std::string> instances;
  std::set<std::string> apps;
  for (const ContainerRow& row : rows) {
    const auto facts = facts_of(row);
    if (!facts) return;  // another time: what is used must be known for certain
    instances.insert(facts->label(kInstanceLabel));
    apps.insert(facts->label(kAppLabel));
  }
  collect_places(instances);
  collect_networks(apps);
  collect_images();
}

void DockerEngine::collect_places(const std::set<std::string>& used) {
  for (const std::string& id : places_.ids()) {
    if (used.contains(id) || !model::check_app_id(id)) continue;
    const auto changed = changed_at(places_.directory(id));
    if (changed && clock_.unix_now() - *changed < kLeftoverAge.count()) continue;
    if (const auto removed = places_.remove(id); removed)
      log_.info("Left-over places of an instance removed", {{"instance", id}});
    else
      log_.warning("Left-over places not removed", {{"error", removed.error().message}});
  }
}

void DockerEngine::collect_networks(const std::set<std::string>& used) {
  const auto networks = api_.get(
      "/networks?filters=" + label_filter(fmt::format("{}={}", kInstallationLabel, installation_)));
  if (!networks || !networks->is_array()) return;
  for (const json& network : *networks) {
    const std::string app = label_in(network, kAppLabel);
    const auto made = parse_docker_time(text_in(network, "Created"));
    const bool is_young =
        !made || clock_.unix_now() - *made / kNanosPerMilli < kLeftoverAge.count();
    if (used.contains(app) || is_young || !model::check_app_id(app)) continue;
    const auto mutex = app_mutex(app);
    const std::lock_guard lock(*mutex);
    remove_network(app);
  }
}

void DockerEngine::collect_images() {
  const json filters = {
      {"dangling", {"true"}}, {"label", {kImageLabel}}, {"until", {kOldImageAge}}};
  const auto pruned = api_.post("/images/prune?filters=" + percent_encode(filters.dump()), {});
  if (!pruned) {
    log_.warning("Old images not removed", {{"error", pruned.error().message}});
    return;
  }
  const auto removed = pruned->find("ImagesDeleted");
  if (removed != pruned->end() && removed->is_array() && !removed->empty())
    log_.info("Old images removed", {{"layers", removed->size()}});
}

}  // namespace pixell::engine::docker
