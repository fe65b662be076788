#include "model/latency.hpp"

#include <gtest/gtest.h>

namespace pixell::model {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

TEST(LatencyBucket, EndsAtItsBound) {
  EXPECT_EQ(latency_bucket(microseconds(0)), 0u);
  EXPECT_EQ(latency_bucket(milliseconds(1)), 0u);
  EXPECT_EQ(latency_bucket(microseconds(1001)), 1u);
  EXPECT_EQ(latency_bucket(milliseconds(2)), 2u);
  EXPECT_EQ(latency_bucket(milliseconds(65'536)), kLatencyBounds - 1);
  EXPECT_EQ(latency_bucket(milliseconds(65'537)), kLatencyBounds);
  EXPECT_EQ(latency_bucket(std::chrono::hours(1)), kLatencyBounds);
}

TEST(LatencyPercentile, IsZeroOfNothing) { EXPECT_EQ(latency_percentile_ms({}, 95), 0); }

TEST(LatencyPercentile, LiesInTheBucketThatHoldsIt) {
  LatencyCounts counts{};
  counts[latency_bucket(milliseconds(3))] = 94;
  counts[latency_bucket(milliseconds(300))] = 6;

  EXPECT_LE(latency_percentile_ms(counts, 90), 4);
  EXPECT_GT(latency_percentile_ms(counts, 95), 256);
  EXPECT_LE(latency_percentile_ms(counts, 95), 363);
}

TEST(LatencyPercentile, OfWhatTookTooLongIsTheHighestBound) {
  LatencyCounts counts{};
  counts[kLatencyBounds] = 1;

  EXPECT_EQ(latency_percentile_ms(counts, 95), 65'536);
}

}  // namespace
}  // namespace pixell::model
