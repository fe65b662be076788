#include "engine/fake/fake_engine.hpp"

#include <gtest/gtest.h>

#include <csignal>

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
  void kill(const std::string& id) override { engine_.kill(id, SIGKILL); }

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

TEST_F(FakeEngineTest, AnswersUnavailableWhileAway) {
  engine_.set_away(true);

  EXPECT_EQ(engine_.list().error().code, ErrorCode::Unavailable);
  EXPECT_EQ(engine_.ensure(spec({})).error().retry, Retry::Later);
}

}  // namespace
}  // namespace pixell::engine
