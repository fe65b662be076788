#include "aws/call.hpp"

#include <gtest/gtest.h>

#include "aws/retry.hpp"
#include "aws/testing/fake_outside.hpp"

namespace pixell::aws {
namespace {

constexpr const char* kSlowDown = "<Error><Code>SlowDown</Code><RequestId>R1</RequestId></Error>";

struct CallerTest : testing::Test {
  Call call() {
    Call made;
    made.name = "ecs ListServices";
    made.signing_name = "ecs";
    made.service = "ecs";
    made.action_class = "read";
    made.region = "us-east-2";
    made.endpoint = *parse_endpoint("https://ecs.us-east-2.amazonaws.com");
    made.body = "{}";
    return made;
  }

  FakeOutside world;
  FakeCredentials credentials;
  RateLimiter limiter{world.clock, [](const BucketKey&) { return BucketRate{100, 10}; }};
  Caller caller{world.outside(), credentials, &limiter};
  const BucketKey key{"", "us-east-2", "ecs", "read"};
};

TEST_F(CallerTest, SendsASignedRequest) {
  world.answer(200, "{}");

  const auto reply = caller.send(call());

  ASSERT_TRUE(reply);
  EXPECT_EQ(world.asked[0].url, "https://ecs.us-east-2.amazonaws.com/");
  EXPECT_EQ(world.header(0, "Host"), "ecs.us-east-2.amazonaws.com");
  EXPECT_TRUE(world.header(0, "Authorization").starts_with("AWS4-HMAC-SHA256 Credential=AKID0/"));
}

TEST_F(CallerTest, PausesARandomPartOfADoublingBoundAfterFailuresOfTheMoment) {
  world.answer(503, "");
  world.answer(500, "<Error><Code>InternalError</Code></Error>");
  world.break_off();
  world.answer(200, "{}");

  ASSERT_TRUE(caller.send(call()));

  EXPECT_EQ(world.pauses, (std::vector{Millis(100), Millis(200), Millis(400)}));
}

TEST_F(CallerTest, PausesLongerAndSlowsDownWhenThrottled) {
  world.answer(503, kSlowDown);
  world.answer(400, R"({"__type":"com.amazonaws.ecs#ThrottlingException"})");
  world.answer(200, "{}");

  ASSERT_TRUE(caller.send(call()));

  EXPECT_EQ(world.pauses[0], Millis(500));
  EXPECT_LT(limiter.rate(key), 10);
}

TEST_F(CallerTest, GivesUpAfterItsAttemptsWithTheRequestId) {
  for (int each = 0; each < kCallAttempts; ++each) world.answer(503, kSlowDown);

  const auto reply = caller.send(call());

  ASSERT_FALSE(reply);
  EXPECT_EQ(world.asked.size(), static_cast<std::size_t>(kCallAttempts));
  EXPECT_EQ(reply.error().code, ErrorCode::ResourceExhausted);
  EXPECT_EQ(describe(reply.error()), "ecs ListServices: SlowDown (503) [request R1]");
}

TEST_F(CallerTest, DoesNotRepeatRefusals) {
  for (const int status : {400, 403, 404}) {
    world.asked.clear();
    world.answer(status, "");

    const auto reply = caller.send(call());

    ASSERT_FALSE(reply) << status;
    EXPECT_EQ(world.asked.size(), 1U) << status;
  }
}

TEST_F(CallerTest, RepeatsWhatMayHaveBeenDoneOnlyAfterARefusal) {
  Call once = call();
  once.is_repeatable = false;
  world.break_off();
  ASSERT_FALSE(caller.send(once));
  EXPECT_EQ(world.asked.size(), 1U);

  world.answer(503, kSlowDown);
  world.answer(200, "{}");
  EXPECT_TRUE(caller.send(once));
}

TEST_F(CallerTest, CorrectsTheClockOnceAndKeepsIt) {
  const char* skewed = "<Error><Code>RequestTimeTooSkewed</Code></Error>";
  // The fake clock begins at Tue, 14 Nov 2023 22:13:20 GMT.
  const std::vector<std::pair<std::string, std::string>> date{
      {"date", "Tue, 14 Nov 2023 23:13:20 GMT"}};
  world.answer(403, skewed, date);
  world.answer(200, "{}", date);
  world.answer(403, skewed, date);

  ASSERT_TRUE(caller.send(call()));
  EXPECT_EQ(caller.skew(), std::chrono::hours(1));
  EXPECT_EQ(world.header(0, "X-Amz-Date"), "20231114T221320Z");
  EXPECT_EQ(world.header(1, "X-Amz-Date"), "20231114T231320Z");
  EXPECT_TRUE(world.pauses.empty());
  // Corrected already and still refused: another correction changes nothing.
  EXPECT_FALSE(caller.send(call()));
  EXPECT_EQ(world.asked.size(), 3U);
}

TEST_F(CallerTest, RenewsExpiredCredentialsOnce) {
  const char* expired = "<Error><Code>ExpiredToken</Code></Error>";
  world.answer(400, expired);
  world.answer(400, expired);

  const auto reply = caller.send(call());

  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::Unauthenticated);
  EXPECT_EQ(world.asked.size(), 2U);
  EXPECT_TRUE(world.header(1, "Authorization").find("AKID1") != std::string::npos);
}

TEST_F(CallerTest, DoesNotRepeatWhatHasBegunToArrive) {
  Call streamed = call();
  std::string got;
  streamed.sink = [&](std::string_view bytes) -> Result<void> {
    got += bytes;
    return {};
  };
  world.break_off("half");

  EXPECT_FALSE(caller.send(streamed));
  EXPECT_EQ(got, "half");
  EXPECT_EQ(world.asked.size(), 1U);
}

TEST_F(CallerTest, EndsByItsDeadline) {
  Call hasty = call();
  hasty.patience = Millis(150);
  world.answer(503, "");
  world.answer(503, "");

  EXPECT_FALSE(caller.send(hasty));
  EXPECT_EQ(world.asked.size(), 2U);
  EXPECT_EQ(world.pauses.size(), 1U);
}

TEST(FullJitter, IsAPartOfABoundThatDoublesUpToALimit) {
  EXPECT_EQ(full_jitter(Remedy::Wait, 1, 0.0), Millis(0));
  EXPECT_EQ(full_jitter(Remedy::Wait, 1, 0.5), kFirstPause / 2);
  EXPECT_EQ(full_jitter(Remedy::Wait, 3, 0.5), kFirstPause * 2);
  EXPECT_EQ(full_jitter(Remedy::WaitLonger, 1, 0.5), kFirstThrottledPause / 2);
  EXPECT_EQ(full_jitter(Remedy::Wait, 1000, 0.5), kMaxPause / 2);
}

}  // namespace
}  // namespace pixell::aws
