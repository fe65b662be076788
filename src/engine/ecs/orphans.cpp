#include "engine/ecs/orphans.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/ecs/orphan_steps.hpp"
#include "engine/ecs/removal_steps.hpp"

namespace pixell::engine::ecs {

namespace {

Aim aim_of(const std::string& app_id) {
  Aim aim{.tasks = 0, .lane = aws::Lane::Collect};
  aim.spec.app_id = app_id;
  return aim;
}

// Of an app that is there: whether it does not use this any more.
Result<bool> is_replaced(const Owned& owned, const Orphans::InUse& in_use, Routing routing) {
  if (owned.kind == kTargetGroupKind) return !owned.is_used;
  if (owned.kind != kRuleKind) return false;
  if (routing == Routing::Edge) return true;
  TRY(const auto place, in_use.place(owned.app_id));
  if (!place) return false;
  return owned.listener != place->listener ||
         (owned.priority != std::to_string(place->priority) &&
          owned.priority != std::to_string(place->priority + 1));
}

}  // namespace

void Orphans::count_age(std::vector<Orphan>& orphans) {
  std::lock_guard lock(mutex_);
  const Instant now = parts_.clock.now();
  std::map<std::string, Instant> seen;
  for (Orphan& each : orphans) {
    const auto before = first_seen_.find(each.resource);
    const Instant since = before == first_seen_.end() ? now : before->second;
    seen[each.resource] = since;
    each.known_for = std::chrono::duration_cast<Millis>(now - since);
  }
  first_seen_ = std::move(seen);
}

Result<std::vector<Orphan>> Orphans::list(const InUse& in_use, std::stop_token stop) {
  const Aim aim = aim_of({});
  const Work work{.aws = parts_.aws,
                  .journal = parts_.journal,
                  .settings = settings_,
                  .names = names_,
                  .aim = aim,
                  .stop = std::move(stop)};
  TRY(const std::vector<Owned> everything, everything_owned(work));
  std::map<std::string, bool> live;
  std::vector<Orphan> orphans;
  for (const Owned& owned : everything) {
    if (!live.contains(owned.app_id)) {
      TRY(live[owned.app_id], in_use.is_live(owned.app_id));
    }
    const bool is_gone = !live[owned.app_id];
    bool is_left = is_gone;
    if (!is_gone) {
      TRY(is_left, is_replaced(owned, in_use, settings_.routing));
    }
    if (is_left)
      orphans.push_back({.kind = owned.kind,
                         .resource = owned.resource,
                         .app_id = owned.app_id,
                         .is_app_gone = is_gone});
  }
  std::stable_sort(orphans.begin(), orphans.end(),
                   [](const Orphan& a, const Orphan& b) { return a.app_id < b.app_id; });
  count_age(orphans);
  return orphans;
}

void Orphans::remove_app(const std::vector<Orphan>& orphans, std::stop_token stop,
                         Collected& collected) {
  const std::string& app = orphans.front().app_id;
  const Aim aim = aim_of(app);
  const Work work{.aws = parts_.aws,
                  .journal = parts_.journal,
                  .settings = settings_,
                  .names = names_,
                  .aim = aim,
                  .stop = stop};
  const auto removed = [&]() -> Result<Removed> {
    // Those in no rule and no service are found by their tags alone.
    for (const Orphan& each : orphans)
      if (each.kind == kTargetGroupKind)
        TRY_VOID(parts_.journal.begin(work.step("elbv2", kDeleteTargetGroup, each.resource)));
    return removal_.remove(app, stop);
  }();
  if (!removed)
    collected.failed.push_back(fmt::format("{}: {}", app, removed.error().message));
  else if (!removed->is_done)
    collected.waiting.push_back(fmt::format("{}: {}", app, removed->waits_for));
  else
    collected.removed.push_back(app);
}

void Orphans::remove_one(const Orphan& orphan, std::stop_token stop, Collected& collected) {
  const Aim aim = aim_of(orphan.app_id);
  const Work work{.aws = parts_.aws,
                  .journal = parts_.journal,
                  .settings = settings_,
                  .names = names_,
                  .aim = aim,
                  .stop = std::move(stop)};
  const auto removed = [&]() -> Result<bool> {
    if (orphan.kind == kTargetGroupKind) return delete_target_group(work, orphan.resource);
    TRY_VOID(delete_rule(work, orphan.resource));
    return true;
  }();
  if (!removed)
    collected.failed.push_back(fmt::format("{}: {}", orphan.resource, removed.error().message));
  else if (!*removed)
    collected.waiting.push_back(fmt::format("{}: it is in use", orphan.resource));
  else
    collected.removed.push_back(orphan.resource);
}

Result<Collected> Orphans::collect(const InUse& in_use, Millis age, std::stop_token stop) {
  TRY(const std::vector<Orphan> orphans, list(in_use, stop));
  Collected collected;
  for (auto from = orphans.begin(); from != orphans.end();) {
    const auto end = std::find_if(
        from, orphans.end(), [from](const Orphan& each) { return each.app_id != from->app_id; });
    const std::vector<Orphan> of_app(from, end);
    from = end;
    TRY(const bool is_live, in_use.is_live(of_app.front().app_id));
    const auto oldest = std::max_element(
        of_app.begin(), of_app.end(),
        [](const Orphan& a, const Orphan& b) { return a.known_for < b.known_for; });
    if (!is_live && of_app.front().is_app_gone) {
      if (oldest->known_for >= age) remove_app(of_app, stop, collected);
      continue;
    }
    for (const Orphan& each : of_app)
      if (!each.is_app_gone && each.known_for >= age) remove_one(each, stop, collected);
  }
  return collected;
}

}  // namespace pixell::engine::ecs
