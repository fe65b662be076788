#include "engine/fake/fake_engine.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <thread>

#include "base/testing/fake_clock.hpp"
#include "engine/testing/conformance.hpp"

namespace pixell::engine {
namespace {

class FakeUnderTest final : public EngineUnderTest {
 public:
  Engine& engine() override { return engine_; }
  InstanceSpec good_spec(const std::string& id) override {
    InstanceSpec spec;
    spec.id = id;
    spec.app_id = "hello";
    spec.revision = 1;
    return spec;
  }
  InstanceSpec failing_spec(const std::string& id) override {
    InstanceSpec spec = good_spec(id);
    spec.environment[kFakeExitCode] = "13";
    return spec;
  }
  InstanceSpec hung_spec(const std::string& id) override {
    InstanceSpec spec = good_spec(id);
    spec.environment[kFakeStopHangs] = "1";
    return spec;
  }
  void kill(const std::string& id) override { engine_.kill(id, SIGKILL); }
  Result<model::Instance> ensure_without_reply(InstanceSpec spec) override {
    spec.environment[kFakeLostReply] = "1";
    return engine_.ensure(spec);
  }

 private:
  FakeEngine engine_{system_clock()};
};

INSTANTIATE_TEST_SUITE_P(Fake, EngineConformanceTest,
                         ::testing::Values(ConformingBackend{
                             "fake", [] { return std::make_unique<FakeUnderTest>(); }}),
                         [](const auto& backend) { return backend.param.name; });

class FakeEngineTest : public ::testing::Test {
 protected:
  InstanceSpec spec(std::map<std::string, std::string> environment) {
    InstanceSpec made;
    made.id = "i1";
    made.app_id = "hello";
    made.environment = std::move(environment);
    return made;
  }
  model::InstancePhase phase() { return engine_.inspect("i1")->phase; }

  FakeClock clock_;
  FakeEngine engine_{clock_};
};

TEST_F(FakeEngineTest, IsReadyAfterItsDelay) {
  ASSERT_TRUE(engine_.ensure(spec({{kFakeStartDelay, "100"}})));
  EXPECT_EQ(phase(), model::InstancePhase::Starting);

  clock_.advance(Millis(100));

  EXPECT_EQ(phase(), model::InstancePhase::Ready);
}

TEST_F(FakeEngineTest, StaysInItsBootWhenTold) {
  ASSERT_TRUE(engine_.ensure(spec({{kFakeNeverReady, "1"}})));

  clock_.advance(Millis(3'600'000));

  EXPECT_EQ(phase(), model::InstancePhase::Starting);
}

TEST_F(FakeEngineTest, FailsWithTheCauseItIsTold) {
  ASSERT_TRUE(engine_.ensure(spec({{kFakeExitCode, "12"}, {kFakeCause, "dependency_not_found"}})));

  const auto instance = engine_.inspect("i1");

  EXPECT_EQ(instance->exit_code, 12);
  EXPECT_EQ(instance->boot_report->failure->cause, model::Cause::DependencyNotFound);
}

TEST_F(FakeEngineTest, StartsAlthoughItsReplyIsLost) {
  const InstanceSpec lost = spec({{kFakeLostReply, "1"}});

  EXPECT_EQ(engine_.ensure(lost).error().code, ErrorCode::Unavailable);
  EXPECT_TRUE(engine_.ensure(lost));
}

TEST_F(FakeEngineTest, DrainsForItsDelay) {
  ASSERT_TRUE(engine_.ensure(spec({{kFakeStopDelay, "50"}})));
  ASSERT_TRUE(engine_.stop("i1", Millis(1'000)));
  EXPECT_EQ(phase(), model::InstancePhase::Draining);

  clock_.advance(Millis(50));

  EXPECT_EQ(phase(), model::InstancePhase::Stopped);
}

TEST_F(FakeEngineTest, IsEndedByForceWhenItsStopHangs) {
  ASSERT_TRUE(engine_.ensure(spec({{kFakeStopHangs, "1"}})));
  ASSERT_TRUE(engine_.stop("i1", Millis(500)));
  clock_.advance(Millis(499));
  EXPECT_EQ(phase(), model::InstancePhase::Draining);

  clock_.advance(Millis(1));

  EXPECT_EQ(phase(), model::InstancePhase::Stopped);
  EXPECT_EQ(engine_.inspect("i1")->exit_signal, SIGKILL);
}

TEST_F(FakeEngineTest, DiesAfterItsTimeOfBeingReady) {
  ASSERT_TRUE(engine_.ensure(spec({{kFakeStartDelay, "100"}, {kFakeDiesAfter, "50"}})));
  clock_.advance(Millis(100));
  EXPECT_EQ(phase(), model::InstancePhase::Ready);
  clock_.advance(Millis(49));
  EXPECT_EQ(phase(), model::InstancePhase::Ready);

  clock_.advance(Millis(1));

  EXPECT_EQ(phase(), model::InstancePhase::Failed);
  EXPECT_EQ(engine_.inspect("i1")->exit_signal, SIGKILL);
}

TEST_F(FakeEngineTest, TakesItsTimeToStartWithoutHoldingOthersUp) {
  Result<model::Instance> started = model::Instance();
  {
    std::jthread starting([&] { started = engine_.ensure(spec({{kFakeEnsureDelay, "1000"}})); });
    EXPECT_TRUE(engine_.list()->empty());
    // Its time may begin after any of these steps.
    while (engine_.list()->empty()) clock_.advance(Millis(100));
  }

  ASSERT_TRUE(started);
  EXPECT_EQ(started->id, "i1");
}

TEST_F(FakeEngineTest, LogsItsPhases) {
  ASSERT_TRUE(engine_.ensure(spec({})));
  EXPECT_EQ(phase(), model::InstancePhase::Ready);

  EXPECT_EQ(engine_.read_log("i1", {})->text, "instance i1 is starting\ninstance i1 is ready\n");
}

TEST_F(FakeEngineTest, AnswersUnavailableWhileAway) {
  engine_.set_away(true);

  EXPECT_EQ(engine_.list().error().code, ErrorCode::Unavailable);
  EXPECT_EQ(engine_.ensure(spec({})).error().retry, Retry::Later);
}

}  // namespace
}  // namespace pixell::engine
