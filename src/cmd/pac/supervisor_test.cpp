#include "cmd/pac/supervisor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <optional>
#include <set>

#include "base/files.hpp"
#include "base/testing/fake_clock.hpp"
#include "cmd/pac/limits.hpp"
#include "cmd/pac/testing/api_server.hpp"

namespace pixell::cmd {
namespace {

using ::testing::ElementsAre;

// Roles are shell scripts that tell what they do on a pipe.
class SupervisorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    sigset_t signals;
    sigemptyset(&signals);
    for (int signal : {SIGTERM, SIGINT, SIGCHLD, SIGUSR2}) sigaddset(&signals, signal);
    ASSERT_EQ(::sigprocmask(SIG_BLOCK, &signals, nullptr), 0);
    signal_fd_.reset(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    told_.reset(ends[0]);
    teller_.reset(ends[1]);
    ASSERT_EQ(::pipe(ends), 0);
    silence_.reset(ends[0]);
    silent_.reset(ends[1]);
    ASSERT_EQ(::pipe(ends), 0);
    beaten_.reset(ends[0]);
    beat_.reset(ends[1]);
  }
  void TearDown() override {
    if (!supervisor_) return;
    for (const Role& role : supervisor_->roles())
      if (role.is_running()) {
        ::kill(role.pid(), SIGKILL);
        ::waitpid(role.pid(), nullptr, 0);
      }
  }

  // `script` writes to descriptor 5 what hear() returns; from 4 nothing ever comes, and 3 is the
  // life line.
  Role role(const std::string& name, const std::string& script) {
    return Role(name,
                ProcessSpec{.argv = {"/bin/sh", "-c", script},
                            .env = {{"PATH", "/usr/bin:/bin"}},
                            .fds = {{teller_.get(), 5}, {silence_.get(), 4}, {beaten_.get(), 6}},
                            .dies_with_parent = true});
  }
  // Says its name when it is up, and "-name" when it is asked to stop.
  Role polite(const std::string& name) {
    return role(name, "trap 'echo -" + name + " >&5; exit 0' TERM; echo " + name +
                          " >&5; while :; do read x <&4; done");
  }
  // Is up, and cannot be asked.
  Role stubborn(const std::string& name) {
    return role(name, "trap '' TERM; echo " + name + " >&5; while :; do read x <&4; done");
  }
  Supervisor& supervise(std::vector<Role> roles, const Clock& clock = system_clock()) {
    supervisor_.emplace(std::move(roles), SupervisorParts{.run_dir = directory_.path(),
                                                          .signal_fd = signal_fd_.get(),
                                                          .clock = clock,
                                                          .log = Log(-1)});
    return *supervisor_;
  }
  // The next line a role says; empty when none does for half a minute.
  std::string hear() {
    std::string line;
    pollfd poll_fd{.fd = told_.get(), .events = POLLIN, .revents = 0};
    for (char c = 0; ::poll(&poll_fd, 1, 30'000) > 0 && ::read(told_.get(), &c, 1) == 1;) {
      if (c == '\n') return line;
      line += c;
    }
    return {};
  }
  pid_t pid_of(std::size_t role) const { return supervisor_->roles()[role].pid(); }
  // Waits until a role's process has ended, and leaves it to the supervisor.
  void wait_ended(std::size_t role) const {
    siginfo_t info{};
    ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(pid_of(role)), &info, WEXITED | WNOWAIT), 0);
  }
  bool has_pid_file(const std::string& name) const {
    return std::filesystem::exists(directory_ / (name + ".pid"));
  }

  TempDirectory directory_;
  UniqueFd signal_fd_;
  UniqueFd told_;
  UniqueFd teller_;
  UniqueFd silence_;
  UniqueFd silent_;
  UniqueFd beaten_;  // a role reads from its descriptor 6 what is written to beat_
  UniqueFd beat_;
  FakeClock clock_;
  std::optional<Supervisor> supervisor_;
};

TEST_F(SupervisorTest, StartsItsRolesAndWritesTheirPids) {
  Supervisor& supervisor = supervise({polite("a"), polite("b")}, clock_);

  supervisor.turn(clock_.now());

  EXPECT_EQ(*read_file(directory_ / "a.pid"), std::to_string(pid_of(0)) + "\n");
  EXPECT_EQ(*read_file(directory_ / "b.pid"), std::to_string(pid_of(1)) + "\n");
}

TEST_F(SupervisorTest, StartsARoleAgainWhenItsPauseIsOver) {
  Supervisor& supervisor = supervise({polite("other"), polite("short")}, clock_);
  supervisor.turn(clock_.now());
  const pid_t other = pid_of(0);
  const pid_t first = pid_of(1);
  ::kill(first, SIGKILL);
  wait_ended(1);
  supervisor.turn(clock_.now());
  EXPECT_EQ(pid_of(1), 0);
  EXPECT_FALSE(has_pid_file("short")) << "it would name a process that is gone";

  clock_.advance(kRoleBackoffs[0] - Millis(1));
  supervisor.turn(clock_.now());
  EXPECT_EQ(pid_of(1), 0);
  clock_.advance(Millis(1));
  supervisor.turn(clock_.now());

  EXPECT_NE(pid_of(1), 0);
  EXPECT_NE(pid_of(1), first);
  EXPECT_EQ(pid_of(0), other) << "the others are left alone";
}

TEST_F(SupervisorTest, StartsAKilledRoleAgainByItself) {
  Supervisor& supervisor = supervise({polite("a")});
  supervisor.turn(system_clock().now());
  ASSERT_EQ(hear(), "a");
  const pid_t first = pid_of(0);
  ::kill(first, SIGKILL);

  while (pid_of(0) == first || pid_of(0) == 0)
    supervisor.turn(system_clock().now() + kRoleBackoffs[0]);

  EXPECT_EQ(hear(), "a");
}

TEST_F(SupervisorTest, RunsUntilASignalComesAndStopsInTheOrderAsked) {
  Supervisor& supervisor =
      supervise({polite("node"), polite("edge"), role("end", "kill -TERM $PPID; read x <&4")});

  supervisor.run_until_asked();

  EXPECT_TRUE(supervisor.is_stopping());
  EXPECT_FALSE(supervisor.is_hasty());
  const std::string first = hear();
  const std::string second = hear();
  EXPECT_THAT((std::set<std::string>{first, second}), ElementsAre("edge", "node"));
  supervisor.stop("edge", Millis(30'000));
  supervisor.stop("node", Millis(30'000));
  EXPECT_EQ(hear(), "-edge");
  EXPECT_EQ(hear(), "-node");
  EXPECT_EQ(pid_of(0), 0);
  EXPECT_EQ(pid_of(1), 0);
  EXPECT_FALSE(has_pid_file("edge"));
}

TEST_F(SupervisorTest, DoesNotRestartWhatEndsWhileItStops) {
  Supervisor& supervisor = supervise({polite("a")}, clock_);
  supervisor.turn(clock_.now());
  ASSERT_EQ(hear(), "a");
  ::kill(::getpid(), SIGINT);
  supervisor.turn(clock_.now());
  ASSERT_TRUE(supervisor.is_stopping());
  ::kill(pid_of(0), SIGKILL);
  wait_ended(0);

  supervisor.turn(clock_.now());
  clock_.advance(kRoleBackoffs.back());
  supervisor.turn(clock_.now());

  EXPECT_EQ(pid_of(0), 0);
}

TEST_F(SupervisorTest, KillsARoleThatDoesNotStopInTime) {
  Supervisor& supervisor = supervise({stubborn("a")});
  supervisor.turn(system_clock().now());
  ASSERT_EQ(hear(), "a");
  ::kill(::getpid(), SIGTERM);
  supervisor.run_until_asked();

  supervisor.stop("a", Millis(20));

  EXPECT_EQ(pid_of(0), 0);
}

TEST_F(SupervisorTest, HurriesAfterASecondSignal) {
  Supervisor& supervisor = supervise({stubborn("a")});
  supervisor.turn(system_clock().now());
  ASSERT_EQ(hear(), "a");
  ::kill(::getpid(), SIGTERM);
  supervisor.run_until_asked();
  ::kill(::getpid(), SIGINT);

  // Without the second signal this would take longer than a test may.
  supervisor.stop("a", Millis(3'600'000));

  EXPECT_TRUE(supervisor.is_hasty());
  EXPECT_EQ(pid_of(0), 0);
}

TEST_F(SupervisorTest, KnowsWhichRolesAreReady) {
  Supervisor& supervisor = supervise(
      {role("a", "read x <&6; printf '\\377' >&3; echo said >&5; read x <&4"), polite("b")});
  supervisor.turn(system_clock().now());
  EXPECT_FALSE(supervisor.is_ready("a"));
  ASSERT_EQ(::write(beat_.get(), "\n", 1), 1);
  const std::string first = hear();
  const std::string second = hear();
  ASSERT_THAT((std::set<std::string>{first, second}), ElementsAre("b", "said"));

  supervisor.turn(system_clock().now());

  EXPECT_TRUE(supervisor.is_ready("a"));
  EXPECT_FALSE(supervisor.is_ready("b"));
  EXPECT_TRUE(supervisor.is_ready("there is none"));
}

TEST_F(SupervisorTest, KillsARoleOneLoopOfWhichIsSilent) {
  // Loops 1 and 2 are heard at first, then only 1.
  Supervisor& supervisor = supervise(
      {role("a",
            "printf '\\377\\1\\2' >&3; echo up >&5; while read x <&6; do printf '\\1' >&3; "
            "echo beaten >&5; done")},
      clock_);
  supervisor.turn(clock_.now());
  ASSERT_EQ(hear(), "up");
  supervisor.turn(clock_.now());
  const pid_t first = pid_of(0);
  for (Millis silence{0}; silence <= kBeatTimeout; silence += kBeatPeriod) {
    ASSERT_EQ(::write(beat_.get(), "\n", 1), 1);
    ASSERT_EQ(hear(), "beaten");
    ASSERT_EQ(pid_of(0), first) << silence.count();
    supervisor.turn(clock_.now());
    clock_.advance(kBeatPeriod);
  }

  supervisor.turn(clock_.now());
  wait_ended(0);
  supervisor.turn(clock_.now());

  EXPECT_EQ(pid_of(0), 0);
}

TEST_F(SupervisorTest, JudgesNobodyByATimeItDidNotWatch) {
  Supervisor& supervisor =
      supervise({role("a", "printf '\\377\\1' >&3; echo up >&5; read x <&4")}, clock_);
  supervisor.turn(clock_.now());
  ASSERT_EQ(hear(), "up");
  supervisor.turn(clock_.now());
  const pid_t first = pid_of(0);

  clock_.advance(Millis(3'600'000));
  supervisor.turn(clock_.now());
  supervisor.turn(clock_.now());

  EXPECT_EQ(pid_of(0), first);
  EXPECT_EQ(::kill(first, 0), 0);
}

TEST_F(SupervisorTest, EndsOnlyWhatIsNotReady) {
  Supervisor& supervisor =
      supervise({role("a", "printf '\\377' >&3; echo up >&5; read x <&4"), polite("b")});
  supervisor.turn(system_clock().now());
  hear();
  hear();
  supervisor.turn(system_clock().now());

  supervisor.end_unready();

  EXPECT_TRUE(supervisor.is_ready("a"));
  EXPECT_EQ(pid_of(1), 0);
}

TEST_F(SupervisorTest, TellsOnceThatAnUpgradeIsAskedFor) {
  Supervisor& supervisor = supervise({polite("a")});
  supervisor.turn(system_clock().now());
  ::kill(::getpid(), SIGUSR2);

  supervisor.run_until_asked();

  EXPECT_FALSE(supervisor.is_stopping());
  EXPECT_TRUE(supervisor.take_upgrade_request());
  EXPECT_FALSE(supervisor.take_upgrade_request());
}

TEST_F(SupervisorTest, StopsNothingThatDoesNotRun) {
  Supervisor& supervisor = supervise({role("a", "exit 0")}, clock_);

  supervisor.stop("a", Millis(30'000));
  supervisor.stop("nobody", Millis(30'000));

  EXPECT_EQ(pid_of(0), 0);
}

}  // namespace
}  // namespace pixell::cmd
