#include "par/worker/agent_process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "par/limits.hpp"

namespace pixell::par {

namespace {

constexpr int kLinkFd = 3;

struct Pair {
  UniqueFd ours;
  UniqueFd theirs;
};

Result<Pair> make_output_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return errno_error("cannot make a pipe", errno);
  return Pair{.ours = UniqueFd(ends[0]), .theirs = UniqueFd(ends[1])};
}

Result<Pair> make_link_sockets() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return errno_error("cannot make a socket pair", errno);
  return Pair{.ours = UniqueFd(ends[0]), .theirs = UniqueFd(ends[1])};
}

}  // namespace

AgentProcess::AgentProcess(net::EventLoop& loop, Children& children, OomKills& oom_kills, Log log,
                           OnExit on_exit)
    : loop_(loop),
      children_(children),
      oom_kills_(oom_kills),
      log_(std::move(log)),
      on_exit_(std::move(on_exit)) {}

AgentProcess::~AgentProcess() {
  if (pid_ <= 0) return;
  children_.forget(pid_);
  signal_group(std::exchange(pid_, 0), SIGKILL);
}

Result<UniqueFd> AgentProcess::start(const WorkerPlan& plan) {
  TRY(Pair link, make_link_sockets());
  TRY(Pair output, make_output_pipe());
  TRY(Pair errors, make_output_pipe());
  stdout_lines_.clear();
  stderr_lines_.clear();
  ProcessSpec spec{.argv = plan.argv,
                   .env = plan.env,
                   .directory = plan.directory,
                   .fds = {{output.theirs.get(), 1}, {errors.theirs.get(), 2}}};
  if (!plan.load_header.empty()) spec.fds.emplace_back(link.theirs.get(), kLinkFd);
  confine(plan.sandbox, spec);
  TRY(pid_, start_process(spec));
  children_.watch(pid_, [this](ExitStatus status) { ended(status); });
  stdout_reader_ = make_reader(std::move(output.ours), "stdout", stdout_lines_);
  stderr_reader_ = make_reader(std::move(errors.ours), "stderr", stderr_lines_);
  for (LineReader* reader : {stdout_reader_.get(), stderr_reader_.get()}) {
    auto started = reader->start();
    if (started) continue;
    children_.forget(pid_);
    signal_group(std::exchange(pid_, 0), SIGKILL);
    return std::move(started).error();
  }
  return std::move(link.ours);
}

std::unique_ptr<LineReader> AgentProcess::make_reader(UniqueFd fd, const char* stream,
                                                      Lines& kept) {
  return std::make_unique<LineReader>(loop_, std::move(fd), kMaxOutputLineBytes,
                                      [this, stream, &kept](std::string_view line) {
                                        if (line.empty()) return;
                                        log_.info(line, {{"stream", stream}});
                                        kept.emplace_back(line);
                                        if (kept.size() > kEvidenceLines) kept.pop_front();
                                      });
}

std::vector<std::string> AgentProcess::evidence() const {
  const Lines& lines = stderr_lines_.empty() ? stdout_lines_ : stderr_lines_;
  return {lines.begin(), lines.end()};
}

void AgentProcess::ended(ExitStatus status) {
  // What the worker started itself has lost its parent and its sockets.
  signal_group(std::exchange(pid_, 0), SIGKILL);
  stdout_reader_->read_rest();
  stderr_reader_->read_rest();
  const bool out_of_memory = oom_kills_.take_new() && status.signal == SIGKILL;
  on_exit_({.status = status, .out_of_memory = out_of_memory});
}

}  // namespace pixell::par
