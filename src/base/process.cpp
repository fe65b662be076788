#include "base/process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

#include "base/check.hpp"
#include "base/files.hpp"

extern char** environ;  // NOLINT: POSIX names it so

namespace pixell {

std::map<std::string, std::string> own_environment() {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos)
      variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return variables;
}

namespace {

// What the child tells the parent on a close-on-exec pipe when a step before exec fails.
struct StartFailure {
  int step;
  int error;
};
enum Step { kGroup, kDirectory, kDescriptors, kUser, kPrivileges, kExec, kCgroup, kLimits };
constexpr std::array kStepNames = {"setpgid", "chdir", "dup2",   "setuid",
                                   "prctl",   "exec",  "cgroup", "limits"};

// Everything the child needs, prepared before fork: after it only async-signal-safe calls follow.
struct ChildPlan {
  std::vector<char*> argv;
  std::vector<char*> envp;
  std::vector<std::pair<int, int>> fds;
  int report_fd;
  pid_t parent;
  std::string oom_score_adj;  // empty = left as it is
};

[[noreturn]] void fail(const ChildPlan& plan, Step step) {
  const StartFailure failure{step, errno};
  [[maybe_unused]] const ssize_t told = ::write(plan.report_fd, &failure, sizeof failure);
  ::_exit(127);
}

void place_descriptors(ChildPlan& plan) {
  // First lift every source above all targets, so that no dup2 overwrites a source still needed.
  int above = 3;
  for (const auto& [from, to] : plan.fds) above = std::max(above, to + 1);
  const int report = ::fcntl(plan.report_fd, F_DUPFD_CLOEXEC, above);
  if (report < 0) fail(plan, kDescriptors);
  plan.report_fd = report;
  for (auto& [from, to] : plan.fds) {
    const int lifted = ::fcntl(from, F_DUPFD_CLOEXEC, above);
    if (lifted < 0) fail(plan, kDescriptors);
    from = lifted;
  }
  // Not close-on-exec: it may itself get number 0, 1 or 2. Higher numbers are closed below.
  const int null_fd = ::open("/dev/null", O_RDWR);
  if (null_fd < 0) fail(plan, kDescriptors);
  for (int fd = 0; fd < 3; ++fd)
    if (::dup2(null_fd, fd) < 0) fail(plan, kDescriptors);
  for (const auto& [from, to] : plan.fds)
    if (::dup2(from, to) < 0) fail(plan, kDescriptors);
  // Whatever else is open must not leak, whether or not its owner set close-on-exec.
  constexpr unsigned kCloseRangeCloexec = 1U << 2;
  (void)::syscall(SYS_close_range, above, ~0U, kCloseRangeCloexec);
  for (int fd = 3; fd < above; ++fd) {
    const bool is_wanted = std::any_of(plan.fds.begin(), plan.fds.end(),
                                       [fd](const auto& pair) { return pair.second == fd; });
    if (!is_wanted) ::close(fd);
  }
}

// Linux keeps capabilities in two 32-bit words, 41 of them so far; unknown numbers are refused.
constexpr int kLastCapability = 63;

void lower_limits(const ProcessSpec& spec, const ChildPlan& plan) {
  if (!plan.oom_score_adj.empty()) {
    const int fd = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    const auto size = static_cast<ssize_t>(plan.oom_score_adj.size());
    // Without /proc there is nothing to adjust; the kernel then judges by size alone.
    if (fd >= 0 && ::write(fd, plan.oom_score_adj.data(), plan.oom_score_adj.size()) != size)
      fail(plan, kLimits);
    if (fd >= 0) ::close(fd);
  }
  for (const ProcessLimit& limit : spec.limits) {
    rlimit now{};
    if (::getrlimit(limit.resource, &now) != 0) fail(plan, kLimits);
    const rlim_t value = std::min<rlim_t>(limit.value, now.rlim_max);
    const rlimit wanted{.rlim_cur = value, .rlim_max = value};
    if (::setrlimit(limit.resource, &wanted) != 0) fail(plan, kLimits);
    if (limit.resource == RLIMIT_FSIZE) ::signal(SIGXFSZ, SIG_IGN);
  }
  if (spec.umask) ::umask(*spec.umask);
}

void drop_capabilities(const ChildPlan& plan) {
  // EPERM: not root, so there is nothing to drop. EINVAL: the kernel knows no such number.
  (void)::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  for (int capability = 0; capability <= kLastCapability; ++capability)
    if (capability != CAP_DAC_OVERRIDE && ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0 &&
        errno != EPERM && errno != EINVAL)
      fail(plan, kPrivileges);
}

[[noreturn]] void run_child(const ProcessSpec& spec, ChildPlan& plan) {
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int signal : {SIGPIPE, SIGTERM, SIGINT, SIGCHLD, SIGHUP}) ::signal(signal, SIG_DFL);
  if (spec.own_group && ::setpgid(0, 0) != 0) fail(plan, kGroup);
  for (const int procs : spec.cgroup_procs)
    if (::write(procs, "0", 1) != 1) fail(plan, kCgroup);
  if (!spec.directory.empty() && ::chdir(spec.directory.c_str()) != 0) fail(plan, kDirectory);
  place_descriptors(plan);
  lower_limits(spec, plan);
  if (spec.drop_capabilities) drop_capabilities(plan);
  if (spec.user) {
    if (::setgroups(0, nullptr) != 0 || ::setresgid(*spec.user, *spec.user, *spec.user) != 0 ||
        ::setresuid(*spec.user, *spec.user, *spec.user) != 0)
      fail(plan, kUser);
  }
  if (spec.dies_with_parent) {
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) fail(plan, kPrivileges);
    if (::getppid() != plan.parent) ::_exit(127);  // the parent died before prctl took effect
  }
  if (spec.no_new_privileges && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    fail(plan, kPrivileges);
  ::execve(plan.argv[0], plan.argv.data(), plan.envp.data());
  fail(plan, kExec);
}

}  // namespace

Result<pid_t> start_process(const ProcessSpec& spec) {
  CHECK(!spec.argv.empty(), "a program has a path");
  int report[2];
  if (::pipe2(report, O_CLOEXEC) != 0) return errno_error("cannot make a pipe", errno);
  UniqueFd report_read(report[0]);
  UniqueFd report_write(report[1]);

  std::vector<std::string> env_lines;
  env_lines.reserve(spec.env.size());
  for (const auto& [key, value] : spec.env) env_lines.push_back(key + "=" + value);
  ChildPlan plan{.argv = {},
                 .envp = {},
                 .fds = spec.fds,
                 .report_fd = report_write.get(),
                 .parent = ::getpid(),
                 .oom_score_adj = {}};
  if (spec.oom_score_adj) plan.oom_score_adj = fmt::to_string(*spec.oom_score_adj);
  for (const std::string& argument : spec.argv)
    plan.argv.push_back(const_cast<char*>(argument.c_str()));
  plan.argv.push_back(nullptr);
  for (std::string& line : env_lines) plan.envp.push_back(line.data());
  plan.envp.push_back(nullptr);

  const pid_t pid = ::fork();
  if (pid < 0) return errno_error("cannot fork", errno);
  if (pid == 0) run_child(spec, plan);

  report_write.reset();
  StartFailure failure{};
  ssize_t got = 0;
  do {
    got = ::read(report_read.get(), &failure, sizeof failure);
  } while (got < 0 && errno == EINTR);
  if (got == 0) return pid;
  ::waitpid(pid, nullptr, 0);
  return errno_error(fmt::format("cannot start {} ({})", spec.argv[0],
                                 kStepNames[static_cast<std::size_t>(failure.step)]),
                     failure.error);
}

Result<ProcessIdentity> identify_process(pid_t pid) {
  auto stat = read_file(fmt::format("/proc/{}/stat", pid));
  if (!stat) return make_error(ErrorCode::NotFound, fmt::format("no process {}", pid));
  auto boot = read_file("/proc/sys/kernel/random/boot_id");
  if (!boot) return boot.error();
  // The name in field 2 may hold blanks and brackets: count fields behind the last ')'.
  std::string_view rest(*stat);
  rest.remove_prefix(rest.rfind(')') + 2);
  for (int field = 3; field < 22; ++field) rest.remove_prefix(rest.find(' ') + 1);
  ProcessIdentity identity{.pid = pid, .start_time = 0, .boot_id = *boot};
  std::from_chars(rest.data(), rest.data() + rest.size(), identity.start_time);
  while (!identity.boot_id.empty() && identity.boot_id.back() == '\n') identity.boot_id.pop_back();
  return identity;
}

bool is_running(const ProcessIdentity& identity) {
  const auto now = identify_process(identity.pid);
  if (!now || !(*now == identity)) return false;
  const auto stat = read_file(fmt::format("/proc/{}/stat", identity.pid));
  if (!stat) return false;
  const std::size_t name_end = stat->rfind(')');
  return name_end != std::string::npos && name_end + 2 < stat->size() &&
         (*stat)[name_end + 2] != 'Z' && (*stat)[name_end + 2] != 'X';
}

Result<UniqueFd> open_pidfd(const ProcessIdentity& identity) {
  UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_open, identity.pid, 0)));
  if (!fd) return errno_error(fmt::format("cannot watch process {}", identity.pid), errno);
  // Checked after opening: the descriptor now pins whichever process has the pid.
  if (const auto now = identify_process(identity.pid); !now || !(*now == identity))
    return make_error(ErrorCode::NotFound, fmt::format("process {} has gone", identity.pid));
  return fd;
}

ExitStatus exit_status_of(int wait_status) {
  if (WIFSIGNALED(wait_status)) return {.code = 0, .signal = WTERMSIG(wait_status)};
  return {.code = WEXITSTATUS(wait_status), .signal = 0};
}

}  // namespace pixell
