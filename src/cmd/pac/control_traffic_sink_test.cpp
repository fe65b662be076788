#include "cmd/pac/control_traffic_sink.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cmd/pac/testing/api_server.hpp"

namespace pixell::cmd {
namespace {

class ControlTrafficSinkTest : public ::testing::Test {
 protected:
  // Control answers with `reply`.
  Result<UnixMillis> send(api::Reply reply) {
    testing::ApiServer control(
        [&](const net::RequestHead& head, net::BodyReader& body) {
          line_ = head.method + " " + head.target;
          const auto read = body.read(Millis(5'000));
          body_ = read ? *read : read.error().message;
          return reply;
        },
        net::listen_unix(socket_).value());
    model::TrafficReport report{.started_at = 5, .revisions = {}};
    report.revisions.push_back({.app_id = "hello", .revision = 3, .requests = 1});
    return sink_.send(report);
  }

  TempDirectory directory_;
  std::filesystem::path socket_ = directory_ / "control.sock";
  std::unique_ptr<ControlLink> link_ = make_socket_link(socket_);
  ControlTrafficSink sink_{*link_, "edge1"};
  std::string line_;
  std::string body_;
};

TEST_F(ControlTrafficSinkTest, SendsTheReportAndTellsSinceWhenControlListens) {
  const auto sent = send({.status = 200, .body = R"({"listening_since": 7})"});

  ASSERT_TRUE(sent) << sent.error().message;
  EXPECT_EQ(*sent, 7);
  EXPECT_EQ(line_, "POST /internal/edges/edge1/measurements");
  const auto json = nlohmann::json::parse(body_, nullptr, false);
  ASSERT_FALSE(json.is_discarded()) << body_;
  EXPECT_EQ(model::traffic_report_from_json(json).value().revisions.at(0).revision, 3);
}

TEST_F(ControlTrafficSinkTest, RefusesAnswersItCannotRead) {
  EXPECT_EQ(send({.status = 500, .body = "{}"}).error().code, ErrorCode::Unavailable);
  EXPECT_EQ(send({.status = 200, .body = "{"}).error().code, ErrorCode::DataLoss);
  EXPECT_EQ(send({.status = 200, .body = R"({"listening_since": "now"})"}).error().code,
            ErrorCode::DataLoss);
}

TEST_F(ControlTrafficSinkTest, IsUnavailableWhileControlIsAway) {
  EXPECT_EQ(sink_.send({}).error().code, ErrorCode::Unavailable);
}

}  // namespace
}  // namespace pixell::cmd
