#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <variant>

#include "reconcile/route_plan.hpp"
#include "reconcile/testing/planner_fixture.hpp"

// What a route has beside its legs: limits, other names, a mirror, a legacy target.

namespace pixell::reconcile {
namespace {

using model::InstancePhase;
using model::Routing;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const Routing kNamed{.limits = {.requests_per_second = 5}, .aliases = {"old"}};
const Routing kLegacy{.legacy = {.address = "10.0.0.7:80", .weight_permille = 200}};

class PlannerRoutingTest : public PlannerTest {
 protected:
  /// Revision 1 serves.
  void serves() {
    wants(1);
    runs("i1", 1, InstancePhase::Ready);
    routes_to(1, {"unix:/i1"});
  }
  /// The route that is to be published; it is the only step.
  PublishRoute published() {
    const Plan planned = plan(view_, kNow);
    EXPECT_EQ(planned.steps.size(), 1u);
    const auto* step =
        planned.steps.empty() ? nullptr : std::get_if<PublishRoute>(&planned.steps[0]);
    EXPECT_NE(step, nullptr);
    return step == nullptr ? PublishRoute() : *step;
  }
  void publish() {
    const PublishRoute step = published();
    view_.route.route.legs = step.legs;
    view_.route.route.routing = step.routing;
  }
};

TEST_F(PlannerRoutingTest, PublishesAChangeOnce) {
  serves();
  view_.app.routing = kNamed;

  const PublishRoute step = published();
  publish();

  EXPECT_EQ(step.routing, kNamed);
  EXPECT_EQ(step.legs.size(), 1u);
  EXPECT_EQ(step.deployment_id, "");
  EXPECT_THAT(steps(), IsEmpty());
}

TEST_F(PlannerRoutingTest, TellsTwoChangesApart) {
  const Step first = PublishRoute{.legs = {}, .routing = kNamed};
  const Step second = PublishRoute{.legs = {}, .routing = kLegacy};

  EXPECT_NE(describe(first), describe(second));
}

TEST_F(PlannerRoutingTest, WaitsForTheEdgesBeforeARolloutGoesOn) {
  serves();
  deploys("d2", 2);
  runs("i2", 2, InstancePhase::Ready);
  view_.app.routing = kNamed;
  publish();

  view_.edges_applied = false;

  EXPECT_THAT(steps(), IsEmpty());
  EXPECT_TRUE(plan(view_, kNow).awaits_edges);
}

TEST_F(PlannerRoutingTest, RoutesALegacyTargetBeforeTheFirstDeployment) {
  view_.app.routing = kLegacy;

  publish();

  EXPECT_THAT(view_.route.route.legs, IsEmpty());
  EXPECT_EQ(view_.route.route.routing.legacy.address, "10.0.0.7:80");
  EXPECT_EQ(view_.route.route.routing.legacy.weight_permille, 1000) << "nothing else can answer";
  EXPECT_THAT(steps(), IsEmpty());
}

TEST_F(PlannerRoutingTest, LeavesTheLegacyTargetEverythingUntilADeploymentHasCompleted) {
  view_.app.routing = kLegacy;
  deploys("d1", 1);
  runs("i1", 1, InstancePhase::Starting);
  publish();
  EXPECT_EQ(view_.route.route.legs.at(0).revision, 1);
  EXPECT_EQ(view_.route.route.routing.legacy.weight_permille, 1000);

  view_.instances[0].instance.phase = InstancePhase::Ready;
  publish();
  EXPECT_EQ(view_.route.route.routing.legacy.weight_permille, 1000);

  view_.open_deployments.clear();
  wants(1);
  publish();
  EXPECT_EQ(view_.route.route.routing, kLegacy) << "from now on it has its share";
}

TEST_F(PlannerRoutingTest, AsksNothingForAnAppThatCannotBeReached) {
  view_.app.routing = kNamed;

  EXPECT_THAT(steps(), IsEmpty());
}

TEST_F(PlannerRoutingTest, TakesALegacyTargetAway) {
  view_.app.routing = kLegacy;
  publish();
  view_.app.routing = {};

  EXPECT_EQ(published().routing, Routing());
}

TEST_F(PlannerRoutingTest, TakesADeletedAppAwayWithItsLegacyTarget) {
  view_.app.routing = kLegacy;
  publish();
  view_.app.is_deleting = true;

  publish();

  EXPECT_EQ(view_.route.route.routing, Routing());
  EXPECT_THAT(steps(), ElementsAre("remove_app hello"));
}

TEST(RoutingBeside, HasAMirrorOnlyBesideItsLeg) {
  model::AgentApp app;
  app.traffic = model::all_to({}, 1);
  app.routing.mirror = {.revision = 2, .permille = 100};
  const std::vector<model::RouteLeg> with_leg = {{.revision = 1, .weight_permille = 1000},
                                                 {.revision = 2, .tag = "shadow"}};

  EXPECT_EQ(routing_beside(app, with_leg), app.routing);
  EXPECT_EQ(routing_beside(app, {with_leg[0]}), Routing());
}

}  // namespace
}  // namespace pixell::reconcile
