#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "reconcile/planner.hpp"

namespace pixell::reconcile {

/// When the story is told.
inline constexpr UnixMillis kNow = 1'700'000'000'000;

/// Each step as describe() says it.
inline std::vector<std::string> described(const Plan& plan) {
  std::vector<std::string> texts;
  for (const Step& step : plan.steps) texts.push_back(describe(step));
  return texts;
}

/// Builds a view the way a story is told.
class PlannerTest : public ::testing::Test {
 protected:
  PlannerTest() {
    view_.app.id = "hello";
    view_.edges_applied = true;
  }

  void wants(std::int64_t revision) {
    view_.app.traffic = model::all_to(view_.app.traffic, revision);
  }
  model::Deployment& deploys(const std::string& id, std::int64_t revision = 0) {
    model::Deployment deployment;
    deployment.id = id;
    deployment.app_id = "hello";
    deployment.revision = revision;
    deployment.package_url = "file:///a.apkg";
    deployment.created_at = kNow;
    deployment.deadline = kNow + 600'000;
    deployment.steps = model::new_deployment_steps();
    view_.open_deployments.push_back(deployment);
    return view_.open_deployments.back();
  }
  model::Instance& runs(const std::string& id, std::int64_t revision, model::InstancePhase phase) {
    ObservedInstance seen;
    seen.in_engine = true;
    seen.instance.id = id;
    seen.instance.app_id = "hello";
    seen.instance.revision = revision;
    seen.instance.phase = phase;
    seen.instance.address = "unix:/" + id;
    seen.instance.started_at = kNow - 1'000;
    seen.instance.changed_at = kNow;
    view_.instances.push_back(seen);
    return view_.instances.back().instance;
  }
  void routes_to(std::int64_t revision, std::vector<std::string> addresses) {
    view_.route.route.legs = {{.revision = revision,
                               .weight_permille = 1000,
                               .tag = {},
                               .addresses = std::move(addresses)}};
    view_.route.generation = 1;
    view_.route.changed_at = kNow;
  }
  std::vector<std::string> steps(UnixMillis now = kNow) { return described(plan(view_, now)); }

  AppView view_;
};

}  // namespace pixell::reconcile
