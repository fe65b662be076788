#include "model/resources.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

namespace pixell::model {
namespace {

TEST(Limits, TakesValuesThatAreInTheirRange) {
  LimitsAsked limits;

  EXPECT_TRUE(set_limit(limits, "memory_mb", 64));
  EXPECT_TRUE(set_limit(limits, "cpus", 1.5));
  EXPECT_TRUE(set_limit(limits, "processes", 32));
  EXPECT_TRUE(set_limit(limits, "disk_mb", 10));

  EXPECT_EQ(limits,
            (LimitsAsked{.memory_mb = 64, .cpu_milli = 1500, .processes = 32, .disk_mb = 10}));
}

TEST(Limits, RefusesWhatIsOutOfRangeNotWholeOrUnknown) {
  LimitsAsked limits;
  const struct {
    const char* name;
    double value;
    ErrorCode code;
  } rows[] = {{"memory_mb", 15, ErrorCode::OutOfRange},
              {"memory_mb", 64.5, ErrorCode::OutOfRange},
              {"cpus", 0, ErrorCode::OutOfRange},
              {"cpus", -1, ErrorCode::OutOfRange},
              {"processes", 1e9, ErrorCode::OutOfRange},
              {"disk_mb", std::numeric_limits<double>::quiet_NaN(), ErrorCode::OutOfRange},
              {"memory", 64, ErrorCode::NotFound}};
  for (const auto& row : rows) {
    const auto set = set_limit(limits, row.name, row.value);
    ASSERT_FALSE(set) << row.name;
    EXPECT_EQ(set.error().code, row.code) << row.name;
  }
  EXPECT_EQ(limits, LimitsAsked{});
}

TEST(Limits, NamesTheRangeInItsMessage) {
  LimitsAsked limits;

  EXPECT_EQ(set_limit(limits, "cpus", 0).error().message, "must be a number from 0.05 to 1024");
  EXPECT_EQ(set_limit(limits, "memory_mb", 1).error().message,
            "must be a whole number from 16 to 1048576");
}

TEST(Limits, ComeBackFromJson) {
  const LimitsAsked limits{.memory_mb = 64, .cpu_milli = 250, .processes = {}, .disk_mb = 5};

  const auto json = to_json(limits);

  EXPECT_EQ(json.dump(), R"({"cpus":0.25,"disk_mb":5,"memory_mb":64})");
  EXPECT_EQ(limits_from_json(json).value(), limits);
  EXPECT_TRUE(limits_from_json({{"from_the_future", 1}}));
  EXPECT_FALSE(limits_from_json({{"memory_mb", "x"}}));
  EXPECT_FALSE(limits_from_json({{"memory_mb", 1}}));
  EXPECT_FALSE(limits_from_json(3));
}

TEST(Limits, TheCallerWinsOverTheManifestAndThatOverTheUsual) {
  const LimitsAsked caller{.memory_mb = 64, .cpu_milli = {}, .processes = {}, .disk_mb = {}};
  const LimitsAsked manifest{.memory_mb = 128, .cpu_milli = 500, .processes = {}, .disk_mb = {}};

  const Resources resolved = resolve_resources(caller, manifest, {.disk_mb = 7});

  EXPECT_EQ(resolved.memory_mb, 64);
  EXPECT_EQ(resolved.cpu_milli, 500);
  EXPECT_EQ(resolved.max_pids, Resources{}.max_pids);
  EXPECT_EQ(resolved.disk_mb, 7);
}

}  // namespace
}  // namespace pixell::model
