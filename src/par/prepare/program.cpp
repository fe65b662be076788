#include "par/prepare/program.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "base/files.hpp"
#include "par/prepare/limits.hpp"

namespace pixell::prepare {

namespace {

// Reads until the pipe ends or the deadline passes; true at the end.
bool read_to_end(int fd, Instant deadline, std::string& output) {
  char chunk[16 * 1024];
  while (true) {
    const auto left = std::chrono::ceil<Millis>(deadline - system_clock().now());
    pollfd poll_fd{.fd = fd, .events = POLLIN, .revents = 0};
    if (left.count() <= 0) return false;
    if (::poll(&poll_fd, 1, static_cast<int>(left.count())) <= 0) continue;
    const ssize_t got = ::read(fd, chunk, sizeof chunk);
    if (got == 0) return true;
    if (got < 0) continue;
    output.append(chunk, static_cast<std::size_t>(got));
    if (output.size() > kMaxOutputBytes) output.erase(0, output.size() - kMaxOutputBytes);
  }
}

// Output may end before the program does. There is no wait with a deadline but polling.
bool wait_for_exit(pid_t pid, Instant deadline, ExitStatus& exit) {
  int status = 0;
  while (true) {
    const pid_t got = ::waitpid(pid, &status, WNOHANG);
    if (got == pid) {
      exit = exit_status_of(status);
      return true;
    }
    if (system_clock().now() >= deadline) return false;
    ::poll(nullptr, 0, 1);
  }
}

}  // namespace

Result<ProgramEnd> run_program(const ProgramRun& run) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return errno_error("cannot make a pipe", errno);
  UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  TRY(const pid_t pid, start_process({.argv = run.argv,
                                      .env = run.env,
                                      .directory = run.directory,
                                      .fds = {{write_end.get(), 1}, {write_end.get(), 2}},
                                      .dies_with_parent = true}));
  write_end.reset();
  ProgramEnd end;
  const Instant deadline = system_clock().now() + run.timeout;
  const bool ended =
      read_to_end(read_end.get(), deadline, end.output) && wait_for_exit(pid, deadline, end.status);
  // Also what the program started and left behind.
  ::kill(-pid, SIGKILL);
  if (!ended)
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
  if (!ended)
    return Error{.code = ErrorCode::DeadlineExceeded,
                 .message = fmt::format("{} did not end within {} s", run.argv[0],
                                        run.timeout.count() / 1000),
                 .detail = end.output};
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
