#include "edge/health_checker.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "edge/limits.hpp"
#include "edge/testing/routes.hpp"
#include "model/health.hpp"
#include "net/reply.hpp"
#include "net/testing/wire_fixture.hpp"

namespace pixell::edge {
namespace {

using testing::hello;
using testing::leg;

// A par whose answers the test decides.
class FakePar {
 public:
  explicit FakePar(net::fixture::Driver& driver) : driver_(driver) {}

  std::string address() const { return server_->address().text; }
  void stop() { server_.reset(); }

  int status = 200;  // 0 = says nothing
  bool breaks_off = false;
  int questions = 0;

 private:
  std::unique_ptr<net::StreamHandler> on_request(net::ServerStream& stream) {
    ++questions;
    EXPECT_EQ(stream.request().path(), "/health");
    EXPECT_EQ(stream.request().headers.get("user-agent"), model::kProbeUserAgent);
    if (breaks_off)
      stream.reset(net::ResetCode::Cancel);
    else if (status != 0)
      net::send_json(stream, status, "{}");
    return net::ignore_body();
  }

  net::fixture::Driver& driver_;
  std::unique_ptr<net::fixture::LoopbackServer> server_ =
      std::make_unique<net::fixture::LoopbackServer>(
          driver_.loop(), [this](net::ServerStream& stream) { return on_request(stream); });
};

class HealthCheckerTest : public ::testing::Test {
 protected:
  HealthCheckerTest() { watch({&first_, &second_}); }

  void watch(std::vector<FakePar*> pars) {
    std::vector<std::string> addresses;
    for (const FakePar* par : pars) addresses.push_back(par->address());
    const auto table = testing::table_with({hello({leg(1, 1000, addresses)})});
    targets_ = registry_.targets_for(*table);
    checker_->watch(targets_);
  }
  TargetState& target(std::size_t i) { return *targets_->of(0)[i]; }
  void use(std::size_t i) { TargetClaim(target(i), clock_.now()); }
  bool is_usable(std::size_t i) { return target(i).is_usable(clock_.now()); }
  // Everything that is due happens, and every question that is going to be answered is.
  void settle() {
    for (int i = 0; i < 20; ++i) driver_.settle();
  }
  void pass(Millis time) {
    clock_.advance(time);
    settle();
  }

  FakeClock clock_;
  net::fixture::Driver driver_{clock_};
  FakePar first_{driver_};
  FakePar second_{driver_};
  std::unique_ptr<HealthChecker> checker_ = std::make_unique<HealthChecker>(driver_.loop());
  TargetRegistry registry_{clock_, [this] { checker_->look_soon(); }};
  std::shared_ptr<const TargetSet> targets_;
};

TEST_F(HealthCheckerTest, LeavesIdleTargetsAsleep) {
  for (int i = 0; i < 20; ++i) pass(kProbeInterval);

  EXPECT_EQ(first_.questions + second_.questions, 0);
}

TEST_F(HealthCheckerTest, AsksATargetWhileItIsUsedAndForAWhileAfter) {
  use(0);
  pass(kProbeInterval);
  EXPECT_EQ(first_.questions, 1);

  for (int i = 0; i < 10; ++i) pass(kProbeInterval);

  EXPECT_EQ(first_.questions, 2);
  EXPECT_EQ(second_.questions, 0);
  EXPECT_TRUE(is_usable(0));
}

TEST_F(HealthCheckerTest, TakesATargetThatIsSilentTwiceOutUntilItAnswers) {
  first_.status = 0;
  use(0);
  pass(kProbeInterval);
  pass(kProbeTimeout);
  EXPECT_TRUE(is_usable(0)) << "one miss is none";
  pass(kProbeInterval - kProbeTimeout);
  pass(kProbeTimeout);
  EXPECT_TRUE(target(0).is_unhealthy());
  pass(Millis(60'000));
  EXPECT_FALSE(is_usable(0));

  first_.status = 200;
  pass(kProbeTimeout);
  pass(kSuspectProbeInterval);

  EXPECT_TRUE(is_usable(0));
}

TEST_F(HealthCheckerTest, EndsAnEjectionAsSoonAsTheTargetAnswers) {
  for (int i = 0; i < 20; ++i) {
    target(0).failed(TargetFailure::Refused, clock_.now());
    settle();
  }

  EXPECT_TRUE(is_usable(0));
  EXPECT_EQ(first_.questions, 20);
}

TEST_F(HealthCheckerTest, KeepsATargetOutThatIsNotReady) {
  first_.status = 503;
  target(0).failed(TargetFailure::NotReady, clock_.now());
  settle();
  for (int i = 0; i < 20; ++i) {
    pass(kSuspectProbeInterval);
    EXPECT_FALSE(is_usable(0)) << i;
  }
  EXPECT_FALSE(target(0).is_unhealthy());

  first_.status = 200;
  pass(kSuspectProbeInterval);

  EXPECT_TRUE(is_usable(0));
}

TEST_F(HealthCheckerTest, TakesATargetOutThatIsFoundDrainingOrGone) {
  first_.status = 503;
  use(0);
  use(1);
  second_.stop();

  pass(kProbeInterval);

  EXPECT_FALSE(is_usable(0));
  EXPECT_FALSE(is_usable(1));
  EXPECT_EQ(registry_.figures().ejected, 2);
}

TEST_F(HealthCheckerTest, AsksATargetThatBreaksOffAgainOnlyAfterAWhile) {
  first_.breaks_off = true;
  use(0);
  pass(kProbeInterval);
  EXPECT_EQ(first_.questions, 1);
  EXPECT_FALSE(is_usable(0));

  for (int i = 2; i < 6; ++i) {
    pass(kSuspectProbeInterval - Millis(1));
    EXPECT_EQ(first_.questions, i - 1);
    pass(Millis(1));
    EXPECT_EQ(first_.questions, i);
  }

  first_.breaks_off = false;
  pass(kSuspectProbeInterval);
  EXPECT_TRUE(is_usable(0));
}

TEST_F(HealthCheckerTest, AsksASlowTargetAtOnce) {
  target(0).failed(TargetFailure::Slow, clock_.now());
  settle();

  EXPECT_EQ(first_.questions, 1);
  EXPECT_TRUE(is_usable(0));
  for (int i = 0; i < 4; ++i) pass(kSuspectProbeInterval);
  EXPECT_EQ(first_.questions, 1) << "its answer settles it";
}

TEST_F(HealthCheckerTest, ForgetsAQuestionWhenItCouldNotRunItself) {
  first_.status = 0;
  for (int i = 0; i < 10; ++i) {
    use(0);
    pass(kProbeInterval);
    pass(kProbeTimeout + kMaxProbeDelay + Millis(1));
  }

  EXPECT_TRUE(is_usable(0));
}

TEST_F(HealthCheckerTest, DropsQuestionsToTargetsThatAreNotRoutedAnyMore) {
  first_.status = 0;
  use(0);
  use(1);
  pass(kProbeInterval);
  EXPECT_EQ(checker_->open_probes(), 1u);

  watch({&second_});
  pass(kProbeTimeout);

  EXPECT_EQ(checker_->open_probes(), 0u);
  EXPECT_EQ(first_.questions, 1);
}

TEST_F(HealthCheckerTest, IsToldOfSuspectsByOtherThreads) {
  std::thread other([this] { target(1).failed(TargetFailure::Refused, clock_.now()); });
  other.join();
  EXPECT_FALSE(is_usable(1));

  settle();

  EXPECT_TRUE(is_usable(1));
}

TEST_F(HealthCheckerTest, MayGoWhileQuestionsAreOpen) {
  first_.status = 0;
  use(0);
  pass(kProbeInterval);
  ASSERT_EQ(checker_->open_probes(), 1u);

  checker_.reset();
  pass(kProbeInterval * 10);

  EXPECT_EQ(first_.questions, 1);
}

TEST_F(HealthCheckerTest, HasABoundForTheQuestionsUnderWay) {
  std::vector<std::unique_ptr<FakePar>> pars;
  std::vector<FakePar*> all;
  for (std::size_t i = 0; i < kMaxProbesAtOnce + 10; ++i) {
    pars.push_back(std::make_unique<FakePar>(driver_));
    pars.back()->status = 0;
    all.push_back(pars.back().get());
  }
  watch(all);
  for (std::size_t i = 0; i < all.size(); ++i) use(i);

  pass(kProbeInterval);
  EXPECT_EQ(checker_->open_probes(), kMaxProbesAtOnce);
  pass(kProbeTimeout);

  for (const FakePar* par : all) EXPECT_EQ(par->questions, 1);
}

}  // namespace
}  // namespace pixell::edge
