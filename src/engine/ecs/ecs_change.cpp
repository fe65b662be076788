// What AWS is told, so that an app's services run what is wanted.

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/ecs/ecs_engine_impl.hpp"

namespace pixell::engine::ecs {

using nlohmann::json;

namespace {

Aim aim_of(const SlotRecord& slot, aws::Lane lane) {
  Aim aim;
  aim.spec.app_id = slot.app_id;
  aim.spec.revision = slot.revision;
  aim.slot = slot.slot;
  aim.lane = lane;
  return aim;
}

bool is_service_gone(const aws::AwsError& error) {
  return error.name == "ServiceNotFoundException" || error.name == "ServiceNotActiveException";
}

}  // namespace

Work EcsEngine::work_of(const Aim& aim, const std::stop_token& stop) {
  return {.aws = aws_,
          .journal = journal_,
          .settings = settings_,
          .names = names_,
          .aim = aim,
          .stop = stop};
}

Result<void> EcsEngine::bring(const std::string& app_id, Slot slot_name, const Sight* sight,
                              const std::stop_token& stop) {
  std::vector<InstanceRecord> all = book_.instances(app_id);
  std::erase_if(all, [&](const InstanceRecord& each) { return each.slot != slot_name; });
  if (const auto number = scaled_number(book_.slot(app_id, slot_name)))
    return bring_scaled(book_.slot(app_id, slot_name), *number, all, stop);
  TRY(const SlotRecord slot, let_go(book_.slot(app_id, slot_name), all));
  std::vector<InstanceRecord> wanted = all;
  std::erase_if(wanted, [](const InstanceRecord& each) { return !each.is_wanted(); });
  const auto key = std::pair(app_id, slot_name);
  const int count = int(wanted.size());
  if (count > 0 && (slot.desired < count || slot.revision != wanted.front().spec.revision ||
                    slot.definition.empty())) {
    // One that was asked to stop and was not seen leaving would stay, as one of the new number.
    for (InstanceRecord& each : all)
      if (each.stop && !each.end && !each.task.empty() && !each.is_leaving && !each.stop->is_forced)
        TRY_VOID(stop_task(each, "it was asked to stop", stop));
    TRY_VOID(raise(slot, wanted, count, stop));
  } else if (slot.desired != count) {
    const bool is_asked = std::any_of(
        all.begin(), all.end(), [](const InstanceRecord& each) { return each.stop && !each.end; });
    Instant since;
    {
      const std::lock_guard lock(mutex_);
      since = spare_since_.emplace(key, clock_.now()).first->second;
    }
    // Nobody asked for fewer, one ended: what ECS started in its place may be wanted in a moment.
    if (!is_asked && slot.desired > 0 && clock_.now() - since < cadence_.spare_kept) return {};
    TRY_VOID(lower(slot, all, stop));
  } else if (slot.is_protected && sight != nullptr) {
    const std::string service = names_.service(app_id, slot_name);
    const auto leaves = [&](const auto& entry) {
      const TaskFacts& task = entry.second;
      const bool stays = std::any_of(wanted.begin(), wanted.end(), [&](const InstanceRecord& each) {
        return each.task == task.arn;
      });
      return task.service == service && !task.is_leaving() && !stays;
    };
    // The last one that had to go is going.
    if (!std::any_of(sight->tasks.begin(), sight->tasks.end(), leaves)) {
      TRY_VOID(end_protection(slot, wanted, stop));
    }
  }
  const std::lock_guard lock(mutex_);
  spare_since_.erase(key);
  return {};
}

Result<void> EcsEngine::end_protection(SlotRecord slot, const std::vector<InstanceRecord>& stay,
                                       const std::stop_token& stop) {
  // A task that cannot be told any more is going itself.
  TRY(const bool ignored, protect(slot, stay, 0, stop));
  (void)ignored;
  slot.is_protected = false;
  return book_.keep(slot);
}

Result<void> EcsEngine::raise(SlotRecord slot, const std::vector<InstanceRecord>& wanted,
                              int number, const std::stop_token& stop) {
  const std::int64_t revision = wanted.front().spec.revision;
  // Another revision ran there: its tasks go first, or ECS would keep them until the new ones are
  // ready.
  if (slot.revision != 0 && slot.revision != revision && slot.desired != 0 &&
      !slot.definition.empty()) {
    TRY_VOID(scale(slot, 0, false, stop));
  }
  const bool is_there = slot.revision == revision && !slot.definition.empty() && slot.desired > 0;
  if (!is_there) return place(slot, wanted, number, stop);
  const bool has_tasks = std::any_of(wanted.begin(), wanted.end(),
                                     [](const InstanceRecord& each) { return each.was_ready; });
  if (slot.has_failed && has_tasks)
    return make_error(ErrorCode::FailedPrecondition,
                      fmt::format("ECS gave up the deployment of the service {}, and starts no "
                                  "more tasks of it while others of it run: stop those, or deploy "
                                  "again",
                                  names_.service(slot.app_id, slot.slot)));
  return scale(slot, number, slot.has_failed, stop);
}

// The service is made, or brought to another revision, while none of its tasks is wanted for
// something else.
Result<void> EcsEngine::place(SlotRecord slot, const std::vector<InstanceRecord>& wanted,
                              int number, const std::stop_token& stop) {
  const auto told = std::find_if(wanted.begin(), wanted.end(),
                                 [](const InstanceRecord& each) { return !each.is_found; });
  if (told == wanted.end())
    return make_error(
        ErrorCode::FailedPrecondition,
        fmt::format("the service {} is gone, and nothing but the tags of its tasks "
                    "is known of revision {}: deploy the app again",
                    names_.service(slot.app_id, slot.slot), wanted.front().spec.revision));
  if (slot.revision != told->spec.revision) {
    slot.revision = told->spec.revision;
    slot.definition.clear();
    slot.has_failed = false;
  }
  slot.desired = 0;
  TRY_VOID(book_.keep(slot));
  Aim aim{.spec = told->spec, .slot = slot.slot, .tasks = number, .lane = aws::Lane::Deploy};
  if (settings_.routing == Routing::Alb && !placer_)
    return make_error(ErrorCode::FailedPrecondition,
                      "nobody remembers here where the rules of apps are");
  if (placer_) {
    TRY(const model::RulePlace place, placer_->place(slot.app_id, stop));
    aim.rule_priority = place.priority;
    aim.listener = place.listener;
  }
  TRY(const ServicePlace placed, sync_.ensure(aim, stop));
  if (placed.is_switching)
    log_.warning("Target groups are being replaced; the next deployment goes on with it",
                 {{"app", slot.app_id}, {"service", names_.service(slot.app_id, slot.slot)}});
  const bool is_given_up = slot.has_failed && placed.task_definition == slot.definition;
  slot.definition = placed.task_definition;
  slot.desired = number;
  if (is_given_up) return scale(slot, slot.desired, true, stop);
  slot.has_failed = false;
  return book_.keep(slot);
}

Result<void> EcsEngine::scale(SlotRecord& slot, int desired, bool is_forced,
                              const std::stop_token& stop) {
  const std::string name = names_.service(slot.app_id, slot.slot);
  const Aim aim = aim_of(slot, desired > 0 ? aws::Lane::Deploy : aws::Lane::Reconcile);
  json request = {{"cluster", settings_.cluster},
                  {"service", name},
                  {"taskDefinition", slot.definition},
                  {"desiredCount", desired}};
  // A deployment that ECS gave up starts no task again, whatever the count.
  if (is_forced) request["forceNewDeployment"] = true;
  const auto told = work_of(aim, stop).change("ecs", "UpdateService", name, request);
  if (!told && is_service_gone(told.error())) {
    slot.desired = 0;
    slot.definition.clear();
    TRY_VOID(book_.keep(slot));
    if (desired == 0) return {};
    return Error{.code = ErrorCode::Unavailable,
                 .message = fmt::format("the service {} is gone; it is made anew", name),
                 .retry = Retry::Later};
  }
  if (!told) return aws::to_error(told.error());
  slot.desired = desired;
  if (is_forced) slot.has_failed = false;
  return book_.keep(slot);
}

// ECS chooses which tasks go when there are to be fewer: those that stay are protected. Where that
// is not possible for all of them, those that go are stopped by name first, so that there is
// nothing left to choose.
Result<void> EcsEngine::lower(SlotRecord slot, const std::vector<InstanceRecord>& all,
                              const std::stop_token& stop) {
  std::vector<InstanceRecord> stay;
  std::vector<InstanceRecord> go;
  for (const InstanceRecord& each : all) {
    if (each.is_wanted()) stay.push_back(each);
    if (each.stop && !each.end && !each.task.empty()) go.push_back(each);
  }
  if (slot.definition.empty()) {  // there is no service
    slot.desired = 0;
    return book_.keep(slot);
  }
  if (slot.is_protected) {
    // One that goes now may have been among those that stayed the last time.
    TRY(const bool ignored, protect(slot, go, 0, stop));
    (void)ignored;
    slot.is_protected = !stay.empty();
  }
  if (!stay.empty()) {
    slot.is_protected = true;
    TRY_VOID(book_.keep(slot));
    TRY(const bool is_safe, protect(slot, stay, kProtectionMinutes, stop));
    if (!is_safe)
      for (InstanceRecord& each : go) TRY_VOID(stop_task(each, "it was asked to stop", stop));
  }
  return scale(slot, int(stay.size()), false, stop);
}

Result<bool> EcsEngine::protect(const SlotRecord& slot, const std::vector<InstanceRecord>& stay,
                                int minutes, const std::stop_token& stop) {
  bool are_all = true;
  std::vector<std::string> tasks;
  for (const InstanceRecord& each : stay) {
    if (each.task.empty())
      are_all = false;
    else if (!each.is_leaving)
      tasks.push_back(each.task);
  }
  const Aim aim = aim_of(slot, aws::Lane::Reconcile);
  const Work work = work_of(aim, stop);
  for (std::size_t from = 0; from < tasks.size(); from += kMaxProtectedTasks) {
    const std::vector<std::string> batch(
        tasks.begin() + std::ptrdiff_t(from),
        tasks.begin() + std::ptrdiff_t(std::min(tasks.size(), from + kMaxProtectedTasks)));
    json request = {
        {"cluster", settings_.cluster}, {"tasks", batch}, {"protectionEnabled", minutes > 0}};
    if (minutes > 0) request["expiresInMinutes"] = minutes;
    TRY(const json answer, plain(work.change("ecs", "UpdateTaskProtection",
                                             names_.service(slot.app_id, slot.slot), request)));
    are_all &= list_at(answer, "failures").empty();
  }
  return are_all;
}

Result<void> EcsEngine::stop_task(InstanceRecord& record, const std::string& why,
                                  const std::stop_token& stop) {
  const auto stopped = aws_.call("ecs", "StopTask",
                                 {{"cluster", settings_.cluster},
                                  {"task", record.task},
                                  {"reason", fmt::format("Pixell: {}", why)}},
                                 {.lane = aws::Lane::Deploy, .stop = stop});
  // A task that ECS does not find has ended.
  if (!stopped && stopped.error().name != "InvalidParameterException")
    return aws::to_error(stopped.error());
  log_.info("Task stopped", {{"app", record.spec.app_id},
                             {"instance", record.spec.id},
                             {"task", record.task},
                             {"why", why}});
  if (!record.stop) return {};
  record.stop->is_forced = true;
  return book_.keep(record);
}

Result<void> EcsEngine::force_stops(const std::string& app_id, const std::stop_token& stop) {
  for (InstanceRecord record : book_.instances(app_id)) {
    const bool is_overdue = record.stop && !record.end && !record.task.empty() &&
                            !record.stop->is_forced && clock_.unix_now() >= record.stop->deadline;
    if (is_overdue) TRY_VOID(stop_task(record, "its grace has passed", stop));
  }
  return {};
}

Result<void> EcsEngine::tag_tasks(const std::string& app_id, const std::stop_token& stop) {
  for (InstanceRecord record : book_.instances(app_id)) {
    if (record.end || record.task.empty() || record.is_tagged) continue;
    const auto tagged = aws_.call(
        "ecs", "TagResource",
        {{"resourceArn", record.task}, {"tags", ecs_tags({{kInstanceTag, record.spec.id}})}},
        {.lane = aws::Lane::Reconcile, .stop = stop});
    if (!tagged) {
      // The record knows it; the tag is for when that is lost.
      log_.warning("A task could not be tagged with its instance",
                   {{"task", record.task}, {"error", aws::describe(tagged.error())}});
      continue;
    }
    record.is_tagged = true;
    TRY_VOID(book_.keep(record));
  }
  return {};
}

// Only a mirror: that it fails is told and tried again, and is no instance's trouble.
void EcsEngine::mirror(const std::string& app_id, const std::stop_token& stop) {
  const auto due = mirror_at_.find(app_id);
  if (due == mirror_at_.end() || due->second > clock_.now()) return;
  Aim aim;
  aim.spec.app_id = app_id;
  aim.lane = aws::Lane::Collect;
  if (const auto told = discovery_.mirror(aim, stop); !told) {
    due->second = clock_.now() + kDiscoveryRetry;
    log_.warning("Cloud Map does not know an app's tasks yet",
                 {{"app", app_id},
                  {"error", told.error().message},
                  {"again_in_ms", kDiscoveryRetry.count()}});
    return;
  }
  mirror_at_.erase(due);
}

}  // namespace pixell::engine::ecs
