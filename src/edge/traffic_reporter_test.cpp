#include "edge/traffic_reporter.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include "base/testing/fake_clock.hpp"
#include "edge/testing/routes.hpp"

namespace pixell::edge {
namespace {

using namespace testing;

// Takes reports, or refuses them.
class RecordingSink final : public TrafficSink {
 public:
  Result<UnixMillis> send(const model::TrafficReport& report) override {
    std::lock_guard lock(mutex_);
    ++tries_;
    changed_.notify_all();
    if (is_away) return make_error(ErrorCode::Unavailable, "away");
    reports.push_back(report);
    return listening_since;
  }
  bool wait_for_tries(int tries) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(30), [&] { return tries_ >= tries; });
  }

  bool is_away = false;
  UnixMillis listening_since = 1;
  std::vector<model::TrafficReport> reports;

 private:
  std::mutex mutex_;  // guards tries_ and, while the reporter's thread runs, reports
  std::condition_variable changed_;
  int tries_ = 0;
};

class TrafficReporterTest : public ::testing::Test {
 protected:
  void route(int revisions) {
    std::vector<model::RouteLeg> legs;
    for (int i = 1; i <= revisions; ++i) legs.push_back(leg(i, 0, {}));
    const auto table = table_with({hello(legs)});
    cells_ = meter_.cells_for(*table)[0];
    meter_.keep_only(*table);
  }
  void request(std::size_t slot) {
    cells_.legs[slot]->begin();
    cells_.legs[slot]->replied({.status = 200, .latency = Millis(1)});
    cells_.legs[slot]->end();
  }

  FakeClock clock_;
  TrafficMeter meter_{1, clock_};
  TrafficMeter::Cells cells_;
  RecordingSink sink_;
  TrafficReporter reporter_{meter_, sink_, Log(-1)};
};

TEST_F(TrafficReporterTest, TellsWhatChangedAndNothingElse) {
  route(2);
  EXPECT_TRUE(reporter_.report(false));
  EXPECT_TRUE(sink_.reports.empty());

  request(1);
  EXPECT_TRUE(reporter_.report(false));
  EXPECT_TRUE(reporter_.report(false));

  ASSERT_EQ(sink_.reports.size(), 1u);
  EXPECT_EQ(sink_.reports[0].started_at, meter_.started_at());
  ASSERT_EQ(sink_.reports[0].revisions.size(), 1u);
  EXPECT_EQ(sink_.reports[0].revisions[0].revision, 2);
}

TEST_F(TrafficReporterTest, LosesNothingWhileTheSinkIsAway) {
  route(1);
  sink_.is_away = true;
  request(0);
  EXPECT_EQ(reporter_.report(false).error().code, ErrorCode::Unavailable);
  request(0);

  sink_.is_away = false;
  EXPECT_TRUE(reporter_.report(false));

  EXPECT_EQ(sink_.reports.at(0).revisions.at(0).requests, 2);
}

TEST_F(TrafficReporterTest, TellsEverythingToAReceiverThatIsAnotherOne) {
  route(1);
  request(0);
  EXPECT_TRUE(reporter_.report(false));

  sink_.listening_since = 2;
  EXPECT_TRUE(reporter_.report(true));  // nothing changed: this finds the other one
  EXPECT_TRUE(reporter_.report(false));

  ASSERT_EQ(sink_.reports.size(), 3u);
  EXPECT_TRUE(sink_.reports[1].revisions.empty());
  EXPECT_EQ(sink_.reports[2].revisions.at(0).requests, 1);
}

TEST_F(TrafficReporterTest, SendsMuchInPieces) {
  const int revisions = static_cast<int>(model::kMaxReportedRevisions) + 1;
  route(revisions);
  for (int i = 0; i < revisions; ++i) request(static_cast<std::size_t>(i));

  EXPECT_TRUE(reporter_.report(true));

  ASSERT_EQ(sink_.reports.size(), 2u);
  EXPECT_EQ(sink_.reports[0].revisions.size(), model::kMaxReportedRevisions);
  EXPECT_EQ(sink_.reports[1].revisions.size(), 1u);
}

TEST_F(TrafficReporterTest, ReportsByItselfAndOnceMoreWhenItStops) {
  route(1);
  request(0);
  reporter_.start();
  ASSERT_TRUE(sink_.wait_for_tries(1));
  request(0);

  reporter_.stop();

  ASSERT_FALSE(sink_.reports.empty());
  EXPECT_EQ(sink_.reports.back().revisions.at(0).requests, 2);
}

}  // namespace
}  // namespace pixell::edge
