#pragma once

#include <gtest/gtest.h>

#include <random>

#include "reconcile/app_view.hpp"
#include "reconcile/scaling_plan.hpp"

// What an engine does that scales apps, in a planner's small world.

namespace pixell::reconcile {

inline model::AppSettings any_settings(std::mt19937& random) {
  const auto pick = [&random](unsigned below) { return int(random() % below); };
  model::AppSettings settings{
      .instances = 1 + pick(3), .warm_revisions = pick(3), .warm_seconds = 60};
  const int least = 1 + pick(2);
  if (pick(2) == 0)
    settings.scaling = model::Scaling{.min_instances = least, .max_instances = least + pick(3)};
  return settings;
}

/// The engine wants another number, also one that is not within the bounds.
inline void engine_scales(AppView& view, std::mt19937& random) {
  if (view.scaling && !view.scaling->order.is_suspended)
    view.scaling->instances = 1 + int(random() % 5);
}

inline void scale(AppView& view, const ScaleApp& step) {
  EXPECT_TRUE(view.engine_scales);
  if (!step.order) return view.scaling.reset();
  EXPECT_EQ(model::within(step.order->scaling, step.instances), step.instances);
  const int number = view.scaling ? view.scaling->instances : step.instances;
  view.scaling = model::ScalingReport{.order = *step.order,
                                      .instances = model::within(step.order->scaling, number)};
}

/// The engine scales what has the settings for it and a revision that serves, and nothing else.
inline void check_scaling_at_rest(const AppView& view) {
  const auto& wanted = view.app.settings.scaling;
  const auto& legs = view.app.traffic.legs;
  if (!view.engine_scales || !wanted || legs.empty()) {
    EXPECT_FALSE(view.scaling);
    return;
  }
  ASSERT_TRUE(view.scaling);
  EXPECT_EQ(view.scaling->order.scaling, *wanted);
  const std::int64_t leader = model::leading_revision(view.app.traffic);
  EXPECT_EQ(view.scaling->order.revision, leader);
  EXPECT_EQ(view.scaling->order.is_suspended,
            model::weight_of(view.app.traffic, leader) != model::kWholeTraffic);
}

}  // namespace pixell::reconcile
