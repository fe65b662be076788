// Apps that Application Auto Scaling scales: it changes the number of a service's tasks, and that
// number is what the service has. Instances follow it, by those who start and stop them.

#include <algorithm>

#include "engine/ecs/ecs_engine_impl.hpp"
#include "engine/ecs/scaling_target.hpp"

namespace pixell::engine::ecs {

namespace {

constexpr std::array kBothSlots{Slot::A, Slot::B};
constexpr std::int64_t kMinuteMs = 60'000;

std::vector<InstanceRecord> wanted_of(const std::vector<InstanceRecord>& all) {
  std::vector<InstanceRecord> wanted = all;
  std::erase_if(wanted, [](const InstanceRecord& each) { return !each.is_wanted(); });
  return wanted;
}

bool serves(const InstanceRecord& record) {
  return record.is_wanted() && record.was_ready && !record.is_leaving;
}

}  // namespace

Result<void> EcsEngine::scale_app(std::string_view app_id,
                                  const std::optional<model::ScalingOrder>& order, int instances) {
  TRY_VOID(model::check_app_id(app_id));
  TRY_VOID(load());
  const std::string id(app_id);
  const auto mutex = app_mutex(id);
  const std::lock_guard lock(*mutex);
  const auto known = book_.scaling(id);
  if (!known && !order) return {};
  ScalingRecord record = known.value_or(ScalingRecord{.app_id = id});
  if (order) {
    const std::vector<InstanceRecord> all = book_.instances(id);
    const auto running = std::count_if(all.begin(), all.end(), [&](const InstanceRecord& each) {
      return each.is_wanted() && each.spec.revision == order->revision;
    });
    const int number = record.report ? record.report->instances : std::max(instances, int(running));
    record.report =
        model::ScalingReport{.order = *order, .instances = model::within(order->scaling, number)};
  } else {
    record.report.reset();
  }
  if (known != record) {
    TRY_VOID(book_.keep(record));
    changed();
  }
  // It is recorded: what AWS does not take now, the next look says again. Nobody else changes the
  // number any more before we do.
  const bool is_quiet = !order || order->is_suspended;
  if (is_quiet) tell_scaling(id, nullptr, {});
  for (const Slot slot : kBothSlots)
    if (const auto told = bring(id, slot, nullptr, {}); !told)
      log_.warning("A scaled service is not as it should be yet",
                   {{"app", id}, {"error", told.error().message}});
  if (!is_quiet) tell_scaling(id, nullptr, {});
  return {};
}

Result<std::optional<model::ScalingReport>> EcsEngine::scaling_of(std::string_view app_id) {
  TRY_VOID(load());
  const auto record = book_.scaling(std::string(app_id));
  return record ? record->report : std::nullopt;
}

Result<std::map<std::string, model::ScalingReport>> EcsEngine::scalings() {
  TRY_VOID(load());
  std::map<std::string, model::ScalingReport> reports;
  for (const ScalingRecord& each : book_.scalings())
    if (each.report) reports.emplace(each.app_id, *each.report);
  return reports;
}

// ------------------------------------------------------------------------------------- the number

std::optional<int> EcsEngine::scaled_number(const SlotRecord& slot) const {
  const auto record = book_.scaling(slot.app_id);
  if (!record || !record->report || record->report->order.is_suspended) return {};
  if (slot.revision != record->report->order.revision) return {};
  return record->report->instances;
}

// The bounds are ours to keep, and a service that is gone is ours to make anew.
Result<void> EcsEngine::bring_scaled(const SlotRecord& slot, int number,
                                     const std::vector<InstanceRecord>& all,
                                     const std::stop_token& stop) {
  const std::vector<InstanceRecord> wanted = wanted_of(all);
  const bool is_up = std::any_of(wanted.begin(), wanted.end(), serves);
  const bool is_small = slot.desired < number || slot.definition.empty();
  if (!wanted.empty() && (is_small || (slot.has_failed && !is_up))) {
    TRY_VOID(raise(slot, wanted, number, stop));
  } else if (slot.desired > number) {
    SlotRecord large = slot;
    TRY_VOID(scale(large, number, false, stop));
  }
  const SlotRecord now = book_.slot(slot.app_id, slot.slot);
  TRY_VOID(hold(now, wanted, stop));
  return release(now, all, stop);
}

Result<void> EcsEngine::follow_number(SlotRecord slot, int desired) {
  auto record = book_.scaling(slot.app_id);
  if (!record || !record->report) return {};
  log_.info("Application Auto Scaling changed the number of a service's tasks",
            {{"app", slot.app_id},
             {"service", names_.service(slot.app_id, slot.slot)},
             {"before", slot.desired},
             {"now", desired}});
  record->report->instances = model::within(record->report->order.scaling, desired);
  // First what is wanted: the change is seen again as long as the slot is as before.
  TRY_VOID(book_.keep(*record));
  slot.desired = desired;
  TRY_VOID(book_.keep(slot));
  changed();
  return {};
}

// ------------------------------------------------------------------------------------- protection

// ECS may end none of those that serve: which one goes is decided where its requests come from.
Result<void> EcsEngine::hold(const SlotRecord& slot, const std::vector<InstanceRecord>& wanted,
                             const std::stop_token& stop) {
  const UnixMillis now = clock_.unix_now();
  const UnixMillis half = now + kScaledProtectionMinutes * kMinuteMs / 2;
  std::vector<InstanceRecord> due = wanted;
  std::erase_if(due, [&](const InstanceRecord& each) {
    return !serves(each) || each.task.empty() || each.protected_until > half;
  });
  if (due.empty()) return {};
  TRY(const bool are_all, protect(slot, due, kScaledProtectionMinutes, stop));
  if (!are_all) {
    log_.warning("Tasks of a scaled app could not all be protected; it is tried again",
                 {{"app", slot.app_id}, {"service", names_.service(slot.app_id, slot.slot)}});
    return {};
  }
  for (InstanceRecord& each : due) {
    each.protected_until = now + kScaledProtectionMinutes * kMinuteMs;
    TRY_VOID(book_.keep(each));
  }
  return {};
}

bool EcsEngine::is_held(const SlotRecord& slot) const {
  const UnixMillis now = clock_.unix_now();
  const std::vector<InstanceRecord> all = book_.instances(slot.app_id);
  return std::none_of(all.begin(), all.end(), [&](const InstanceRecord& each) {
    return each.slot == slot.slot && serves(each) && each.protected_until <= now;
  });
}

// Those that were asked to stop. With more tasks than are desired ECS takes one that it may: this
// one, if all others are protected. Otherwise it is stopped by name.
Result<void> EcsEngine::release(const SlotRecord& slot, const std::vector<InstanceRecord>& all,
                                const std::stop_token& stop) {
  const UnixMillis now = clock_.unix_now();
  const std::vector<InstanceRecord> wanted = wanted_of(all);
  const std::vector<InstanceRecord> fresh = book_.instances(slot.app_id);
  const bool are_others_safe =
      std::all_of(fresh.begin(), fresh.end(), [&](const InstanceRecord& each) {
        return each.slot != slot.slot || !each.is_wanted() || each.protected_until > now;
      });
  const bool has_one_too_many = slot.desired <= int(wanted.size());
  for (InstanceRecord each : all) {
    if (!each.stop || each.end || each.task.empty() || each.is_leaving || each.stop->is_forced)
      continue;
    bool is_released = are_others_safe && has_one_too_many;
    if (is_released && each.protected_until != 0) {
      TRY(is_released, protect(slot, {each}, 0, stop));
      each.protected_until = 0;
      TRY_VOID(book_.keep(each));
    }
    if (!is_released) TRY_VOID(stop_task(each, "it was asked to stop", stop));
  }
  return {};
}

Result<SlotRecord> EcsEngine::let_go(SlotRecord slot, const std::vector<InstanceRecord>& all) {
  bool had_some = false;
  for (InstanceRecord each : all) {
    if (each.protected_until == 0 || each.end) continue;
    if (!had_some && !slot.is_protected) {
      // First: it is what says that they are protected still.
      slot.is_protected = true;
      TRY_VOID(book_.keep(slot));
    }
    had_some = true;
    each.protected_until = 0;
    TRY_VOID(book_.keep(each));
  }
  return slot;
}

// ------------------------------------------------------------------------------------ telling AWS

// The service that runs the scaled revision, once it is there.
std::array<bool, kSlots> EcsEngine::targets_of(const ScalingRecord& record) const {
  std::array<bool, kSlots> targets{};
  if (!record.report) return targets;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const SlotRecord slot = book_.slot(record.app_id, kBothSlots[i]);
    targets[i] = slot.revision == record.report->order.revision && !slot.definition.empty();
  }
  return targets;
}

void EcsEngine::tell_scaling(const std::string& app_id, int* looks_left,
                             const std::stop_token& stop) {
  const auto record = book_.scaling(app_id);
  if (!record) return;
  ToldScaling telling{.targets = targets_of(*record)};
  if (record->report) telling.order = record->report->order;
  {
    const std::lock_guard lock(mutex_);
    const auto told = told_scalings_.find(app_id);
    const bool is_news = told == told_scalings_.end() || told->second.order != telling.order ||
                         told->second.targets != telling.targets;
    if (!is_news && clock_.now() < told->second.again_at) return;
    const bool is_first = told == told_scalings_.end();
    if (looks_left != nullptr && (is_first || !is_news) && (*looks_left)-- <= 0) return;
    if (is_news && telling.order && !telling.order->is_suspended)
      for (std::size_t i = 0; i < telling.targets.size(); ++i)
        // AWS could end one that serves: not before they are protected.
        if (telling.targets[i] && !is_held(book_.slot(app_id, kBothSlots[i]))) return;
  }
  const auto told = bring_targets(*record, stop);
  if (!told)
    log_.warning(
        "Application Auto Scaling was not told of an app yet",
        {{"app", app_id}, {"error", told.error().message}, {"again_in_ms", kScalingRetry.count()}});
  telling.again_at = clock_.now() + (told ? kDriftLook : kScalingRetry);
  const std::lock_guard lock(mutex_);
  if (told && !record->report)
    told_scalings_.erase(app_id);
  else
    told_scalings_.insert_or_assign(app_id, telling);
}

Result<void> EcsEngine::bring_targets(ScalingRecord record, const std::stop_token& stop) {
  const std::array<bool, kSlots> targets = targets_of(record);
  for (std::size_t i = 0; i < targets.size(); ++i) {
    Aim aim{.slot = kBothSlots[i], .lane = aws::Lane::Reconcile};
    aim.spec.app_id = record.app_id;
    const Work work = work_of(aim, stop);
    if (targets[i]) {
      // Before: once AWS may have it, it has to be taken away.
      if (!record.has_target[i]) {
        record.has_target[i] = true;
        TRY_VOID(book_.keep(record));
      }
      const model::ScalingOrder& order = record.report->order;
      TRY_VOID(ensure_scaling(work, order.scaling, order.is_suspended));
    } else if (record.has_target[i]) {
      TRY_VOID(remove_scaling(work));
      record.has_target[i] = false;
      TRY_VOID(book_.keep(record));
    }
  }
  return record.report ? Result<void>() : book_.forget_scaling(record.app_id);
}

}  // namespace pixell::engine::ecs
