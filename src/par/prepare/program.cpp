#include "par/prepare/program.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "base/control_group.hpp"
#include "base/files.hpp"
#include "par/prepare/limits.hpp"

namespace pixell::prepare {

namespace {

// Takes what is in the pipe now; false at its end. `fd` does not block.
bool take_output(int fd, std::string& output) {
  char chunk[64 * 1024];
  const ssize_t got = ::read(fd, chunk, sizeof chunk);
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  output.append(chunk, static_cast<std::size_t>(got));
  if (output.size() > kMaxOutputBytes) output.erase(0, output.size() - kMaxOutputBytes);
  return got > 0;
}

// Takes output until the program has ended (`pidfd`), or until the deadline: false then. The end of
// the output says nothing: a program may close it early, or leave it to what it started.
bool wait_for_exit(int output_fd, int pidfd, Instant deadline, std::string& output) {
  pollfd fds[] = {{.fd = output_fd, .events = POLLIN, .revents = 0},
                  {.fd = pidfd, .events = POLLIN, .revents = 0}};
  while (true) {
    const auto left = std::chrono::ceil<Millis>(deadline - system_clock().now());
    if (left.count() <= 0) return false;
    if (::poll(fds, std::size(fds), static_cast<int>(left.count())) <= 0) continue;
    if (fds[0].revents != 0 && !take_output(output_fd, output)) fds[0].fd = -1;
    if (fds[1].revents != 0) return true;
  }
}

int reap(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

std::vector<pid_t> own_children() {
  std::vector<pid_t> pids;
  const auto text = read_file(fmt::format("/proc/self/task/{}/children", ::getpid()));
  if (!text) return pids;
  const char* at = text->data();
  const char* const end = at + text->size();
  pid_t pid = 0;
  for (auto got = std::from_chars(at, end, pid); got.ec == std::errc();
       got = std::from_chars(at, end, pid)) {
    pids.push_back(pid);
    at = std::min(got.ptr + 1, end);
  }
  return pids;
}

// What a program leaves behind becomes our child, as we are a subreaper, and is ended; so does what
// that leaves behind: a generation in each round.
void end_left_overs() {
  for (int round = 0; round < kKillRounds; ++round) {
    const std::vector<pid_t> left = own_children();
    if (left.empty()) return;
    for (const pid_t pid : left) ::kill(pid, SIGKILL);
    for (const pid_t pid : left) reap(pid);
  }
}

ProcessSpec process_of(const ProgramRun& run, int output_fd) {
  // Of our group, so that whoever kills it reaches the program too.
  ProcessSpec spec{.argv = run.argv,
                   .env = run.env,
                   .directory = run.directory,
                   .fds = {{output_fd, 1}, {output_fd, 2}},
                   .own_group = false,
                   .dies_with_parent = true,
                   .no_new_privileges = true};
  // par and par-prepare stay, to say why.
  spec.oom_score_adj = kInstallerOomScore;
  if (!run.user) return spec;
  spec.user = run.user;
  spec.drop_capabilities = true;
  spec.umask = kInstallerUmask;
  spec.limits = {{.resource = RLIMIT_CORE, .value = 0},
                 {.resource = RLIMIT_NOFILE, .value = kInstallerOpenFiles},
                 {.resource = RLIMIT_NPROC, .value = kInstallerProcesses},
                 {.resource = RLIMIT_FSIZE, .value = kMaxInstalledFileBytes}};
  return spec;
}

}  // namespace

Result<ProgramEnd> run_program(const ProgramRun& run) {
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0)
    return errno_error("cannot become the parent of what a program leaves", errno);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return errno_error("cannot make a pipe", errno);
  UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  TRY_VOID(set_nonblocking(read_end.get()));
  const auto oom_kills = count_oom_kills();
  TRY(const pid_t pid, start_process(process_of(run, write_end.get())));
  write_end.reset();
  const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  const int pidfd_errno = errno;
  ProgramEnd end;
  const bool ended = pidfd && wait_for_exit(read_end.get(), pidfd.get(),
                                            system_clock().now() + run.timeout, end.output);
  if (!ended) ::kill(pid, SIGKILL);
  end.status = exit_status_of(reap(pid));
  end_left_overs();
  // Nobody writes any more: this ends.
  pollfd rest{.fd = read_end.get(), .events = POLLIN, .revents = 0};
  while (::poll(&rest, 1, 0) > 0 && take_output(read_end.get(), end.output)) {
  }
  if (!pidfd) return errno_error("cannot watch a program", pidfd_errno);
  if (!ended)
    return Error{.code = ErrorCode::DeadlineExceeded,
                 .message = fmt::format("{} did not end within {} s", run.argv[0],
                                        run.timeout.count() / 1000),
                 .detail = end.output};
  end.is_out_of_memory =
      !end.is_success() && oom_kills && count_oom_kills().value_or(0) > *oom_kills;
  return end;
}

std::vector<std::string> last_lines(const std::string& output, std::size_t count) {
  std::vector<std::string> lines;
  std::size_t end = output.size();
  while (end > 0 && lines.size() < count) {
    const std::size_t start = output.rfind('\n', end - 1);
    const std::size_t from = start == std::string::npos ? 0 : start + 1;
    std::string line = output.substr(from, end - from);
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r' || line.back() == ' '))
      line.pop_back();
    if (!line.empty()) lines.push_back(std::move(line));
    if (start == std::string::npos) break;
    end = start;
  }
  std::reverse(lines.begin(), lines.end());
  return lines;
}

std::string without_credentials(std::string line) {
  for (std::size_t at = line.find("://"); at != std::string::npos; at = line.find("://", at + 3)) {
    const std::size_t end = line.find_first_of("/ '\"", at + 3);
    const std::size_t sign = line.find('@', at + 3);
    if (sign != std::string::npos && (end == std::string::npos || sign < end))
      line.replace(at + 3, sign - at - 3, "[REDACTED]");
  }
  return line;
}

}  // namespace pixell::prepare
