#include "engine/local/local_engine.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <iterator>
#include <optional>

#include "base/crash_point.hpp"
#include "base/ids.hpp"
#include "engine/local/testing/running_node.hpp"
#include "engine/testing/conformance.hpp"

namespace pixell::engine {

using testing::fake_par_spec;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::RunningNode;
using testing::ScratchState;

namespace {

std::string new_id() { return new_ulid(system_clock().unix_now()); }

// A node process of its own and the client that control uses.
class LocalUnderTest final : public EngineUnderTest {
 public:
  LocalUnderTest() { node_.emplace(state_.path()); }
  ~LocalUnderTest() override { testing::end_all(*node_); }
  Engine& engine() override { return node_->engine(); }
  InstanceSpec good_spec(const std::string& id) override { return fake_par_spec(id); }
  InstanceSpec failing_spec(const std::string& id) override {
    InstanceSpec spec = fake_par_spec(id);
    spec.environment["FAKE_PAR_BOOT"] = "fail";
    return spec;
  }
  InstanceSpec hung_spec(const std::string& id) override {
    InstanceSpec spec = fake_par_spec(id);
    spec.environment["FAKE_PAR_STOP"] = "ignore";
    return spec;
  }
  // The node dies when all is done but the reply is not sent; another one takes its place.
  Result<model::Instance> ensure_without_reply(InstanceSpec spec) override {
    const std::string point = "node.ensure.done@" + (state_.path() / "crashed").string();
    node_->kill();
    node_.emplace(state_.path(), testing::NodeSetup{.environment = {{kCrashPointVariable, point}}});
    auto answer = engine().ensure(spec);
    node_.emplace(state_.path());
    return answer;
  }
  void kill(const std::string& id) override {
    const auto instance = engine().inspect(id);
    ASSERT_TRUE(instance);
    ASSERT_GT(instance->pid, 0);
    ::kill(static_cast<pid_t>(instance->pid), SIGKILL);
  }

 private:
  ScratchState state_;
  std::optional<RunningNode> node_;
};

INSTANTIATE_TEST_SUITE_P(Local, EngineConformanceTest,
                         ::testing::Values(ConformingBackend{
                             "Local", [] { return std::make_unique<LocalUnderTest>(); }}),
                         [](const auto& row) { return row.param.name; });

class LocalEngineTest : public ::testing::Test {
 protected:
  ~LocalEngineTest() override { testing::end_all(node_); }
  Engine& engine() { return node_.engine(); }
  model::Instance start(const InstanceSpec& spec) {
    const auto started = engine().ensure(spec);
    EXPECT_TRUE(started) << started.error().message;
    return started ? *started : model::Instance();
  }

  ScratchState state_;
  RunningNode node_{state_.path()};
};

TEST_F(LocalEngineTest, TellsOfABootReportThatComesAfterTheWordReady) {
  InstanceSpec spec = fake_par_spec(new_id());
  spec.environment["FAKE_PAR_REPORT"] = "late";
  ASSERT_TRUE(node_.engine().ensure(spec));
  node_.wait_for(spec.id, model::InstancePhase::Ready);

  const model::Instance reported = node_.wait_until(
      spec.id, [](const model::Instance& seen) { return seen.boot_report.has_value(); });

  EXPECT_TRUE(reported.boot_report->ready);
}

TEST_F(LocalEngineTest, ShowsTheCauseThatParRecorded) {
  InstanceSpec spec = fake_par_spec(new_id());
  spec.environment["FAKE_PAR_BOOT"] = "fail";
  start(spec);

  const auto failed = node_.wait_for(spec.id, model::InstancePhase::Failed);

  EXPECT_EQ(failed.exit_code, 13);
  EXPECT_EQ(failed.pid, 0);
  ASSERT_TRUE(failed.boot_report && failed.boot_report->failure);
  EXPECT_EQ(failed.boot_report->failure->cause, model::Cause::MissingModule);
  EXPECT_EQ(failed.boot_report->failure->remedy, "declare it");
}

TEST_F(LocalEngineTest, MakesACauseWithLogEvidenceWhenParLeftNone) {
  InstanceSpec spec = fake_par_spec(new_id());
  spec.environment["FAKE_PAR_BOOT"] = "die";
  start(spec);

  const auto failed = node_.wait_for(spec.id, model::InstancePhase::Failed);

  EXPECT_EQ(failed.exit_code, 42);
  ASSERT_TRUE(failed.boot_report && failed.boot_report->failure);
  EXPECT_EQ(failed.boot_report->failure->cause, model::Cause::Exited);
  EXPECT_THAT(failed.boot_report->failure->evidence,
              ::testing::Contains("something went very wrong"));
}

TEST_F(LocalEngineTest, ShowsTheBootPhaseWhileParStarts) {
  InstanceSpec spec = fake_par_spec(new_id());
  spec.environment["FAKE_PAR_BOOT"] = "hang";
  start(spec);

  const auto seen = node_.wait_until(
      spec.id, [](const model::Instance& instance) { return instance.boot_phase == "fetch"; });

  EXPECT_EQ(seen.phase, model::InstancePhase::Starting);
  EXPECT_GT(seen.pid, 0);
}

TEST_F(LocalEngineTest, KillsAnInstanceThatIgnoresItsStopAfterTheDeadline) {
  InstanceSpec spec = fake_par_spec(new_id());
  spec.environment["FAKE_PAR_STOP"] = "ignore";
  start(spec);
  node_.wait_for(spec.id, model::InstancePhase::Ready);

  ASSERT_TRUE(engine().stop(spec.id, Millis(600'000)));
  EXPECT_EQ(engine().inspect(spec.id)->phase, model::InstancePhase::Draining);
  ASSERT_TRUE(engine().stop(spec.id, Millis(0))) << "a second stop brings the deadline nearer";

  const auto stopped = node_.wait_for(spec.id, model::InstancePhase::Stopped);
  EXPECT_EQ(stopped.exit_signal, SIGKILL);
}

TEST_F(LocalEngineTest, ReturnsTheLog) {
  const InstanceSpec spec = fake_par_spec(new_id());
  start(spec);
  node_.wait_for(spec.id, model::InstancePhase::Ready);

  const auto log = engine().read_log(spec.id, {});

  ASSERT_TRUE(log);
  EXPECT_EQ(log->text, "fake par starts\n");
}

TEST_F(LocalEngineTest, RefusesIdsThatAreNotOneWord) {
  InstanceSpec spec = fake_par_spec("../../etc");

  EXPECT_EQ(engine().ensure(spec).error().code, ErrorCode::InvalidArgument);
  EXPECT_EQ(engine().inspect("a/b").error().code, ErrorCode::InvalidArgument);
}

TEST_F(LocalEngineTest, LeavesTheInstanceToBeTriedAgainWhenItsStartFails) {
  InstanceSpec spec = fake_par_spec(new_id());
  spec.app_id = "in-the-way";
  // A file where the app's journal directory belongs.
  { UniqueFd file(::creat((state_.path() / "journal" / "in-the-way").c_str(), 0600)); }

  EXPECT_FALSE(engine().ensure(spec));
  const auto failed = engine().inspect(spec.id);
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->phase, model::InstancePhase::Failed);
  ASSERT_TRUE(failed->boot_report && failed->boot_report->failure);
  EXPECT_EQ(failed->boot_report->failure->cause, model::Cause::EngineFailed);
  std::filesystem::remove(state_.path() / "journal" / "in-the-way");

  start(spec);
  node_.wait_for(spec.id, model::InstancePhase::Ready);
}

TEST_F(LocalEngineTest, GivesParAnEnvironmentOfItsOwn) {
  const InstanceSpec spec = fake_par_spec(new_id());
  start(spec);
  node_.wait_for(spec.id, model::InstancePhase::Ready);

  std::ifstream file(state_.path() / "instances" / spec.id / "environment");
  const std::string environment(std::istreambuf_iterator<char>(file), {});

  EXPECT_THAT(environment, HasSubstr("REST_LISTEN=fd:3\n"));
  EXPECT_THAT(environment, HasSubstr("AGENT_APP_ID=demo\n"));
  EXPECT_THAT(environment, HasSubstr("PATH="));
  EXPECT_THAT(environment, Not(HasSubstr("HOME=")));
}

// Questions so often that a test need not wait long for three of them.
class HungInstanceTest : public ::testing::Test {
 protected:
  ~HungInstanceTest() override { testing::end_all(node_); }
  model::Instance start_ready(const InstanceSpec& spec) {
    EXPECT_TRUE(node_.engine().ensure(spec));
    return node_.wait_for(spec.id, model::InstancePhase::Ready);
  }
  void expect_unresponsive(const std::string& id) {
    const auto failed = node_.wait_for(id, model::InstancePhase::Failed);
    EXPECT_EQ(failed.exit_signal, SIGKILL);
    ASSERT_TRUE(failed.boot_report && failed.boot_report->failure);
    const model::Failure& failure = *failed.boot_report->failure;
    EXPECT_EQ(failure.cause, model::Cause::Unresponsive);
    EXPECT_THAT(failure.message, HasSubstr("3 health probes in a row"));
    EXPECT_THAT(failure.evidence, ::testing::Contains("fake par starts"));
    EXPECT_THAT(failure.remedy, Not(IsEmpty()));
  }

  ScratchState state_;
  RunningNode node_{
      state_.path(),
      {.environment = {{"PIXELL_PROBE_INTERVAL_MS", "50"}, {"PIXELL_PROBE_TIMEOUT_MS", "300"}}}};
};

TEST_F(HungInstanceTest, IsEndedWhenItIsStopped) {
  const auto ready = start_ready(fake_par_spec(new_id()));

  ::kill(static_cast<pid_t>(ready.pid), SIGSTOP);

  expect_unresponsive(ready.id);
}

TEST_F(HungInstanceTest, IsEndedWhenItTakesConnectionsWithoutAnAnswer) {
  InstanceSpec spec = fake_par_spec(new_id());
  spec.environment["FAKE_PAR_HEALTH"] = "silent";
  ASSERT_TRUE(node_.engine().ensure(spec));

  expect_unresponsive(spec.id);
}

TEST_F(HungInstanceTest, IsEndedWhenItIsStoppedInItsBoot) {
  InstanceSpec spec = fake_par_spec(new_id());
  spec.environment["FAKE_PAR_BOOT"] = "hang";
  ASSERT_TRUE(node_.engine().ensure(spec));
  const auto booting = node_.wait_until(
      spec.id, [](const model::Instance& instance) { return instance.boot_phase == "fetch"; });

  ::kill(static_cast<pid_t>(booting.pid), SIGSTOP);

  const auto failed = node_.wait_for(spec.id, model::InstancePhase::Failed);
  ASSERT_TRUE(failed.boot_report && failed.boot_report->failure);
  EXPECT_EQ(failed.boot_report->failure->cause, model::Cause::Unresponsive);
  EXPECT_THAT(failed.boot_report->failure->message, HasSubstr("12 health probes in a row"));
}

TEST_F(HungInstanceTest, IsEndedWhenItsSocketWasRemoved) {
  const auto ready = start_ready(fake_par_spec(new_id()));

  std::filesystem::remove(state_.path() / "instances" / ready.id / "par.sock");

  expect_unresponsive(ready.id);
}

TEST_F(HungInstanceTest, IsLeftToItsDrainWhenSomebodyElseStoppedIt) {
  InstanceSpec lingering = fake_par_spec(new_id());
  lingering.environment["FAKE_PAR_STOP"] = "linger";
  const auto drained = start_ready(lingering);
  ::kill(static_cast<pid_t>(drained.pid), SIGTERM);
  node_.wait_for(drained.id, model::InstancePhase::Draining);

  // By the time another one was found hung, this one would have been too.
  InstanceSpec silent = fake_par_spec(new_id());
  silent.environment["FAKE_PAR_HEALTH"] = "silent";
  ASSERT_TRUE(node_.engine().ensure(silent));
  expect_unresponsive(silent.id);

  EXPECT_EQ(node_.engine().inspect(drained.id)->phase, model::InstancePhase::Draining);
}

TEST_F(HungInstanceTest, IsLeftToItsStopOnceThatIsAsked) {
  InstanceSpec spec = fake_par_spec(new_id());
  spec.environment["FAKE_PAR_STOP"] = "ignore";
  const auto ready = start_ready(spec);
  ASSERT_TRUE(node_.engine().stop(ready.id, Millis(0)));

  ::kill(static_cast<pid_t>(ready.pid), SIGSTOP);

  const auto stopped = node_.wait_for(ready.id, model::InstancePhase::Stopped);
  EXPECT_FALSE(stopped.boot_report && stopped.boot_report->failure);
}

TEST(LocalEngine, SaysThatTheNodeIsAway) {
  const ScratchState state;
  const auto engine = make_local_engine(state.path() / "run" / "node.sock");
  ASSERT_TRUE(engine);

  const auto listed = (*engine)->list();

  ASSERT_FALSE(listed);
  EXPECT_EQ(listed.error().code, ErrorCode::Unavailable);
  EXPECT_EQ(listed.error().retry, Retry::Later);
  EXPECT_THAT((*engine)->capabilities().notes, Not(IsEmpty()));
}

TEST(LocalEngine, WantsAnAbsolutePath) {
  EXPECT_EQ(make_local_engine("node.sock").error().code, ErrorCode::InvalidArgument);
}

}  // namespace
}  // namespace pixell::engine
