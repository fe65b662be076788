#include "engine/ecs/removal.hpp"

#include <fmt/format.h>

#include "engine/ecs/limits.hpp"
#include "engine/ecs/removal_steps.hpp"

namespace pixell::engine::ecs {

using nlohmann::json;

namespace {

Aim aim_at(std::string_view app_id) {
  Aim aim{.tasks = 0, .lane = aws::Lane::Collect};
  aim.spec.app_id = app_id;
  return aim;
}

Removed waiting(std::string what) { return {.is_done = false, .waits_for = std::move(what)}; }

// What a service has of tasks, those that are about to start included.
int tasks_of(const json& service) {
  return service.value("runningCount", 0) + service.value("pendingCount", 0);
}

}  // namespace

bool AppRemoval::is_late(const std::string& service) {
  std::lock_guard lock(mutex_);
  const Instant now = parts_.clock.now();
  const auto [since, is_new] = draining_since_.try_emplace(service, now);
  return now - since->second >= kDrainDeadline;
}

void AppRemoval::forget(const std::string& service) {
  std::lock_guard lock(mutex_);
  draining_since_.erase(service);
}

Result<Removed> AppRemoval::end_service(const Work& work, Slot slot) {
  const std::string name = work.names.service(work.aim.spec.app_id, slot);
  TRY(json service, find_service(work, slot));
  if (service.is_null()) {
    forget(name);
    return Removed{.is_done = true, .waits_for = {}};
  }
  if (text_at(service, "status") == "DRAINING")
    return waiting(fmt::format("the service {}, which ECS is deleting", name));
  if (service.value("desiredCount", -1) != 0) {
    TRY(const json answer,
        plain(work.change(
            "ecs", "UpdateService", name,
            {{"cluster", work.settings.cluster}, {"service", name}, {"desiredCount", 0}})));
    service = answer.value("service", json::object());
  }
  const int tasks = tasks_of(service);
  const bool is_forced = is_late(name);
  if (tasks > 0 && !is_forced)
    return waiting(fmt::format("{} tasks of the service {} to end", tasks, name));
  json request = {{"cluster", work.settings.cluster}, {"service", name}};
  if (is_forced) request["force"] = true;
  const auto gone = work.change("ecs", "DeleteService", name, request);
  if (!gone && gone.error().name != "ServiceNotFoundException" &&
      gone.error().name != "ServiceNotActiveException")
    return aws::to_error(gone.error());
  // Of a service that was just deleted ECS may still end tasks, which are in its target groups.
  TRY(service, find_service(work, slot));
  if (!service.is_null())
    return waiting(fmt::format("the service {}, which ECS is deleting", name));
  forget(name);
  return Removed{.is_done = true, .waits_for = {}};
}

Result<Removed> AppRemoval::remove(std::string_view app_id, std::stop_token stop) {
  const Aim aim = aim_at(app_id);
  const Work work{.aws = parts_.aws,
                  .journal = parts_.journal,
                  .settings = settings_,
                  .names = names_,
                  .aim = aim,
                  .stop = std::move(stop)};
  TRY_VOID(delete_rules(work));
  TRY_VOID(take_tasks_back(work));
  TRY(const Removed first, end_service(work, Slot::A));
  TRY(const Removed second, end_service(work, Slot::B));
  if (!first.is_done) return first;
  if (!second.is_done) return second;
  TRY(const bool has_no_groups, delete_retired(work, {}));
  if (!has_no_groups) return waiting("a target group that is still in use");
  TRY(const bool is_untold, delete_discovery(work));
  if (!is_untold) return waiting("Cloud Map to take the last tasks back");
  TRY(const bool has_no_definitions, deregister_definitions(work));
  if (!has_no_definitions) return waiting("the rest of the task definitions");
  TRY_VOID(delete_secret(work));
  TRY_VOID(close_steps(work));
  return Removed{.is_done = true, .waits_for = {}};
}

}  // namespace pixell::engine::ecs
