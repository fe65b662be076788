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

Result<void> Orphans::GuardedJournal::begin(const Step& step) {
  TRY(const bool is_live, in_use_.is_live(step.app_id));
  if (is_live)
    return make_error(
        ErrorCode::FailedPrecondition,
        fmt::format("the app {} is there again, nothing more of it is removed", step.app_id));
  return kept_.begin(step);
}

Result<std::vector<Orphan>> Orphans::list(std::stop_token stop) {
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
      TRY(live[owned.app_id], in_use_.is_live(owned.app_id));
    }
    const bool is_gone = !live[owned.app_id];
    bool is_left = is_gone;
    if (!is_gone) {
      TRY(is_left, is_replaced(owned, in_use_, settings_.routing));
    }
    if (is_left)
      orphans.push_back({.kind = owned.kind,
                         .resource = owned.resource,
                         .app_id = owned.app_id,
                         .is_app_gone = is_gone});
  }
  std::stable_sort(orphans.begin(), orphans.end(),
                   [](const Orphan& a, const Orphan& b) { return a.app_id < b.app_id; });
  return orphans;
}

Result<Removed> Orphans::remove_app(const std::vector<Orphan>& orphans,
                                    const std::stop_token& stop) {
  const std::string& app = orphans.front().app_id;
  const Aim aim = aim_of(app);
  const Work work{.aws = parts_.aws,
                  .journal = parts_.journal,
                  .settings = settings_,
                  .names = names_,
                  .aim = aim,
                  .stop = stop};
  // Those in no rule and no service are found by their tags alone.
  for (const Orphan& each : orphans)
    if (each.kind == kTargetGroupKind)
      TRY_VOID(parts_.journal.begin(work.step("elbv2", kDeleteTargetGroup, each.resource)));
  return removal_.remove(app, stop);
}

Result<Collected> Orphans::collect(std::stop_token stop) {
  TRY(const std::vector<Orphan> orphans, list(stop));
  Collected collected;
  for (auto from = orphans.begin(); from != orphans.end();) {
    const auto end = std::find_if(
        from, orphans.end(), [from](const Orphan& each) { return each.app_id != from->app_id; });
    const std::vector<Orphan> of_app(from, end);
    from = end;
    const std::string& app = of_app.front().app_id;
    if (!of_app.front().is_app_gone) continue;
    TRY(const bool is_live, in_use_.is_live(app));
    if (is_live) continue;
    const auto removed = remove_app(of_app, stop);
    if (!removed)
      collected.failed.push_back(fmt::format("{}: {}", app, removed.error().message));
    else if (!removed->is_done)
      collected.waiting.push_back(fmt::format("{}: {}", app, removed->waits_for));
    else
      collected.removed.push_back(app);
  }
  return collected;
}

}  // namespace pixell::engine::ecs
