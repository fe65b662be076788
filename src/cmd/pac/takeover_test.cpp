#include "cmd/pac/takeover.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <map>
#include <set>

#include "base/testing/fake_clock.hpp"
#include "cmd/pac/limits.hpp"
#include "edge/limits.hpp"

namespace pixell::cmd {
namespace {

// Former roles are shells that say on a pipe which signal they got; most end then.
class TakeoverTest : public ::testing::Test {
 protected:
  void SetUp() override {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    told_.reset(ends[0]);
    teller_.reset(ends[1]);
    ASSERT_EQ(::pipe(ends), 0);
    silence_.reset(ends[0]);
    silent_.reset(ends[1]);
  }
  void TearDown() override {
    for (const auto& [name, pid] : pids_)
      if (::kill(pid, SIGKILL) == 0) ::waitpid(pid, nullptr, 0);
  }

  void former(const std::string& name, const std::string& on_term = "exit 0") {
    const std::string script = "trap 'echo " + name + " leave >&3' USR1; trap 'echo " + name +
                               " end >&3; " + on_term + "' TERM; echo " + name +
                               " up >&3; while :; do read x <&4; done";
    const auto pid = start_process({.argv = {"/bin/sh", "-c", script},
                                    .env = {{"PATH", "/usr/bin:/bin"}},
                                    .fds = {{teller_.get(), 3}, {silence_.get(), 4}},
                                    .dies_with_parent = true});
    ASSERT_TRUE(pid) << pid.error().message;
    ASSERT_EQ(hear(), name + " up");
    pids_[name] = *pid;
    records_.push_back({.role = name, .identity = *identify_process(*pid)});
  }
  Takeover take_over() {
    return {records_, {.drain = Millis(60'000), .clock = clock_, .log = Log(-1)}};
  }
  void turn(Takeover& takeover) {
    takeover.turn([this](std::string_view name) { return ready_.contains(std::string(name)); });
  }
  // The next line a former role says; empty when none does for half a minute.
  std::string hear() {
    std::string line;
    pollfd poll_fd{.fd = told_.get(), .events = POLLIN, .revents = 0};
    for (char c = 0; ::poll(&poll_fd, 1, 30'000) > 0 && ::read(told_.get(), &c, 1) == 1;) {
      if (c == '\n') return line;
      line += c;
    }
    return {};
  }
  bool is_silent() const {
    pollfd poll_fd{.fd = told_.get(), .events = POLLIN, .revents = 0};
    return ::poll(&poll_fd, 1, 0) == 0;
  }
  void wait_ended(const std::string& name) const {
    siginfo_t info{};
    ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(pids_.at(name)), &info, WEXITED | WNOWAIT), 0);
  }

  UniqueFd told_, teller_, silence_, silent_;
  std::map<std::string, pid_t> pids_;
  std::vector<RoleRecord> records_;
  std::set<std::string> ready_;
  FakeClock clock_;
};

TEST_F(TakeoverTest, IsOverWhenNobodyWasThere) {
  records_.push_back({.role = "serve", .identity = *identify_process(::getpid())});

  EXPECT_TRUE(take_over().is_over()) << "the supervisor itself is nobody to be replaced";
}

TEST_F(TakeoverTest, ReplacesEdgeThenNodeThenControl) {
  for (const char* name : {"control", "edge", "node"}) former(name);
  Takeover takeover = take_over();
  EXPECT_FALSE(takeover.holds_back("edge")) << "the new one runs beside the old one";
  EXPECT_TRUE(takeover.holds_back("node") && takeover.holds_back("control"));
  turn(takeover);
  EXPECT_TRUE(is_silent()) << "nothing is touched until the new edge is ready";

  ready_.insert("edge");
  turn(takeover);
  const std::set<std::string> said{hear(), hear()};
  EXPECT_EQ(said, (std::set<std::string>{"edge leave", "node end"}));
  EXPECT_TRUE(takeover.holds_back("node"));
  wait_ended("node");
  turn(takeover);
  EXPECT_FALSE(takeover.holds_back("node"));
  EXPECT_TRUE(is_silent());
  ready_.insert("node");
  turn(takeover);
  EXPECT_EQ(hear(), "control end");
  wait_ended("control");
  turn(takeover);
  EXPECT_FALSE(takeover.holds_back("control"));
  EXPECT_FALSE(takeover.is_over());
  ready_.insert("control");
  turn(takeover);

  EXPECT_TRUE(takeover.is_over());
  EXPECT_TRUE(takeover.is_any_running()) << "the old edge drains";
}

TEST_F(TakeoverTest, TouchesNothingWhenTheNewEdgeDoesNotGetReady) {
  for (const char* name : {"control", "edge", "node"}) former(name);
  Takeover takeover = take_over();

  turn(takeover);
  EXPECT_EQ(takeover.failure(), "");
  clock_.advance(kTakeoverReadyTimeout + Millis(1));
  turn(takeover);

  EXPECT_NE(takeover.failure().find("the new edge did not get ready"), std::string::npos);
  EXPECT_TRUE(is_silent());
  ready_.insert("edge");
  turn(takeover);
  EXPECT_EQ(takeover.failure(), "") << "it gets on when it can";
}

TEST_F(TakeoverTest, LetsARoleStartWhoseFormerProcessDiedMeanwhile) {
  former("edge");
  former("control");
  Takeover takeover = take_over();
  ::kill(pids_["control"], SIGKILL);
  wait_ended("control");

  turn(takeover);

  EXPECT_FALSE(takeover.holds_back("control"));
}

TEST_F(TakeoverTest, KillsAFormerRoleThatDoesNotEnd) {
  former("control", ":");
  ready_ = {"edge", "node"};
  Takeover takeover = take_over();
  turn(takeover);
  ASSERT_EQ(hear(), "control end");

  clock_.advance(kRoleStopTimeout);
  turn(takeover);

  wait_ended("control");
  turn(takeover);
  EXPECT_FALSE(takeover.holds_back("control"));
}

TEST_F(TakeoverTest, KillsAnEdgeThatOutstaysItsDrain) {
  former("edge");
  ready_ = {"edge", "node", "control"};
  Takeover takeover = take_over();
  turn(takeover);
  ASSERT_EQ(hear(), "edge leave");
  clock_.advance(Millis(60'000));
  turn(takeover);
  EXPECT_TRUE(takeover.is_any_running());

  clock_.advance(kEdgeStopMargin);
  turn(takeover);

  wait_ended("edge");
  EXPECT_FALSE(takeover.is_any_running());
}

TEST_F(TakeoverTest, HurriesWhatIsLeft) {
  former("edge");
  ready_ = {"edge", "node", "control"};
  Takeover takeover = take_over();
  turn(takeover);
  ASSERT_EQ(hear(), "edge leave");

  takeover.hurry();

  EXPECT_EQ(hear(), "edge end");
  wait_ended("edge");
  EXPECT_FALSE(takeover.is_any_running());
}

}  // namespace
}  // namespace pixell::cmd
