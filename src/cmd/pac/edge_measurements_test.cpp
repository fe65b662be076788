#include "cmd/pac/edge_measurements.hpp"

#include <gtest/gtest.h>

#include "base/testing/fake_clock.hpp"
#include "cmd/pac/limits.hpp"

namespace pixell::cmd {
namespace {

class EdgeMeasurementsTest : public ::testing::Test {
 protected:
  struct Told {
    std::int64_t requests = 0;
    std::int64_t errors = 0;
    Millis latency{3};
    std::int64_t revision = 7;
  };
  static model::RevisionTraffic traffic(const Told& told, UnixMillis since) {
    model::RevisionTraffic traffic{.app_id = "hello",
                                   .revision = told.revision,
                                   .since = since,
                                   .requests = told.requests,
                                   .errors = told.errors};
    traffic.latency_counts[model::latency_bucket(told.latency)] = told.requests;
    return traffic;
  }
  // An edge that started with this test tells its counters.
  void tell(const Told& told, std::string_view edge = "a") {
    measurements_.take(edge, {.started_at = start_, .revisions = {traffic(told, start_)}});
  }
  reconcile::TrafficMeasured since(UnixMillis moment, std::int64_t revision = 7) {
    return measurements_.measured("hello", revision, moment);
  }
  UnixMillis now() { return clock_.unix_now(); }

  FakeClock clock_;
  UnixMillis start_ = clock_.unix_now();
  EdgeMeasurements measurements_{clock_};
};

TEST_F(EdgeMeasurementsTest, KnowsNothingAtFirst) {
  EXPECT_EQ(since(0).requests, 0);
  EXPECT_EQ(since(0).errors, 0);
  EXPECT_EQ(since(0).p95_ms, 0);
}

TEST_F(EdgeMeasurementsTest, AddsUpWhatCountersGrewSinceAMoment) {
  clock_.advance(Millis(5'000));
  tell({.requests = 10, .errors = 1});
  clock_.advance(Millis(5'000));
  const UnixMillis moment = now();
  clock_.advance(Millis(250));
  tell({.requests = 14, .errors = 3});

  EXPECT_EQ(since(start_).requests, 14);
  EXPECT_EQ(since(start_).errors, 3);
  EXPECT_EQ(since(moment).requests, 4);
  EXPECT_EQ(since(moment).errors, 2);
  EXPECT_EQ(since(now()).requests, 0);
}

TEST_F(EdgeMeasurementsTest, CountsAReportThatCameTwiceOrLateOnce) {
  clock_.advance(Millis(250));
  tell({.requests = 10});
  tell({.requests = 10});
  tell({.requests = 4});
  tell({.requests = 12});

  EXPECT_EQ(since(start_).requests, 12);
}

TEST_F(EdgeMeasurementsTest, SumsOverAllEdges) {
  clock_.advance(Millis(250));
  tell({.requests = 10, .errors = 1}, "a");
  tell({.requests = 5, .errors = 2}, "b");

  EXPECT_EQ(since(start_).requests, 15);
  EXPECT_EQ(since(start_).errors, 3);
}

TEST_F(EdgeMeasurementsTest, KeepsAppsAndRevisionsApart) {
  clock_.advance(Millis(250));
  tell({.requests = 10});
  tell({.requests = 3, .revision = 8});

  EXPECT_EQ(since(start_, 8).requests, 3);
  EXPECT_EQ(measurements_.measured("other", 7, 0).requests, 0);
}

TEST_F(EdgeMeasurementsTest, TellsThePercentileOfTheSameTime) {
  clock_.advance(Millis(250));
  tell({.requests = 100, .latency = Millis(3)});
  clock_.advance(Millis(5'000));
  const UnixMillis moment = now();
  clock_.advance(Millis(250));
  model::RevisionTraffic slow = traffic({.requests = 100, .latency = Millis(3)}, start_);
  slow.requests = 110;
  slow.latency_counts[model::latency_bucket(Millis(1'000))] = 10;
  measurements_.take("a", {.started_at = start_, .revisions = {slow}});

  EXPECT_GT(since(moment).p95_ms, 724);
  EXPECT_LE(since(moment).p95_ms, 1'024);
}

TEST_F(EdgeMeasurementsTest, GoesOnWhenAnEdgeStartsAnew) {
  clock_.advance(Millis(250));
  tell({.requests = 10});
  clock_.advance(Millis(2'000));
  const UnixMillis restarted = now();
  clock_.advance(Millis(250));

  // More than the former counter: only the start tells that all of it is new.
  measurements_.take(
      "a", {.started_at = restarted, .revisions = {traffic({.requests = 12}, restarted)}});

  EXPECT_EQ(since(start_).requests, 22);
  EXPECT_EQ(since(restarted).requests, 12);
}

TEST_F(EdgeMeasurementsTest, CountsTwoProcessesOfAnEdgeEachByItself) {
  clock_.advance(Millis(250));
  tell({.requests = 10});
  const UnixMillis second = now();
  for (std::int64_t requests = 1; requests <= 3; ++requests) {
    clock_.advance(Millis(250));
    measurements_.take(
        "a", {.started_at = second, .revisions = {traffic({.requests = requests}, second)}});
    tell({.requests = 10 + requests});
  }

  EXPECT_EQ(since(start_).requests, 16);
}

TEST_F(EdgeMeasurementsTest, GoesOnWhenTheCountersOfARevisionBeginAnew) {
  clock_.advance(Millis(250));
  tell({.requests = 10});
  clock_.advance(Millis(2'000));
  const UnixMillis routed_again = now();
  clock_.advance(Millis(250));

  measurements_.take(
      "a", {.started_at = start_, .revisions = {traffic({.requests = 12}, routed_again)}});

  EXPECT_EQ(since(start_).requests, 22);
}

TEST_F(EdgeMeasurementsTest, TakesWhatIsOlderThanItselfAsOldAsItsCounters) {
  const UnixMillis routed = start_ - 60'000;

  measurements_.take(
      "a", {.started_at = routed - 1'000, .revisions = {traffic({.requests = 10}, routed)}});

  EXPECT_EQ(since(routed).requests, 10) << "all of it was counted after that";
  EXPECT_EQ(since(start_).requests, 0) << "nobody knows how much of it";
}

TEST_F(EdgeMeasurementsTest, TellsSinceWhenItHasBeenListening) {
  clock_.advance(Millis(5'000));

  EXPECT_EQ(measurements_.take("a", {}), start_);
}

TEST_F(EdgeMeasurementsTest, HasASampleASecond) {
  for (int quarter = 1; quarter <= 40; ++quarter) {
    clock_.advance(Millis(250));
    tell({.requests = quarter});
  }

  const std::int64_t last_five = since(now() - 5'000).requests;
  EXPECT_GE(last_five, 20);
  EXPECT_LE(last_five, 24) << "at most the second before is in it";
}

TEST_F(EdgeMeasurementsTest, RemembersAnHour) {
  clock_.advance(Millis(250));
  tell({.requests = 10});
  clock_.advance(kTrafficKept - Millis(1'000));
  tell({.requests = 11});
  EXPECT_EQ(since(0).requests, 11);

  clock_.advance(Millis(120'000));
  tell({.requests = 12});

  EXPECT_EQ(since(0).requests, 2);
}

TEST_F(EdgeMeasurementsTest, DropsTheOldestSamplesWhenThereAreTooMany) {
  EdgeMeasurements few(clock_, {.samples = 100});
  for (std::int64_t second = 1; second <= 201; ++second) {
    clock_.advance(kTrafficSampleSpan);
    few.take("a", {.started_at = start_,
                   .revisions = {traffic({.requests = second}, start_),
                                 traffic({.requests = second, .revision = 8}, start_)}});
  }

  EXPECT_LE(few.measured("hello", 7, 0).requests, 50);
  EXPECT_EQ(few.measured("hello", 7, now() - 10'000).requests, 10) << "what is recent stays";
}

TEST_F(EdgeMeasurementsTest, DoesNotCountTwiceWhatItHadToForget) {
  EdgeMeasurements few(clock_, {.series = 10});
  const auto tell_few = [&](const Told& told, UnixMillis since) {
    clock_.advance(Millis(250));
    few.take("a", {.started_at = start_, .revisions = {traffic(told, since)}});
  };
  tell_few({.requests = 10}, start_);
  for (std::int64_t revision = 20; revision < 31; ++revision)
    tell_few({.requests = 1, .revision = revision}, now());
  clock_.advance(Millis(10'000));
  const UnixMillis moment = now();

  tell_few({.requests = 11}, start_);

  EXPECT_EQ(few.measured("hello", 7, moment).requests, 0);
  EXPECT_EQ(few.measured("hello", 30, 0).requests, 1);
}

}  // namespace
}  // namespace pixell::cmd
