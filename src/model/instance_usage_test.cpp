#include "model/instance_usage.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace pixell::model {
namespace {

TEST(InstanceUsageJson, ComesBackAsItWas) {
  const InstanceUsage usage{.cpu_seconds = 1.5, .memory_bytes = 1 << 20, .threads = 7};

  EXPECT_EQ(*instance_usage_from_json(to_json(usage)), usage);
}

TEST(InstanceUsageJson, IsRefusedWithoutAFigure) {
  const auto read = instance_usage_from_json({{"cpu_seconds", 1}, {"threads", 2}});

  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::DataLoss);
}

}  // namespace
}  // namespace pixell::model
