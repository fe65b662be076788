#include "engine/local/node/health_probe.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "model/health.hpp"
#include "net/reply.hpp"
#include "net/testing/wire_fixture.hpp"

namespace pixell::engine::node {
namespace {

using ::testing::HasSubstr;

// A par whose answers the test decides, and a probe on a clock that the test moves.
class HealthProbeTest : public ::testing::Test {
 protected:
  std::unique_ptr<net::StreamHandler> on_request(net::ServerStream& stream) {
    ++questions_;
    EXPECT_EQ(stream.request().path(), "/health");
    EXPECT_EQ(stream.request().headers.get("user-agent"), model::kProbeUserAgent);
    if (status_ != 0) net::send_json(stream, status_, "{}");
    driver_.changed();
    return net::ignore_body();
  }
  void start() {
    probe_->start(server_.address(), [this](const LostContact& lost) { lost_ = lost; });
  }
  // The next question comes and is answered when par answers.
  void let_ask() {
    const int before = questions_;
    clock_.advance(settings_.interval - spent_);
    spent_ = Millis(0);
    ASSERT_TRUE(driver_.until([&] { return questions_ > before; }));
    for (int i = 0; i < 3; ++i) driver_.settle();
  }
  void let_wait(Millis time) {
    clock_.advance(time);
    spent_ += time;
    driver_.settle();
  }
  void miss_one() {
    let_ask();
    let_wait(settings_.timeout);
  }

  FakeClock clock_;
  net::fixture::Driver driver_{clock_};
  ProbeSettings settings_;
  int status_ = 200;  // 0 = says nothing
  int questions_ = 0;
  Millis spent_{0};  // since the last question
  net::fixture::LoopbackServer server_{driver_.loop(),
                                       [this](net::ServerStream& s) { return on_request(s); }};
  net::HttpClient client_{driver_.loop(), kProbeClient};
  std::unique_ptr<HealthProbe> probe_ =
      std::make_unique<HealthProbe>(driver_.loop(), client_, settings_);
  std::optional<LostContact> lost_;
};

TEST_F(HealthProbeTest, KeepsContactWithAParThatAnswersWhateverItSays) {
  start();

  for (const int status : {200, 503, 404, 500, 200, 200, 200}) {
    status_ = status;
    let_ask();
  }

  EXPECT_EQ(questions_, 7);
  EXPECT_FALSE(lost_);
}

TEST_F(HealthProbeTest, LosesContactAfterThreeQuestionsInARowWithoutAnAnswer) {
  start();
  let_ask();
  status_ = 0;

  for (int i = 0; i < 2; ++i) {
    miss_one();
    EXPECT_FALSE(lost_);
  }
  miss_one();

  ASSERT_TRUE(lost_);
  EXPECT_EQ(lost_->failures, 3);
  EXPECT_EQ(lost_->silent_for, settings_.interval * 3 + settings_.timeout);
  EXPECT_EQ(lost_->problem, "no answer within 2000 ms");
}

TEST_F(HealthProbeTest, IsAsPatientAsItIsTold) {
  probe_->set_max_failures(kMaxBootProbeFailures);
  start();
  status_ = 0;
  for (int i = 0; i < kMaxBootProbeFailures - 1; ++i) miss_one();
  EXPECT_FALSE(lost_);

  probe_->set_max_failures(kMaxProbeFailures);
  miss_one();

  ASSERT_TRUE(lost_);
  EXPECT_EQ(lost_->failures, kMaxBootProbeFailures);
}

TEST_F(HealthProbeTest, AsksNoMoreOnceContactIsLost) {
  start();
  status_ = 0;
  for (int i = 0; i < 3; ++i) miss_one();
  ASSERT_TRUE(lost_);
  const int before = questions_;

  for (int i = 0; i < 3; ++i) let_wait(settings_.interval);

  EXPECT_EQ(questions_, before);
}

TEST_F(HealthProbeTest, StartsToCountAnewAfterAnAnswer) {
  start();
  for (int round = 0; round < 3; ++round) {
    status_ = 0;
    miss_one();
    miss_one();
    status_ = 200;
    let_ask();
  }

  EXPECT_FALSE(lost_);
}

TEST_F(HealthProbeTest, CountsARefusedConnection) {
  const TempDirectory empty;
  probe_->start({"unix:" + (empty / "gone.sock").string()},
                [this](const LostContact& lost) { lost_ = lost; });

  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(lost_);
    let_wait(settings_.interval);
    driver_.settle();
  }

  ASSERT_TRUE(lost_);
  EXPECT_EQ(lost_->failures, 3);
  EXPECT_EQ(lost_->problem, net::to_string(net::AbortReason::Refused));
}

TEST_F(HealthProbeTest, ForgetsAQuestionWhenItCouldNotRunItself) {
  start();
  status_ = 0;
  for (int i = 0; i < 10; ++i) {
    const int before = questions_;
    let_wait(settings_.interval + kMaxProbeDelay + Millis(1));
    ASSERT_TRUE(driver_.until([&] { return questions_ > before; }));
  }

  EXPECT_FALSE(lost_);
}

TEST_F(HealthProbeTest, AsksNoMoreAfterItsStop) {
  start();
  status_ = 0;
  miss_one();

  probe_->stop();
  for (int i = 0; i < 5; ++i) let_wait(settings_.interval);

  EXPECT_EQ(questions_, 1);
  EXPECT_FALSE(lost_);
}

TEST_F(HealthProbeTest, MayEndWhileAQuestionIsOpen) {
  start();
  status_ = 0;
  let_ask();

  probe_.reset();
  driver_.settle();
  clock_.advance(settings_.interval * 10);
  driver_.settle();

  EXPECT_EQ(questions_, 1);
}

TEST_F(HealthProbeTest, AsksNobodyWithAnIntervalOfNought) {
  probe_ =
      std::make_unique<HealthProbe>(driver_.loop(), client_, ProbeSettings{.interval = Millis(0)});
  start();

  for (int i = 0; i < 5; ++i) let_wait(Millis(60'000));

  EXPECT_EQ(questions_, 0);
}

TEST(ProbeSettings, AreTheUsualOnesUnlessTheEnvironmentSaysOtherwise) {
  const auto usual = probe_settings({{"PIXELL_PROBE_INTERVAL_MS", ""}});
  const auto own =
      probe_settings({{"PIXELL_PROBE_INTERVAL_MS", "0"}, {"PIXELL_PROBE_TIMEOUT_MS", "3600000"}});

  ASSERT_TRUE(usual && own);
  EXPECT_EQ(usual->interval, kProbeInterval);
  EXPECT_EQ(usual->timeout, kProbeTimeout);
  EXPECT_EQ(own->interval, Millis(0));
  EXPECT_EQ(own->timeout, Millis(3'600'000));
}

TEST(ProbeSettings, RefuseWhatIsNoTimeAndNameIt) {
  for (const char* value : {"-1", "5s", "3600001", "1e3", " 5"}) {
    const auto settings = probe_settings({{"PIXELL_PROBE_INTERVAL_MS", value}});
    ASSERT_FALSE(settings) << value;
    EXPECT_EQ(settings.error().code, ErrorCode::InvalidArgument);
    EXPECT_THAT(settings.error().message,
                HasSubstr("PIXELL_PROBE_INTERVAL_MS=" + std::string(value)));
  }
  EXPECT_THAT(
      probe_settings({{"PIXELL_PROBE_TIMEOUT_MS", "0"}}).error().message,
      HasSubstr("PIXELL_PROBE_TIMEOUT_MS=0: must be a whole number of milliseconds from 1"));
}

}  // namespace
}  // namespace pixell::engine::node
