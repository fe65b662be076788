// What AWS has: one look at all tasks, and at the services that are to be looked at.

#include <algorithm>

#include "engine/ecs/ecs_engine_impl.hpp"

namespace pixell::engine::ecs {

using nlohmann::json;

namespace {

template <class T, class Take>
Result<void> in_batches(const std::vector<T>& all, std::size_t size, const Take& take) {
  for (std::size_t from = 0; from < all.size(); from += size) {
    json batch = json::array();
    for (std::size_t i = from; i < std::min(all.size(), from + size); ++i) batch.push_back(all[i]);
    TRY_VOID(take(batch));
  }
  return {};
}

// Wanted, but no task of its was seen.
bool has_no_task(const InstanceRecord& record) { return record.is_wanted() && record.task.empty(); }

}  // namespace

bool EcsEngine::is_in_motion() const {
  std::map<std::pair<std::string, Slot>, int> wanted;
  for (const InstanceRecord& each : book_.instances()) {
    if (each.end) continue;
    if (!each.was_ready || each.stop || each.is_leaving || !each.is_tagged) return true;
    ++wanted[{each.spec.app_id, each.slot}];
  }
  const std::vector<SlotRecord> slots = book_.slots();
  return std::any_of(slots.begin(), slots.end(), [&](const SlotRecord& slot) {
    const auto found = wanted.find({slot.app_id, slot.slot});
    return (slot.is_protected && !scaled_number(slot)) ||
           slot.desired != (found == wanted.end() ? 0 : found->second);
  });
}

std::optional<Slot> EcsEngine::slot_of(const TaskFacts& task) const {
  for (const Slot slot : {Slot::A, Slot::B})
    if (names_.service(task.app_id, slot) == task.service) return slot;
  return {};
}

Result<void> EcsEngine::look(const std::stop_token& stop) {
  auto seen = observe(stop);
  {
    const std::lock_guard lock(mutex_);
    looked_at_ = clock_.now();
    failure_ = seen ? std::nullopt : std::optional(seen.error());
  }
  if (!seen) return std::move(seen).error();
  std::set<std::string> apps;
  for (const InstanceRecord& each : book_.instances()) apps.insert(each.spec.app_id);
  for (const SlotRecord& each : book_.slots()) apps.insert(each.app_id);
  for (const ScalingRecord& each : book_.scalings()) apps.insert(each.app_id);
  for (const auto& [arn, task] : seen->tasks) apps.insert(task.app_id);
  scalings_left_ = kScalingsPerLook;
  for (const std::string& app_id : apps) {
    if (stop.stop_requested()) break;
    const auto mutex = app_mutex(app_id);
    const std::unique_lock lock(*mutex, std::try_to_lock);
    // Somebody changes it right now: what was seen is not what is.
    if (!lock) continue;
    // One app's trouble is not the others'.
    if (const auto settled = settle(app_id, *seen, stop); !settled && !stop.stop_requested())
      log_.warning("An app's tasks are not as they should be yet",
                   {{"app", app_id}, {"error", settled.error().message}});
  }
  return {};
}

Result<Sight> EcsEngine::observe(const std::stop_token& stop) {
  Sight sight;
  sight.slots = book_.slots();
  std::set<std::string> wanted;
  for (const InstanceRecord& each : book_.instances())
    if (!each.end && !each.task.empty()) wanted.insert(each.task);
  TRY(const std::vector<std::string> running,
      list_tasks({{"cluster", settings_.cluster}, {"desiredStatus", "RUNNING"}}, stop));
  std::set<std::string> still_foreign;
  for (const std::string& each : running) {
    if (foreign_.contains(each))
      still_foreign.insert(each);
    else
      wanted.insert(each);
  }
  foreign_ = std::move(still_foreign);
  TRY_VOID(describe_tasks({wanted.begin(), wanted.end()}, sight, stop));
  TRY_VOID(find_failed_starts(sight, stop));
  TRY_VOID(describe_services(sight, stop));
  return sight;
}

Result<std::vector<std::string>> EcsEngine::list_tasks(const json& filter,
                                                       const std::stop_token& stop) {
  std::vector<std::string> arns;
  const auto listed = aws_.pages("ecs", "ListTasks", filter, {.stop = stop}, [&](const json& page) {
    for (const json& each : list_at(page, "taskArns"))
      if (each.is_string()) arns.push_back(each.get<std::string>());
    return true;
  });
  // Before the first service there may be no cluster; making one tells what is wrong.
  if (!listed && (listed.error().name == "ServiceNotFoundException" ||
                  listed.error().name == "ClusterNotFoundException"))
    return arns;
  if (!listed) return aws::to_error(listed.error());
  return arns;
}

Result<void> EcsEngine::describe_tasks(const std::vector<std::string>& arns, Sight& sight,
                                       const std::stop_token& stop) {
  return in_batches(arns, kMaxDescribedTasks, [&](const json& batch) -> Result<void> {
    TRY(const json answer,
        plain(aws_.call("ecs", "DescribeTasks",
                        {{"cluster", settings_.cluster}, {"tasks", batch}, {"include", {"TAGS"}}},
                        {.stop = stop})));
    for (const json& each : list_at(answer, "failures"))
      if (text_at(each, "reason") == "MISSING") sight.missing.insert(text_at(each, "arn"));
    for (const json& each : list_at(answer, "tasks")) {
      TaskFacts task = task_facts(each);
      const bool is_ours = task.installation == names_.installation() && !task.app_id.empty();
      if (is_ours)
        sight.tasks.insert_or_assign(task.arn, std::move(task));
      else
        foreign_.insert(task.arn);
    }
    return {};
  });
}

// A task that fails at once is never seen running. Where an instance has none, those that ended are
// looked at.
Result<void> EcsEngine::find_failed_starts(Sight& sight, const std::stop_token& stop) {
  std::set<std::string> services;
  for (const InstanceRecord& each : book_.instances())
    if (has_no_task(each)) services.insert(names_.service(each.spec.app_id, each.slot));
  for (const auto& [arn, task] : sight.tasks)
    if (task.instance.empty() && !task.is_leaving()) services.erase(task.service);
  std::vector<std::string> arns;
  for (const std::string& service : services) {
    TRY(const std::vector<std::string> ended, list_tasks({{"cluster", settings_.cluster},
                                                          {"serviceName", service},
                                                          {"desiredStatus", "STOPPED"}},
                                                         stop));
    arns.insert(arns.end(), ended.begin(), ended.end());
  }
  return describe_tasks(arns, sight, stop);
}

// Those of instances without a task, and of the others the next few.
std::vector<std::string> EcsEngine::services_to_look_at(const Sight& sight) {
  std::set<std::string> names;
  for (const InstanceRecord& each : book_.instances())
    if (each.is_wanted() && !each.was_ready)
      names.insert(names_.service(each.spec.app_id, each.slot));
  const std::size_t count = std::min(sight.slots.size(), kServicesPerLook);
  for (std::size_t i = 0; i < count; ++i) {
    const SlotRecord& slot = sight.slots[(next_service_ + i) % sight.slots.size()];
    names.insert(names_.service(slot.app_id, slot.slot));
  }
  next_service_ = sight.slots.empty() ? 0 : (next_service_ + count) % sight.slots.size();
  return {names.begin(), names.end()};
}

Result<void> EcsEngine::describe_services(Sight& sight, const std::stop_token& stop) {
  const std::vector<std::string> names = services_to_look_at(sight);
  return in_batches(names, kMaxDescribedServices, [&](const json& batch) -> Result<void> {
    const auto answer =
        aws_.call("ecs", "DescribeServices", {{"cluster", settings_.cluster}, {"services", batch}},
                  {.stop = stop});
    if (!answer && answer.error().name == "ClusterNotFoundException") return {};
    if (!answer) return aws::to_error(answer.error());
    for (const json& each : batch) sight.looked_at.insert(each.get<std::string>());
    for (const json& each : list_at(*answer, "services")) {
      ServiceFacts facts = service_facts(each);
      sight.services.insert_or_assign(facts.name, std::move(facts));
    }
    return {};
  });
}

}  // namespace pixell::engine::ecs
