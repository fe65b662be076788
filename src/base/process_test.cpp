#include "base/process.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

namespace pixell {
namespace {

std::string read_to_end(int fd) {
  std::string all;
  char chunk[4096];
  while (true) {
    const ssize_t got = ::read(fd, chunk, sizeof chunk);
    if (got <= 0) return all;
    all.append(chunk, static_cast<std::size_t>(got));
  }
}

struct Outcome {
  std::string output;
  ExitStatus exit;
};

// Runs a shell script with its stdout on a pipe and waits for its end.
Outcome run_shell(const std::string& script, ProcessSpec spec = {}) {
  int ends[2];
  EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  spec.argv = {"/bin/sh", "-c", script};
  spec.fds.emplace_back(writer.get(), 1);
  const auto pid = start_process(spec);
  if (!pid) {
    ADD_FAILURE() << pid.error().message;
    return {};
  }
  writer.reset();
  Outcome outcome{.output = read_to_end(reader.get()), .exit = {}};
  int status = 0;
  EXPECT_EQ(::waitpid(*pid, &status, 0), *pid);
  outcome.exit = exit_status_of(status);
  return outcome;
}

// A child that stays until its descriptor `hold` is closed.
struct Sleeper {
  Sleeper() {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    UniqueFd reader(ends[0]);
    hold = UniqueFd(ends[1]);
    const auto started = start_process({.argv = {"/bin/cat"}, .fds = {{reader.get(), 0}}});
    EXPECT_TRUE(started);
    pid = started.value_or(-1);
  }
  void end() {
    hold.reset();
    siginfo_t info{};  // wait without reaping: the zombie stays
    EXPECT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT), 0);
  }
  void reap() {
    hold.reset();
    EXPECT_EQ(::waitpid(pid, nullptr, 0), pid);
  }

  UniqueFd hold;
  pid_t pid = -1;
};

TEST(StartProcess, GivesExactlyTheEnvironmentAndDirectoryNamed) {
  ::setenv("PROCESS_TEST_LEAK", "1", 1);

  const Outcome outcome = run_shell("echo \"$A|$PROCESS_TEST_LEAK|$(pwd)\"",
                                    {.env = {{"A", "x y=z"}}, .directory = "/"});

  EXPECT_EQ(outcome.output, "x y=z||/\n");
}

TEST(StartProcess, ReportsExitCodeAndSignal) {
  EXPECT_EQ(run_shell("exit 7").exit.code, 7);
  const ExitStatus killed = run_shell("kill -9 $$").exit;
  EXPECT_EQ(killed.signal, SIGKILL);
  EXPECT_EQ(killed.code, 0);
}

TEST(StartProcess, PassesOnlyTheDescriptorsNamed) {
  int leak[2];
  ASSERT_EQ(::pipe2(leak, 0), 0);  // deliberately without close-on-exec
  UniqueFd leak_reader(leak[0]);
  UniqueFd leak_writer(leak[1]);

  // The shell expands the glob itself; ls is not needed. 0 and 2 are /dev/null, 1 is our pipe.
  const Outcome outcome = run_shell("cd /proc/$$/fd && echo *");

  EXPECT_EQ(outcome.output.substr(0, 5), "0 1 2");
  for (const UniqueFd* fd : {&leak_reader, &leak_writer})
    EXPECT_EQ(outcome.output.find(" " + std::to_string(fd->get()) + " "), std::string::npos)
        << outcome.output;
}

TEST(StartProcess, PlacesDescriptorsEvenWhenNumbersCross) {
  int first[2];
  int second[2];
  ASSERT_EQ(::pipe2(first, O_CLOEXEC), 0);
  ASSERT_EQ(::pipe2(second, O_CLOEXEC), 0);
  UniqueFd first_reader(first[0]);
  UniqueFd first_writer(first[1]);
  UniqueFd second_reader(second[0]);
  UniqueFd second_writer(second[1]);

  // Each writer takes the number the other one has in this process.
  const auto pid = start_process({.argv = {"/bin/sh", "-c", "echo one >&$A; echo two >&$B"},
                                  .env = {{"A", std::to_string(second_writer.get())},
                                          {"B", std::to_string(first_writer.get())}},
                                  .fds = {{first_writer.get(), second_writer.get()},
                                          {second_writer.get(), first_writer.get()}}});
  ASSERT_TRUE(pid) << pid.error().message;
  first_writer.reset();
  second_writer.reset();

  EXPECT_EQ(read_to_end(first_reader.get()), "one\n");
  EXPECT_EQ(read_to_end(second_reader.get()), "two\n");
  EXPECT_EQ(::waitpid(*pid, nullptr, 0), *pid);
}

TEST(StartProcess, UnnamedStandardDescriptorsAreDevNull) {
  const Outcome outcome = run_shell("read line; echo \"read $?\"; readlink /proc/$$/fd/2",
                                    {.env = {{"PATH", "/bin:/usr/bin"}}});

  EXPECT_EQ(outcome.output, "read 1\n/dev/null\n");
}

TEST(StartProcess, AParentWithoutStandardInputStillGivesDevNull) {
  const UniqueFd saved(::fcntl(0, F_DUPFD_CLOEXEC, 3));
  ::close(0);

  const Outcome outcome = run_shell("readlink /proc/$$/fd/0", {.env = {{"PATH", "/bin:/usr/bin"}}});

  if (saved) ::dup2(saved.get(), 0);
  EXPECT_EQ(outcome.output, "/dev/null\n");
}

TEST(StartProcess, LeadsItsOwnGroupUnlessToldOtherwise) {
  const std::string script = "read pid name state parent group rest </proc/self/stat; echo $group";
  const std::string ours = std::to_string(::getpgrp()) + "\n";

  EXPECT_NE(run_shell(script).output, ours);
  EXPECT_EQ(run_shell(script, {.own_group = false}).output, ours);
}

TEST(StartProcess, ResetsBlockedAndIgnoredSignals) {
  sigset_t blocked;
  sigset_t before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  ASSERT_EQ(::pthread_sigmask(SIG_BLOCK, &blocked, &before), 0);

  const ExitStatus exit = run_shell("kill -TERM $$; exit 3").exit;

  ASSERT_EQ(::pthread_sigmask(SIG_SETMASK, &before, nullptr), 0);
  EXPECT_EQ(exit.signal, SIGTERM);
}

TEST(StartProcess, SetsNoNewPrivileges) {
  const std::string script =
      "while read key value; do [ \"$key\" = NoNewPrivs: ] && echo $value; "
      "done </proc/self/status";

  EXPECT_EQ(run_shell(script, {.no_new_privileges = true}).output, "1\n");
}

TEST(StartProcess, RunsAsAnotherUserWithoutGroups) {
  if (::getuid() != 0) {
    // Only root may take another user; everybody else must get the error, not the wrong user.
    const auto pid = start_process({.argv = {"/bin/true"}, .user = ::getuid() + 1});
    ASSERT_FALSE(pid);
    EXPECT_EQ(pid.error().code, ErrorCode::PermissionDenied);
    return;
  }
  const std::string script =
      "while read key value rest; do case $key in Uid:|Gid:|Groups:) "
      "echo \"$key$value\";; esac; done </proc/self/status";

  EXPECT_EQ(run_shell(script, {.user = 64321}).output, "Uid:64321\nGid:64321\nGroups:\n");
}

TEST(StartProcess, NamesTheStepThatFails) {
  const auto no_program = start_process({.argv = {"/no/such/program"}});
  ASSERT_FALSE(no_program);
  EXPECT_EQ(no_program.error().code, ErrorCode::NotFound);
  EXPECT_NE(no_program.error().message.find("/no/such/program (exec)"), std::string::npos);

  const auto no_directory = start_process({.argv = {"/bin/true"}, .directory = "/no/such"});
  ASSERT_FALSE(no_directory);
  EXPECT_NE(no_directory.error().message.find("(chdir)"), std::string::npos);

  const auto bad_fd = start_process({.argv = {"/bin/true"}, .fds = {{9999, 3}}});
  ASSERT_FALSE(bad_fd);
  EXPECT_NE(bad_fd.error().message.find("(dup2)"), std::string::npos);

  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);  // no child is left, not even a zombie
  EXPECT_EQ(errno, ECHILD);
}

TEST(StartProcess, DiesWithItsParentWhenAsked) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);

  const pid_t parent = ::fork();
  ASSERT_GE(parent, 0);
  if (parent == 0) {
    // cat would stay for ever: its stdin is a pipe that it holds open itself.
    int hold[2];
    if (::pipe2(hold, O_CLOEXEC) != 0) ::_exit(1);
    const auto child = start_process({.argv = {"/bin/cat"},
                                      .fds = {{hold[0], 0}, {hold[1], 3}, {writer.get(), 1}},
                                      .dies_with_parent = true});
    ::_exit(child ? 0 : 1);
  }
  writer.reset();
  int status = 0;
  ASSERT_EQ(::waitpid(parent, &status, 0), parent);
  EXPECT_EQ(exit_status_of(status).code, 0);

  EXPECT_EQ(read_to_end(reader.get()), "");  // returns only when cat, the last writer, has ended
}

TEST(ProcessIdentity, StaysTheSameWhileTheProcessRuns) {
  const auto first = identify_process(::getpid());
  ASSERT_TRUE(first);
  EXPECT_EQ(first->pid, ::getpid());
  EXPECT_GT(first->start_time, 0U);
  EXPECT_EQ(first->boot_id.size(), 36U);

  EXPECT_EQ(identify_process(::getpid()).value(), *first);
  EXPECT_TRUE(is_running(*first));
}

TEST(ProcessIdentity, IsReadDespiteBlanksAndBracketsInTheName) {
  const std::uint64_t before = identify_process(::getpid()).value().start_time;
  char saved[16] = {};
  ASSERT_EQ(::prctl(PR_GET_NAME, saved), 0);
  ASSERT_EQ(::prctl(PR_SET_NAME, ") S 1 ((x"), 0);

  EXPECT_EQ(identify_process(::getpid()).value().start_time, before);
  ASSERT_EQ(::prctl(PR_SET_NAME, saved), 0);
}

TEST(ProcessIdentity, AZombieIsIdentifiedButNotRunning) {
  Sleeper sleeper;
  const auto identity = identify_process(sleeper.pid);
  ASSERT_TRUE(identity);
  EXPECT_TRUE(is_running(*identity));

  sleeper.end();
  EXPECT_TRUE(identify_process(sleeper.pid));
  EXPECT_FALSE(is_running(*identity));

  sleeper.reap();
  EXPECT_EQ(identify_process(sleeper.pid).error().code, ErrorCode::NotFound);
  EXPECT_FALSE(is_running(*identity));
}

TEST(ProcessIdentity, ARepeatedPidIsAnotherProcess) {
  ProcessIdentity stranger = identify_process(::getpid()).value();
  stranger.start_time -= 1;

  EXPECT_FALSE(is_running(stranger));
  EXPECT_EQ(open_pidfd(stranger).error().code, ErrorCode::NotFound);
}

TEST(Pidfd, BecomesReadableWhenTheProcessEnds) {
  Sleeper sleeper;
  const auto identity = identify_process(sleeper.pid);
  ASSERT_TRUE(identity);
  auto pidfd = open_pidfd(*identity);
  ASSERT_TRUE(pidfd);

  pollfd ready{.fd = pidfd->get(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&ready, 1, 0), 0);
  sleeper.end();
  EXPECT_EQ(::poll(&ready, 1, 10'000), 1);

  sleeper.reap();
  EXPECT_EQ(open_pidfd(*identity).error().code, ErrorCode::NotFound);
}

}  // namespace
}  // namespace pixell
