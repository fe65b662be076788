#include "net/local_fetch.hpp"

#include <gtest/gtest.h>

#include <stop_token>
#include <string>
#include <thread>

#include "net/testing/fetch_fixture.hpp"

namespace pixell::net {
namespace {

using namespace fixture;

using LocalFetchTest = FetchTest;

TEST_F(LocalFetchTest, AnyStatusIsAReply) {
  const auto reply = fetch_local({.socket = socket_, .target = "/a?b=c"});

  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->status, 203);
  EXPECT_EQ(reply->body, "GET /a?b=c ");
}

TEST_F(LocalFetchTest, SendsABodyThatIsLongerThanASocketTakes) {
  const std::string body(3'000'000, 'x');

  const auto reply = fetch_local({.socket = socket_,
                                  .method = "POST",
                                  .target = "/",
                                  .content_type = "application/json",
                                  .body = body});

  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->body, "POST / " + body);
}

TEST_F(LocalFetchTest, IsUnavailableWhenNobodyListens) {
  const auto reply = fetch_local({.socket = directory_ / "nobody", .target = "/"});

  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::Unavailable);
  EXPECT_NE(reply.error().message.find("nobody"), std::string::npos) << reply.error().message;
}

TEST_F(LocalFetchTest, IsUnavailableWhenTheReplyBreaksOff) {
  const auto reply = fetch_local({.socket = socket_, .target = "/half"});

  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::Unavailable);
}

TEST_F(LocalFetchTest, WaitsNoLongerThanItsTimeout) {
  const auto reply = fetch_local({.socket = socket_, .target = "/never", .timeout = Millis(20)});

  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::DeadlineExceeded);
  EXPECT_EQ(reply.error().message, "no reply within 20 ms");
}

TEST_F(LocalFetchTest, EndsWhenItIsStopped) {
  std::stop_source stop;
  std::jthread stopper([&](const std::stop_token& is_over) {
    while (served_ == 0 && !is_over.stop_requested()) std::this_thread::yield();
    stop.request_stop();
  });
  const auto reply = fetch_local({.socket = socket_, .target = "/never", .stop = stop.get_token()});

  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::Cancelled);
}

TEST_F(LocalFetchTest, TakesNoLongerReplyThanItIsAllowed) {
  const auto reply = fetch_local({.socket = socket_, .target = "/big", .max_body_bytes = 99'999});

  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::ResourceExhausted);
}

}  // namespace
}  // namespace pixell::net
