#include "edge/traffic_meter.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "base/testing/fake_clock.hpp"
#include "edge/limits.hpp"
#include "edge/testing/routes.hpp"

namespace pixell::edge {
namespace {

using namespace testing;

class TrafficMeterTest : public ::testing::Test {
 protected:
  // Puts routes of these revisions in force; the cells of both loops.
  std::vector<TrafficMeter::Cells> use(const std::vector<std::int64_t>& revisions) {
    std::vector<model::RouteLeg> legs;
    for (const std::int64_t revision : revisions) legs.push_back(leg(revision, 0, {}));
    const auto table = table_with({hello(legs)});
    auto cells = meter_.cells_for(*table);
    meter_.keep_only(*table);
    return cells;
  }
  static void request(TrafficCell& cell, Millis latency, bool is_error = false) {
    cell.begin();
    cell.replied({.status = is_error ? 500 : 200, .latency = latency, .is_error = is_error});
    cell.end();
  }
  std::vector<model::RevisionTraffic> tell() {
    auto told = meter_.changed();
    meter_.acknowledge(told);
    return told;
  }

  FakeClock clock_;
  TrafficMeter meter_{2, clock_};
};

TEST_F(TrafficMeterTest, AddsUpWhatAllLoopsCounted) {
  const auto cells = use({7});

  request(*cells[0].legs[0], Millis(3));
  request(*cells[1].legs[0], Millis(300), true);
  cells[1].legs[0]->begin();
  cells[1].legs[0]->left(Surface::Rest);
  cells[1].legs[0]->end();

  const auto told = meter_.changed();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].app_id, "hello");
  EXPECT_EQ(told[0].revision, 7);
  EXPECT_EQ(told[0].requests, 3);
  EXPECT_EQ(told[0].errors, 1);
  EXPECT_EQ(told[0].latency_counts[model::latency_bucket(Millis(3))], 1);
  EXPECT_EQ(told[0].latency_counts[model::latency_bucket(Millis(300))], 1);
}

TEST_F(TrafficMeterTest, CountsAFailureBehindTheHeadOnce) {
  const auto cells = use({7});

  cells[0].legs[0]->begin();
  cells[0].legs[0]->replied({.status = 200, .latency = Millis(1)});
  cells[0].legs[0]->failed(Surface::Rest);
  cells[0].legs[0]->end();

  EXPECT_EQ(meter_.changed().at(0).requests, 1);
  EXPECT_EQ(meter_.changed().at(0).errors, 1);
}

TEST_F(TrafficMeterTest, TellsOnlyWhatChanged) {
  const auto cells = use({7, 8});
  EXPECT_TRUE(tell().empty());

  request(*cells[0].legs[0], Millis(1));
  EXPECT_EQ(tell().size(), 1u);
  EXPECT_TRUE(tell().empty());

  request(*cells[0].legs[1], Millis(1));
  EXPECT_EQ(tell().at(0).revision, 8);
  meter_.forget_acknowledged();
  EXPECT_EQ(meter_.changed().size(), 2u);
}

TEST_F(TrafficMeterTest, CountsTheLegsOfOneRevisionTogether) {
  const auto cells = use({7, 7});

  EXPECT_EQ(cells[0].legs[0], cells[0].legs[1]);
  EXPECT_NE(cells[0].legs[0], cells[1].legs[0]);
}

TEST_F(TrafficMeterTest, GoesOnCountingOverNewRoutes) {
  request(*use({7})[0].legs[0], Millis(1));
  request(*use({7, 8})[0].legs[0], Millis(1));

  EXPECT_EQ(tell().at(0).requests, 2);
}

TEST_F(TrafficMeterTest, DropsARevisionOnceItIsGoneAndAcknowledged) {
  TrafficCell& cell = *use({7})[0].legs[0];
  request(cell, Millis(1));
  cell.begin();  // an exchange that outlives the route
  use({8});
  EXPECT_EQ(tell().size(), 1u);

  cell.replied({.status = 200, .latency = Millis(1)});
  EXPECT_EQ(tell().at(0).requests, 2);
  EXPECT_TRUE(tell().empty());
  cell.failed(Surface::Rest);
  cell.end();

  EXPECT_EQ(tell().at(0).errors, 1) << "the final report";
  EXPECT_TRUE(tell().empty()) << "dropped by this";
  meter_.forget_acknowledged();
  EXPECT_TRUE(tell().empty());
}

TEST_F(TrafficMeterTest, KeepsARevisionThatIsGoneUntilItIsAcknowledged) {
  request(*use({7})[0].legs[0], Millis(1));
  use({8});

  EXPECT_EQ(meter_.changed().size(), 1u);
  EXPECT_EQ(meter_.changed().size(), 1u);
}

TEST_F(TrafficMeterTest, TellsCountersThatBeganAnewFromTheFormerOnes) {
  request(*use({7})[0].legs[0], Millis(1));
  const auto first = tell().at(0);
  use({});
  EXPECT_TRUE(tell().empty()) << "dropped by this";

  request(*use({7})[0].legs[0], Millis(1));  // within the same millisecond

  const auto second = tell().at(0);
  EXPECT_EQ(second.requests, 1);
  EXPECT_GT(second.since, first.since);
}

TEST_F(TrafficMeterTest, GivesUpWhatEndedWhenItIsTooMuch) {
  std::vector<std::int64_t> revisions(kMaxMeasuredRevisions);
  for (std::size_t i = 0; i < revisions.size(); ++i)
    revisions[i] = static_cast<std::int64_t>(i) + 100;
  request(*use(revisions)[0].legs[0], Millis(1));

  use({7});

  EXPECT_TRUE(meter_.changed().empty());
}

TEST_F(TrafficMeterTest, CountsBySurfaceAndMakesItsCountersWhenTheyAreNeeded) {
  const auto cells = use({7});
  TrafficCell& cell = *cells[0].legs[0];
  EXPECT_EQ(cell.counters(Surface::A2a), nullptr);

  cell.begin();
  cell.replied({.surface = Surface::A2a, .status = 404, .latency = Millis(2)});
  cell.moved(Surface::A2a, 10, 20);
  EXPECT_EQ(cell.active(), 1);
  cell.end();

  const SurfaceCounters* counters = cell.counters(Surface::A2a);
  ASSERT_NE(counters, nullptr);
  EXPECT_EQ(counters->by_class[4].value(), 1);
  EXPECT_EQ(counters->latency_us.value(), 2000);
  EXPECT_EQ(counters->bytes_in.value(), 10);
  EXPECT_EQ(counters->bytes_out.value(), 20);
  EXPECT_EQ(cell.counters(Surface::Ui), nullptr);
  EXPECT_EQ(cell.active(), 0);
}

TEST_F(TrafficMeterTest, KeepsAnAppsCountersWhileSomethingWaitsInThem) {
  EdgeCounters& counters = *use({7})[0].apps[0];
  ++counters.parked;
  ++counters.waiting;
  const auto apps = [this] {
    std::size_t count = 0;
    meter_.visit([&](const TrafficMeter::AppView& app) {
      EXPECT_EQ(app.counters[0].parked.value(), 1);
      ++count;
    });
    return count;
  };

  meter_.keep_only(*table_with({}));
  EXPECT_TRUE(tell().empty()) << "its revision is dropped by this";
  EXPECT_EQ(apps(), 1u);
  --counters.waiting;
  EXPECT_TRUE(tell().empty());

  EXPECT_EQ(apps(), 0u);
}

TEST_F(TrafficMeterTest, IsReadWhileALoopCounts) {
  TrafficCell& cell = *use({7})[0].legs[0];
  constexpr int kRequests = 20'000;
  std::thread loop([&] {
    for (int i = 0; i < kRequests; ++i) request(cell, Millis(i % 50), i % 10 == 0);
  });
  std::int64_t last = 0;
  while (last < kRequests) {
    const auto told = tell();
    if (told.empty()) continue;
    ASSERT_GE(told[0].requests, last);
    last = told[0].requests;
  }
  loop.join();
  meter_.forget_acknowledged();

  EXPECT_EQ(tell().at(0).errors, kRequests / 10);
}

}  // namespace
}  // namespace pixell::edge
