#include "model/scaling.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace pixell::model {
namespace {

TEST(Scaling, SurvivesAsJson) {
  for (const ScalingMetric metric : {ScalingMetric::Cpu, ScalingMetric::Memory}) {
    const ScalingReport report{.order = {.scaling = {.min_instances = 2,
                                                     .max_instances = 9,
                                                     .metric = metric,
                                                     .percent = 60},
                                         .revision = 7,
                                         .is_suspended = true},
                               .instances = 4};
    const auto read = scaling_report_from_json(to_json(report));
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(*read, report);
  }
}

TEST(Scaling, RefusesWhatItDidNotWrite) {
  EXPECT_FALSE(scaling_from_json({{"min_instances", 1}, {"max_instances", 2}}));
  EXPECT_FALSE(scaling_from_json({{"min_instances", "1"}}));
  EXPECT_FALSE(scaling_report_from_json({{"instances", 1}}));
}

TEST(Scaling, BoundsHold) {
  const Scaling scaling{.min_instances = 2, .max_instances = 4};
  EXPECT_EQ(within(scaling, 1), 2);
  EXPECT_EQ(within(scaling, 3), 3);
  EXPECT_EQ(within(scaling, 9), 4);
}

}  // namespace
}  // namespace pixell::model
