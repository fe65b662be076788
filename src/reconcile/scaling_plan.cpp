#include "reconcile/scaling_plan.hpp"

namespace pixell::reconcile {

int wanted_instances(const AppView& view) {
  const model::AppSettings& settings = view.app.settings;
  if (!settings.scaling) return settings.instances;
  return model::within(*settings.scaling,
                       view.scaling ? view.scaling->instances : settings.instances);
}

std::optional<ScaleApp> scaling_step(const AppView& view) {
  if (!view.engine_scales || !view.engine_seen) return {};
  const std::int64_t leader = model::leading_revision(view.app.traffic);
  std::optional<model::ScalingOrder> order;
  if (view.app.settings.scaling && leader != 0 && !view.app.is_deleting) {
    const bool is_alone = model::weight_of(view.app.traffic, leader) == model::kWholeTraffic;
    order = model::ScalingOrder{.scaling = *view.app.settings.scaling,
                                .revision = leader,
                                .is_suspended = !view.open_deployments.empty() || !is_alone};
  }
  const auto known = view.scaling ? std::optional(view.scaling->order) : std::nullopt;
  if (order == known) return {};
  return ScaleApp{.app_id = view.app.id, .order = order, .instances = wanted_instances(view)};
}

}  // namespace pixell::reconcile
