// What was seen at AWS, and what it means for the instances of one app.

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/ecs/ecs_engine_impl.hpp"
#include "engine/ecs/stopped_reason.hpp"

namespace pixell::engine::ecs {

using model::InstancePhase;

namespace {

std::string small(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = char(c - 'A' + 'a');
  return text;
}

bool is_same(const InstanceRecord& a, const InstanceRecord& b) {
  return a.task == b.task && a.address == b.address && a.task_status == b.task_status &&
         a.was_ready == b.was_ready && a.is_leaving == b.is_leaving &&
         a.end.has_value() == b.end.has_value();
}

}  // namespace

Result<void> EcsEngine::settle(const std::string& app_id, const Sight& sight,
                               const std::stop_token& stop) {
  bool has_news = false;
  TRY_VOID(adopt_found(app_id, sight));
  TRY_VOID(bind(app_id, sight));
  for (InstanceRecord record : book_.instances(app_id)) {
    if (record.end) continue;
    const InstanceRecord before = record;
    follow(record, sight);
    if (is_same(before, record)) continue;
    TRY_VOID(book_.keep(record));
    has_news |= before.was_ready != record.was_ready || before.is_leaving != record.is_leaving ||
                record.end.has_value();
    changed();
  }
  TRY_VOID(fail_unplaced(app_id, sight));
  TRY_VOID(look_at_drift(app_id, sight));
  if (has_news && !settings_.discovery.empty()) mirror_at_.insert_or_assign(app_id, clock_.now());
  TRY_VOID(tag_tasks(app_id, stop));
  for (const Slot slot : {Slot::A, Slot::B}) TRY_VOID(bring(app_id, slot, &sight, stop));
  TRY_VOID(force_stops(app_id, stop));
  tell_scaling(app_id, &scalings_left_, stop);
  mirror(app_id, stop);
  return {};
}

// A running task that says which instance it is, of which there is no record: the state directory
// is not the one that started it, or an older one.
Result<void> EcsEngine::adopt_found(const std::string& app_id, const Sight& sight) {
  for (const auto& [arn, task] : sight.tasks) {
    if (task.app_id != app_id || task.instance.empty() || task.is_leaving()) continue;
    const auto slot = slot_of(task);
    if (!slot || !model::check_app_id(task.instance) || book_.find(task.instance)) continue;
    InstanceRecord record;
    record.spec.id = task.instance;
    record.spec.app_id = app_id;
    record.spec.revision = task.revision;
    record.slot = *slot;
    record.recorded_at = record.changed_at = task.created_at;
    record.is_found = true;
    record.task = arn;
    record.is_tagged = true;
    TRY_VOID(book_.keep(record));
    SlotRecord place = book_.slot(app_id, *slot);
    // What the service was told is found by looking at it.
    place.revision = task.revision;
    place.definition = task.definition;
    TRY_VOID(book_.keep(place));
    log_.warning("A running task without a record was taken over",
                 {{"app", app_id}, {"instance", record.spec.id}, {"task", arn}});
    changed();
  }
  return {};
}

// Gives tasks to instances that have none: first come, first served. A spare one is taken too.
Result<void> EcsEngine::bind(const std::string& app_id, const Sight& sight) {
  const std::vector<InstanceRecord> records = book_.instances(app_id);
  std::set<std::string> taken;
  for (const InstanceRecord& each : records)
    if (!each.task.empty()) taken.insert(each.task);
  std::vector<const TaskFacts*> free;
  for (const auto& [arn, task] : sight.tasks)
    if (task.app_id == app_id && task.instance.empty() && !taken.contains(arn) &&
        !task.was_scaled_in())
      free.push_back(&task);
  // Those that live before those that failed, then by age.
  std::stable_sort(free.begin(), free.end(), [](const TaskFacts* a, const TaskFacts* b) {
    return std::pair(a->is_leaving(), a->created_at) < std::pair(b->is_leaving(), b->created_at);
  });
  for (InstanceRecord record : records) {
    if (!record.is_wanted() || !record.task.empty()) continue;
    const std::string definition = book_.slot(app_id, record.slot).definition;
    const auto fits = [&](const TaskFacts* task) {
      const bool is_old = task->is_leaving() && task->created_at < record.recorded_at;
      // Two revisions may be the same to ECS, which then has one definition of both.
      const bool is_same = task->revision == record.spec.revision || task->definition == definition;
      return slot_of(*task) == record.slot && is_same && !is_old;
    };
    const auto found = std::find_if(free.begin(), free.end(), fits);
    if (found == free.end()) continue;
    record.task = (*found)->arn;
    free.erase(found);
    // Recorded here and then told to AWS: one of both is enough to know it again.
    TRY_VOID(book_.keep(record));
    changed();
  }
  return {};
}

void EcsEngine::follow(InstanceRecord& record, const Sight& sight) {
  if (record.task.empty()) {
    // Its service was told, and no task of its was seen: none will be.
    const SlotRecord slot = book_.slot(record.spec.app_id, record.slot);
    const SlotUses uses = book_.uses(record.spec.app_id);
    const int wanted = uses[record.slot == Slot::A ? 0 : 1].wanted;
    if (record.stop && slot.desired <= wanted) end_as(record, InstancePhase::Stopped, {});
    return;
  }
  if (const auto task = sight.tasks.find(record.task); task != sight.tasks.end())
    return follow_task(record, task->second);
  if (!sight.missing.contains(record.task)) return;  // bound since the look, or not asked for
  if (record.stop || record.is_leaving) return end_as(record, InstancePhase::Stopped, {});
  end_as(record, InstancePhase::Failed,
         model::make_failure(model::Cause::EngineFailed,
                             "ECS no longer knows the instance's task: it ended while nobody "
                             "looked, more than an hour ago",
                             {record.task}));
}

void EcsEngine::follow_task(InstanceRecord& record, const TaskFacts& task) {
  const bool is_at_work = record.was_ready || record.stop;
  // The scheduler took one of several that were starting; another one is this instance.
  if (task.was_scaled_in() && !is_at_work) {
    record.task.clear();
    record.is_tagged = false;
    record.is_leaving = false;
    return;
  }
  if (task.has_ended()) return end_with(record, task);
  if (!record.was_ready) record.task_status = small(task.status);
  if (!task.address.empty()) record.address = task.address + ':' + std::to_string(kRestPort);
  if (task.is_leaving() && !record.is_leaving) {
    record.is_leaving = true;
    if (!record.stop) record.changed_at = clock_.unix_now();
  } else if (task.serves() && !task.is_leaving() && !record.was_ready) {
    record.was_ready = true;
    if (!record.stop) record.changed_at = clock_.unix_now();
  }
}

// par's word comes by CloudWatch, later than the end.
void EcsEngine::end_with(InstanceRecord& record, const TaskFacts& task) {
  const int exit_code = task.exit_code.value_or(-1);
  const bool is_failure = !record.stop && exit_code != 0;
  std::vector<std::string> lines;
  if (is_failure) {
    lines = log_end(record);
    const bool may_still_say = exit_code > 0 && signal_of_exit(exit_code) == 0;
    const std::lock_guard lock(mutex_);
    const Instant since = silent_since_.emplace(record.spec.id, clock_.now()).first->second;
    if (may_still_say && !failure_in_log(lines) && clock_.now() - since < cadence_.log_lag) {
      record.is_leaving = true;
      return;
    }
    silent_since_.erase(record.spec.id);
  }
  end_as(record, is_failure ? InstancePhase::Failed : InstancePhase::Stopped,
         is_failure ? std::optional(failure_of_task(task, lines)) : std::nullopt);
  record.end->exit_code = exit_code;
  record.end->exit_signal = signal_of_exit(exit_code);
}

void EcsEngine::end_as(InstanceRecord& record, InstancePhase phase,
                       std::optional<model::Failure> failure) {
  model::Instance end = view_of(record);
  end.phase = phase;
  end.changed_at = clock_.unix_now();
  if (failure) {
    log_.warning("Instance ended", {{"app", record.spec.app_id},
                                    {"instance", record.spec.id},
                                    {"task", record.task},
                                    {"cause", to_string(failure->cause)},
                                    {"message", failure->message}});
    end.boot_report.emplace();
    end.boot_report->failure = std::move(failure);
  }
  record.end = std::move(end);
}

std::vector<std::string> EcsEngine::log_end(const InstanceRecord& record) {
  const auto piece = task_log(record.spec.id)
                         ->read(aws_, log_stream(record), false, {.max_bytes = kEvidenceBytes});
  if (!piece) return {piece.error().message};
  return last_lines(piece->text, kEvidenceLines);
}

// Instances whose task does not come, or does not come up: by ECS's own word that it gave up, or by
// the time that the start may take.
Result<void> EcsEngine::fail_unplaced(const std::string& app_id, const Sight& sight) {
  for (InstanceRecord record : book_.instances(app_id)) {
    if (!record.is_wanted() || record.was_ready || record.task_status == "running") continue;
    SlotRecord slot = book_.slot(app_id, record.slot);
    const auto found = sight.services.find(names_.service(app_id, record.slot));
    const ServiceFacts service = found == sight.services.end() ? ServiceFacts() : found->second;
    const bool is_given_up =
        record.task.empty() && service.has_failed && service.definition == slot.definition &&
        std::find(sight.slots.begin(), sight.slots.end(), slot) != sight.slots.end();
    const bool is_late =
        clock_.unix_now() - record.recorded_at > record.spec.startup_timeout.count();
    if (!is_given_up && !is_late) continue;
    end_as(record, InstancePhase::Failed,
           failure_of_service(
               service, is_given_up ? "ECS gave up starting the service's tasks"
                                    : fmt::format("no task ran within {} s",
                                                  record.spec.startup_timeout.count() / 1000)));
    TRY_VOID(book_.keep(record));
    if (is_given_up) {
      slot.has_failed = true;
      TRY_VOID(book_.keep(slot));
    }
    changed();
    if (!record.task.empty()) TRY_VOID(stop_task(record, "it did not start in time", {}));
  }
  return {};
}

// Somebody else changed or deleted a service of ours.
Result<void> EcsEngine::look_at_drift(const std::string& app_id, const Sight& sight) {
  for (const Slot each : {Slot::A, Slot::B}) {
    SlotRecord slot = book_.slot(app_id, each);
    const std::string name = names_.service(app_id, each);
    // Changed since the look: what was seen is old.
    if (std::find(sight.slots.begin(), sight.slots.end(), slot) == sight.slots.end()) continue;
    if (!sight.looked_at.contains(name) || slot.definition.empty()) continue;
    const auto found = sight.services.find(name);
    const bool is_gone = found == sight.services.end() || !found->second.is_active;
    if (!is_gone && found->second.desired == slot.desired &&
        found->second.definition == slot.definition)
      continue;
    if (!is_gone && found->second.definition == slot.definition && scaled_number(slot)) {
      TRY_VOID(follow_number(slot, found->second.desired));
      continue;
    }
    log_.warning("A service is not as we left it",
                 {{"app", app_id},
                  {"service", name},
                  {"is_gone", is_gone},
                  {"desired", is_gone ? 0 : found->second.desired},
                  {"should_be", slot.desired}});
    if (is_gone) {  // it is made anew when it is needed
      slot.desired = 0;
      slot.definition.clear();
    } else {
      // With another definition no count is right.
      slot.desired = found->second.definition == slot.definition ? found->second.desired : -1;
    }
    TRY_VOID(book_.keep(slot));
  }
  return {};
}

}  // namespace pixell::engine::ecs
