#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <variant>

#include "reconcile/scaling_plan.hpp"
#include "reconcile/testing/planner_fixture.hpp"

// How the planner follows an engine that scales an app by itself.

namespace pixell::reconcile {
namespace {

using model::InstancePhase;
using model::ScalingOrder;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr model::Scaling kScaling{.min_instances = 2, .max_instances = 4, .percent = 60};

class PlannerScalingTest : public PlannerTest {
 protected:
  PlannerScalingTest() {
    wants(1);
    view_.engine_scales = true;
    view_.app.settings.scaling = kScaling;
  }
  // The engine has been told what the settings say, and wants so many.
  void engine_wants(int instances) {
    view_.scaling =
        model::ScalingReport{.order = {.scaling = kScaling, .revision = 1}, .instances = instances};
  }
  // So many serve.
  void serves(int instances) {
    std::vector<std::string> addresses;
    for (int i = 1; i <= instances; ++i)
      addresses.push_back(runs(fmt::format("i{}", i), 1, InstancePhase::Ready).address);
    routes_to(1, addresses);
  }
  ScaleApp order() const { return scaling_step(view_).value_or(ScaleApp{}); }
};

TEST_F(PlannerScalingTest, TellsTheEngineFirstAndStartsAtTheMinimum) {
  serves(1);

  const Plan planned = plan(view_, kNow);

  const auto& told = std::get<ScaleApp>(planned.steps.at(0));
  EXPECT_EQ(told.order, (ScalingOrder{.scaling = kScaling, .revision = 1}));
  EXPECT_EQ(told.instances, 2);
  EXPECT_THAT(described(planned), ElementsAre(StartsWith("scale_app"), "start_instance 1 "));
}

TEST_F(PlannerScalingTest, StartsWhatTheEngineWantsMore) {
  serves(2);
  engine_wants(4);

  EXPECT_THAT(steps(), ElementsAre("start_instance 1 ", "start_instance 1 #1"));
}

TEST_F(PlannerScalingTest, DrainsWhatTheEngineWantsFewerBeforeItStopsIt) {
  serves(3);
  engine_wants(2);

  EXPECT_THAT(steps(), ElementsAre("publish_route 1=1000,unix:/i1,unix:/i2;"));

  routes_to(1, {"unix:/i1", "unix:/i2"});
  view_.edges_applied = false;
  EXPECT_THAT(steps(), IsEmpty()) << "an edge still sends there";
  view_.edges_applied = true;
  EXPECT_THAT(steps(), ElementsAre("stop_instance i3"));
}

TEST_F(PlannerScalingTest, StaysWithinTheBounds) {
  serves(2);
  engine_wants(1);
  EXPECT_THAT(steps(), IsEmpty());
  engine_wants(9);
  EXPECT_EQ(wanted_instances(view_), 4);
}

TEST_F(PlannerScalingTest, KeepsTheNumberDuringARollout) {
  serves(3);
  engine_wants(3);
  deploys("d1", 2);

  const Plan planned = plan(view_, kNow);

  const auto& told = std::get<ScaleApp>(planned.steps.at(0));
  EXPECT_EQ(told.order, (ScalingOrder{.scaling = kScaling, .revision = 1, .is_suspended = true}));
  const auto texts = described(planned);
  EXPECT_EQ(std::count_if(texts.begin(), texts.end(),
                          [](const auto& text) { return text.starts_with("start_instance 2"); }),
            3)
      << "the new revision is as large as the engine had made the old one";
}

TEST_F(PlannerScalingTest, TellsTheRevisionThatServesNow) {
  engine_wants(3);
  wants(2);

  EXPECT_EQ(order().order, (ScalingOrder{.scaling = kScaling, .revision = 2}));
}

TEST_F(PlannerScalingTest, LeavesTheNumberAloneWhileTrafficIsShared) {
  engine_wants(3);
  view_.app.traffic = model::with_weight(view_.app.traffic, 2, 300);

  ASSERT_TRUE(order().order);
  EXPECT_TRUE(order().order->is_suspended);
  EXPECT_EQ(wanted_instances(view_), 3);
}

TEST_F(PlannerScalingTest, TakesItBackWithTheSettingAndWithTheApp) {
  engine_wants(3);
  view_.app.settings = {.instances = 1};
  ASSERT_TRUE(scaling_step(view_));
  EXPECT_FALSE(order().order);
  EXPECT_EQ(wanted_instances(view_), 1);

  view_.app.settings.scaling = kScaling;
  view_.app.is_deleting = true;
  const Plan planned = plan(view_, kNow);
  EXPECT_FALSE(std::get<ScaleApp>(planned.steps.at(0)).order);
}

TEST_F(PlannerScalingTest, AnEngineThatCannotIsNotAsked) {
  view_.engine_scales = false;
  serves(2);

  EXPECT_THAT(steps(), IsEmpty());
}

TEST_F(PlannerScalingTest, NothingIsSaidBeforeSomethingServes) {
  view_.app.traffic = {};

  EXPECT_FALSE(scaling_step(view_));
}

}  // namespace
}  // namespace pixell::reconcile
