#include "reconcile/observer.hpp"

#include <algorithm>
#include <set>

#include "engine/scaler.hpp"

namespace pixell::reconcile {

namespace {

bool has_ended(const model::Instance& instance) {
  return instance.phase == model::InstancePhase::Stopped ||
         instance.phase == model::InstancePhase::Failed;
}

// Spares the store a transaction for each instance that stayed as it was.
bool says_the_same(const model::Instance& row, const model::Instance& seen) {
  return row.phase == seen.phase && row.boot_phase == seen.boot_phase && row.pid == seen.pid &&
         row.address == seen.address && row.exit_code == seen.exit_code &&
         row.exit_signal == seen.exit_signal && row.started_at != 0 &&
         row.restarts >= seen.restarts &&
         row.boot_report.has_value() == seen.boot_report.has_value();
}

}  // namespace

Result<std::vector<std::string>> Observer::look() {
  // Rows first: what is started and recorded before the list is made must be in the list.
  TRY(const std::vector<model::Instance> rows, store_.instances({}));
  TRY(const std::vector<model::Instance> listed, engine_.list());

  std::map<std::string_view, const model::Instance*> recorded;
  for (const model::Instance& row : rows) recorded[row.id] = &row;

  auto sight = std::make_shared<EngineSight>();
  sight->is_seen = true;
  // What it can do stays; asking may cost a call.
  const auto before = sight_.get();
  sight->max_revisions =
      before->is_seen ? before->max_revisions : engine_.capabilities().max_revisions;
  std::set<std::string_view> in_engine;
  std::vector<std::string> strange;
  for (const model::Instance& instance : listed) {
    in_engine.insert(instance.id);
    sight->instances[instance.app_id].push_back(instance);
    const auto row = recorded.find(instance.id);
    if (row == recorded.end()) strange.push_back(instance.app_id);
    // One that was recorded since the rows were read has a row by now.
    if (row == recorded.end() || !says_the_same(*row->second, instance))
      TRY_VOID(rows_.observe(instance));
  }
  for (const model::Instance& row : rows) {
    if (row.started_at == 0 || has_ended(row) || in_engine.contains(row.id)) continue;
    TRY_VOID(rows_.fail(
        row.id,
        model::make_failure(model::Cause::EngineFailed, "the engine no longer knows the instance"),
        clock_.unix_now()));
  }
  if (engine::Scaler* scaler = engine_.scaler()) {
    TRY(sight->scalings, scaler->scalings());
    for (const auto& [app_id, report] : sight->scalings) {
      const auto known = before->scalings.find(app_id);
      if (known == before->scalings.end() || known->second != report) strange.push_back(app_id);
    }
  }
  sight_.set(std::move(sight));
  return strange;
}

bool Observer::lose_sight(const std::string& problem) {
  const auto before = sight_.get();
  if (!before->is_seen && before->problem == problem) return false;
  auto lost = std::make_shared<EngineSight>(*before);
  lost->is_seen = false;
  lost->problem = problem;
  sight_.set(std::move(lost));
  return before->is_seen;
}

Result<AppView> Observer::view_of(const std::string& app_id) const {
  // The sight before the rows: an instance is recorded before it is started, so one in the sight
  // without a row was not recorded, or has been removed since.
  const auto sight = sight_.get();
  AppView view;
  view.engine_seen = sight->is_seen;
  view.engine_problem = sight->problem;
  view.max_revisions = sight->max_revisions;
  auto app = store_.app(app_id);
  if (!app && app.error().code != ErrorCode::NotFound) return std::move(app).error();
  view.app.id = app_id;
  // A short id finds an app too; an engine's instances carry full ids only.
  if (app && app->id == app_id) {
    view.app = std::move(*app);
    TRY(view.open_deployments, store_.deployments({.app_id = app_id, .only_open = true}));
    std::reverse(view.open_deployments.begin(), view.open_deployments.end());
    TRY(view.route, store_.route(app_id));
    TRY(view.retired, store_.revisions({.app_id = app_id, .only_retired = true}));
    std::sort(view.retired.begin(), view.retired.end(),
              [](const model::Revision& a, const model::Revision& b) {
                return a.retired_at > b.retired_at;
              });
    if (!view.open_deployments.empty()) {
      const model::Deployment& newest = view.open_deployments.back();
      if (newest.rollout.stage >= 0)
        view.measured = signals_.measured(app_id, newest.revision, newest.rollout.measured_since);
    }
  }
  if (engine::Scaler* scaler = engine_.scaler()) {
    view.engine_scales = true;
    TRY(view.scaling, scaler->scaling_of(app_id));
  }
  TRY(const std::vector<model::Instance> rows, store_.instances({.app_id = app_id}));
  const auto found = sight->instances.find(app_id);
  const std::vector<model::Instance> none;
  const std::vector<model::Instance>& shown =
      found == sight->instances.end() ? none : found->second;
  const auto is_shown = [&](const std::string& id) {
    return std::any_of(shown.begin(), shown.end(),
                       [&](const model::Instance& instance) { return instance.id == id; });
  };
  std::set<std::string> recorded;
  for (const model::Instance& row : rows) {
    recorded.insert(row.id);
    view.instances.push_back(
        {.instance = row, .in_engine = row.started_at != 0 || is_shown(row.id), .has_row = true});
  }
  for (const model::Instance& instance : shown)
    if (!recorded.contains(instance.id))
      view.instances.push_back({.instance = instance, .in_engine = true, .has_row = false});
  return view;
}

}  // namespace pixell::reconcile
