// What a node does that comes after another one on the same state directory.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <optional>

#include "base/files.hpp"
#include "base/ids.hpp"
#include "base/process.hpp"
#include "engine/local/node/adoption.hpp"
#include "engine/local/testing/running_node.hpp"
#include "engine/records/instance_files.hpp"

namespace pixell::engine::node {

using testing::fake_par_spec;
using ::testing::HasSubstr;
using testing::RunningNode;
using testing::ScratchState;

namespace {

std::string new_id() { return new_ulid(system_clock().unix_now()); }

bool can_connect(const std::filesystem::path& path) {
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

class NodeRestartTest : public ::testing::Test {
 protected:
  NodeRestartTest() { node_.emplace(state_.path()); }
  ~NodeRestartTest() override { testing::end_all(*node_); }

  void restart_after_kill() {
    node_->kill();
    node_.emplace(state_.path());
  }
  model::Instance start_ready(const InstanceSpec& spec) {
    const auto started = node_->engine().ensure(spec);
    EXPECT_TRUE(started) << started.error().message;
    return node_->wait_for(spec.id, model::InstancePhase::Ready);
  }
  InstanceFiles files(const std::string& id) const {
    return InstanceFiles(state_.path() / "instances" / id);
  }
  // Blocks until a process that is not our child has gone.
  static void await_end(const ProcessIdentity& identity) {
    const auto pidfd = open_pidfd(identity);
    if (!pidfd) return;
    pollfd ended{.fd = pidfd->get(), .events = POLLIN, .revents = 0};
    ASSERT_EQ(::poll(&ended, 1, 60'000), 1);
  }

  ScratchState state_;
  std::optional<RunningNode> node_;
};

TEST_F(NodeRestartTest, AdoptsRunningInstancesWithTheSamePids) {
  const auto first = start_ready(fake_par_spec(new_id()));
  const auto second = start_ready(fake_par_spec(new_id()));

  restart_after_kill();

  for (const auto& before : {first, second}) {
    const auto after = node_->engine().inspect(before.id);
    ASSERT_TRUE(after) << after.error().message;
    EXPECT_EQ(after->pid, before.pid);
    EXPECT_EQ(after->phase, model::InstancePhase::Ready);
    EXPECT_EQ(after->started_at, before.started_at);
    EXPECT_TRUE(after->boot_report && after->boot_report->ready);
  }
}

TEST_F(NodeRestartTest, TakesTheSameSpecForDoneAfterTheRestart) {
  const InstanceSpec spec = fake_par_spec(new_id());
  const auto before = start_ready(spec);

  restart_after_kill();

  EXPECT_EQ(node_->engine().ensure(spec)->pid, before.pid);
}

TEST_F(NodeRestartTest, StopsAnAdoptedInstanceAndKnowsItsExitCode) {
  const auto instance = start_ready(fake_par_spec(new_id()));
  restart_after_kill();

  ASSERT_TRUE(node_->engine().stop(instance.id, Millis(2'000)));

  const auto stopped = node_->wait_for(instance.id, model::InstancePhase::Stopped);
  EXPECT_EQ(stopped.exit_code, 0);
  EXPECT_EQ(stopped.exit_signal, 0);
}

TEST_F(NodeRestartTest, SeesThatAnAdoptedInstanceWasKilled) {
  const auto instance = start_ready(fake_par_spec(new_id()));
  restart_after_kill();

  ::kill(static_cast<pid_t>(instance.pid), SIGKILL);

  const auto failed = node_->wait_for(instance.id, model::InstancePhase::Failed);
  EXPECT_EQ(failed.exit_signal, SIGKILL);
  ASSERT_TRUE(failed.boot_report && failed.boot_report->failure);
  EXPECT_EQ(failed.boot_report->failure->cause, model::Cause::Signalled);
}

TEST_F(NodeRestartTest, HoldsTheSocketOfAnAdoptedInstance) {
  const auto instance = start_ready(fake_par_spec(new_id()));
  restart_after_kill();

  EXPECT_TRUE(can_connect(files(instance.id).socket()));
  EXPECT_THAT(node_->output(), ::testing::Not(HasSubstr("adopted without its socket")));
}

TEST_F(NodeRestartTest, ReportsWhatEndedWhileNoNodeWasThere) {
  InstanceSpec spec = fake_par_spec(new_id());
  const auto instance = start_ready(spec);
  const auto process = files(spec.id).read_process();
  ASSERT_TRUE(process && *process);
  node_->kill();
  ::kill(static_cast<pid_t>(instance.pid), SIGTERM);
  await_end((*process)->identity);

  node_.emplace(state_.path());

  const auto after = node_->engine().inspect(spec.id);
  ASSERT_TRUE(after);
  EXPECT_EQ(after->phase, model::InstancePhase::Stopped);
  EXPECT_EQ(after->exit_code, 0);
  EXPECT_EQ(after->pid, 0);
}

TEST_F(NodeRestartTest, KeepsTheDeadlineOfAStop) {
  InstanceSpec spec = fake_par_spec(new_id());
  spec.environment["FAKE_PAR_STOP"] = "ignore";
  start_ready(spec);
  ASSERT_TRUE(node_->engine().stop(spec.id, Millis(0)));

  restart_after_kill();

  EXPECT_EQ(node_->engine().inspect(spec.id)->phase, model::InstancePhase::Draining);
  EXPECT_EQ(node_->wait_for(spec.id, model::InstancePhase::Stopped).exit_signal, SIGKILL);
}

TEST_F(NodeRestartTest, StartsWhatWasRecordedButNeverStarted) {
  const InstanceSpec spec = fake_par_spec(new_id());
  node_->kill();
  ASSERT_TRUE(make_directories(files(spec.id).directory()));
  ASSERT_TRUE(files(spec.id).write_spec({.spec = spec, .slot = 0, .recorded_at = 1}));

  node_.emplace(state_.path());
  const auto ready = node_->wait_for(spec.id, model::InstancePhase::Ready);

  EXPECT_GT(ready.pid, 0);
  EXPECT_EQ(start_ready(spec).pid, ready.pid) << "a second par was started";
}

TEST_F(NodeRestartTest, FindsAParWhoseProcessRecordWasNeverWritten) {
  const InstanceSpec spec = fake_par_spec(new_id());
  const auto before = start_ready(spec);
  node_->kill();
  std::filesystem::remove(files(spec.id).directory() / "process.json");

  node_.emplace(state_.path());

  EXPECT_EQ(node_->engine().inspect(spec.id)->pid, before.pid);
  EXPECT_EQ(node_->engine().ensure(spec)->pid, before.pid) << "a second par was started";
}

TEST_F(NodeRestartTest, DoesNotTakeAReusedPidForTheInstance) {
  const InstanceSpec spec = fake_par_spec(new_id());
  const auto before = start_ready(spec);
  const auto process = files(spec.id).read_process();
  ASSERT_TRUE(process && *process);
  node_->kill();
  ::kill(static_cast<pid_t>(before.pid), SIGKILL);
  await_end((*process)->identity);
  // The pid now belongs to somebody else: this very test.
  ProcessRecord reused = **process;
  reused.identity.pid = ::getpid();
  ASSERT_TRUE(files(spec.id).write_process(reused));

  node_.emplace(state_.path());

  EXPECT_EQ(node_->engine().inspect(spec.id)->phase, model::InstancePhase::Failed);
}

TEST_F(NodeRestartTest, RefusesASecondNode) {
  RunningNode* const first = &*node_;
  const auto pid = start_process(
      {.argv = {PIXELL_NODE_PROGRAM, state_.path().string(), PIXELL_FAKE_PAR, "/sys/fs/cgroup"}});
  ASSERT_TRUE(pid);
  int status = 0;
  ASSERT_EQ(::waitpid(*pid, &status, 0), *pid);

  EXPECT_EQ(exit_status_of(status).code, 1);
  EXPECT_TRUE(first->engine().list());
}

TEST_F(NodeRestartTest, RemovesWhatAnEarlierRemovalLeft) {
  node_->kill();
  const auto trash = state_.path() / "instances" / ".trash-1-1";
  ASSERT_TRUE(make_directories(trash / "work"));

  node_.emplace(state_.path());

  // The files go on another thread; a later removal is queued behind them.
  const InstanceSpec spec = fake_par_spec(new_id());
  start_ready(spec);
  while (std::filesystem::exists(trash))
    ASSERT_TRUE(node_->engine().wait_for_change(0, Millis(0), {}));
}

}  // namespace
}  // namespace pixell::engine::node
