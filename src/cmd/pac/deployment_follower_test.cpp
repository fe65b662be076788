#include "cmd/pac/deployment_follower.hpp"

#include <gmock/gmock.h>

#include "base/testing/fake_clock.hpp"
#include "cmd/pac/testing/fake_pixell.hpp"

namespace pixell::cmd {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kPath = "GET /v1/deployments/01J0000000000000000000000D";

api::Reply deployment(const char* state, const char* step = "start_instance",
                      const char* status = "processing") {
  return api::json_reply(
      200, {{"deployment",
             testing::deployment_body(
                 state, {{"steps", json::array({{{"name", step}, {"status", status}}})}})}});
}

class DeploymentFollowerTest : public ::testing::Test {
 protected:
  // Follows a deployment of which each look shows the next reply, and from then on the last. Time
  // passes with each answer.
  Outcome<json> follow(std::vector<api::Reply> replies, std::stop_token stop = {}) {
    testing::ApiServer pixell(
        [&, at = std::size_t{0}](const net::RequestHead& head, auto&) mutable {
          clock_.advance(Millis(1'000));
          if (!head.target.starts_with("/v1/deployments/"))
            return api::json_reply(200, {{"events", json::array()}, {"last_sequence", 5}});
          ++looks_;
          return replies[std::min(at++, replies.size() - 1)];
        });
    const Session session{.api = ApiClient(pixell.url(), {}, std::move(stop)),
                          .screen = {},
                          .wants_json = false,
                          .clock = clock_};
    ::testing::internal::CaptureStdout();
    auto ended =
        follow_deployment(session, testing::deployment_body("queued"), {.pause = Millis(0)});
    shown_ = ::testing::internal::GetCapturedStdout();
    return ended;
  }

  FakeClock clock_;
  std::string shown_;
  int looks_ = 0;
};

const api::Reply kAway = api::problem(503, "the control plane is not reachable");

TEST_F(DeploymentFollowerTest, ShowsEachChangeOnceUntilItIsCompleted) {
  const auto ended = follow({deployment("queued", "validate_package"),
                             deployment("processing", "validate_package"),
                             deployment("completed", "validate_package", "completed")});

  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->at("state"), "completed");
  EXPECT_EQ(shown_, "validate_package processing\nvalidate_package completed in 0 ms\n");
  EXPECT_EQ(looks_, 3);
}

TEST_F(DeploymentFollowerTest, GoesOnWhileControlIsAwayForAMoment) {
  const auto ended =
      follow({kAway, kAway, deployment("processing"), kAway, deployment("completed")});

  EXPECT_TRUE(ended);
}

TEST_F(DeploymentFollowerTest, GivesUpWhenControlStaysAway) {
  const auto ended = follow({kAway});

  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, ExitCode::NotReachable);
  EXPECT_THAT(ended.error().lines,
              ElementsAre("the control plane is not reachable", HasSubstr("goes on; look again")));
}

TEST_F(DeploymentFollowerTest, GivesUpSomeTimeAfterTheDeadlineAndTellsHowToGoOn) {
  const auto ended = follow({deployment("processing")});

  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, ExitCode::Failed);
  EXPECT_THAT(ended.error().lines, ElementsAre(HasSubstr("has not ended by its deadline")));
  // Ten minutes of its own and the margin, at two answers a look.
  EXPECT_GE(looks_, (600'000 + kFollowMargin.count()) / 2'000 - 5);
}

TEST_F(DeploymentFollowerTest, SaysThatTheDeploymentGoesOnWhenInterrupted) {
  std::stop_source stop;
  stop.request_stop();

  const auto ended = follow({deployment("processing")}, stop.get_token());

  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, ExitCode::Interrupted);
  EXPECT_THAT(ended.error().lines,
              ElementsAre(HasSubstr("goes on; look again with `pac deployments hello`")));
}

TEST_F(DeploymentFollowerTest, EndsWhenTheDeploymentIsNotThere) {
  const auto ended = follow({api::problem(404, "there is no deployment")});

  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, ExitCode::NotFound);
  EXPECT_EQ(looks_, 1);
}

}  // namespace
}  // namespace pixell::cmd
