#include "cmd/pac/deployment_follower.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/testing/fake_clock.hpp"
#include "cmd/pac/testing/api_server.hpp"

namespace pixell::cmd {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

api::Reply deployment(const char* status, const char* step, json more = json::object()) {
  json body = {{"id", "01D"}, {"status", status}, {"progress", {{"current_step", step}}}};
  body.update(more);
  return api::json_reply(200, {{"deployment", body}});
}

class DeploymentFollowerTest : public ::testing::Test {
 protected:
  // Follows a deployment of which each look shows the next reply, and from then on the last.
  Outcome<void> follow(std::vector<api::Reply> replies, FollowPatience patience = {}) {
    patience.pause = Millis(0);
    testing::ApiServer pixell([&, at = std::size_t{0}](auto&, auto&) mutable {
      clock_.advance(Millis(1'000));
      return replies[std::min(at++, replies.size() - 1)];
    });
    ::testing::internal::CaptureStdout();
    auto ended = follow_deployment(ApiClient(pixell.url()), "01D", clock_, patience);
    shown_ = ::testing::internal::GetCapturedStdout();
    looks_ = pixell.requests();
    return ended;
  }

  FakeClock clock_;
  std::string shown_;
  int looks_ = 0;
};

TEST_F(DeploymentFollowerTest, ShowsEachStateOnceUntilItIsCompleted) {
  const auto ended =
      follow({deployment("queued", "validate_package"), deployment("processing", "start_instance"),
              deployment("processing", "start_instance"), deployment("completed", "finalize")});

  EXPECT_TRUE(ended);
  EXPECT_EQ(shown_, "queued validate_package\nprocessing start_instance\ncompleted finalize\n");
  EXPECT_EQ(looks_, 4);
}

TEST_F(DeploymentFollowerTest, TellsCauseEvidenceAndRemedyOfAFailure) {
  const json failure = {{"evidence", {"line 1", "line 2"}}, {"remedy", "Write it."}};

  const auto ended =
      follow({deployment("failed", "start_instance",
                         {{"error", "handler_missing: no handler"}, {"failure", failure}})});

  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, ExitCode::DeploymentFailed);
  EXPECT_THAT(ended.error().lines, ElementsAre("deployment failed: handler_missing: no handler",
                                               "  line 1", "  line 2", "  what to do: Write it."));
}

TEST_F(DeploymentFollowerTest, GoesOnWhileControlIsAwayForAMoment) {
  const api::Reply away = api::problem(503, "the control plane is not reachable");

  const auto ended =
      follow({away, away, deployment("queued", "a"), away, deployment("completed", "b")},
             {.away = Millis(2'500)});

  EXPECT_TRUE(ended);
  EXPECT_EQ(shown_, "queued a\ncompleted b\n");
}

TEST_F(DeploymentFollowerTest, GivesUpWhenControlStaysAway) {
  const auto ended = follow({api::problem(503, "the control plane is not reachable")});

  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, ExitCode::NotReachable);
  EXPECT_EQ(looks_, kFollowAway / Millis(1'000));
}

TEST_F(DeploymentFollowerTest, GivesUpAtItsDeadlineAndTellsHowToGoOn) {
  const auto ended = follow({deployment("processing", "a")});

  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, ExitCode::Failed);
  EXPECT_THAT(ended.error().lines, ElementsAre(HasSubstr("01D has not ended within 900 s")));
  EXPECT_EQ(looks_, kFollowTimeout / Millis(1'000));
}

TEST_F(DeploymentFollowerTest, EndsWhenTheDeploymentIsNotThere) {
  const auto ended = follow({api::problem(404, "there is no deployment '01D'")});

  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, ExitCode::NotFound);
  EXPECT_EQ(looks_, 1);
}

}  // namespace
}  // namespace pixell::cmd
