#include "model/traffic_report.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace pixell::model {
namespace {

using nlohmann::json;

TrafficReport sample() {
  RevisionTraffic traffic{
      .app_id = "hello", .revision = 3, .since = 200, .requests = 7, .errors = 2};
  traffic.latency_counts[4] = 7;
  return {.started_at = 100, .revisions = {traffic}};
}

TEST(TrafficReport, ReadsBackWhatWasWritten) {
  const auto back = traffic_report_from_json(to_json(sample()));

  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->started_at, 100);
  const RevisionTraffic& traffic = back->revisions.at(0);
  EXPECT_EQ(traffic.app_id, "hello");
  EXPECT_EQ(traffic.revision, 3);
  EXPECT_EQ(traffic.since, 200);
  EXPECT_EQ(traffic.requests, 7);
  EXPECT_EQ(traffic.errors, 2);
  EXPECT_EQ(traffic.latency_counts, sample().revisions[0].latency_counts);
}

TEST(TrafficReport, CountsFromTheStartOfTheEdgeWhenItDoesNotSay) {
  json body = to_json(sample());
  body["revisions"][0].erase("since");

  EXPECT_EQ(traffic_report_from_json(body).value().revisions.at(0).since, 100);
}

TEST(TrafficReport, RefusesWhatItCannotRead) {
  const auto refuses = [](const char* pointer, const json& value) {
    json body = to_json(sample());
    body[json::json_pointer(pointer)] = value;
    const auto read = traffic_report_from_json(body);
    return !read && read.error().code == ErrorCode::InvalidArgument;
  };

  EXPECT_TRUE(refuses("/started_at", "now"));
  EXPECT_TRUE(refuses("/revisions", json::array({1})));
  EXPECT_TRUE(refuses("/revisions/0/app_id", 1));
  EXPECT_TRUE(refuses("/revisions/0/requests", -1));
  EXPECT_TRUE(refuses("/revisions/0/errors", -1));
  EXPECT_TRUE(refuses("/revisions/0/latency_counts", json::array({1, 2})));
  EXPECT_TRUE(refuses("/revisions/0/latency_counts/0", -1));
  EXPECT_TRUE(refuses("/revisions", json(std::vector<int>(kMaxReportedRevisions + 1))));
  EXPECT_FALSE(traffic_report_from_json(json::array()));
}

}  // namespace
}  // namespace pixell::model
