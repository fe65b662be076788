#include "cmd/par/terminal_output.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <thread>
#include <utility>

#include "base/files.hpp"
#include "base/unique_fd.hpp"
#include "cmd/par/limits.hpp"
#include "cmd/par/terminal_view.hpp"

namespace pixell::cmd {

namespace {

void copy_lines(int from, TerminalView view) {
  std::array<char, 16 * 1024> chunk{};
  std::string waiting;
  bool is_heard = true;
  const auto show = [&](std::string_view line) {
    // A terminal that has gone must not hold up the runtime: reading goes on.
    if (is_heard) is_heard = write_all(1, view.show(line)).has_value();
  };
  while (true) {
    const ssize_t got = ::read(from, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    waiting.append(chunk.data(), static_cast<std::size_t>(got));
    std::size_t start = 0;
    for (std::size_t end = waiting.find('\n'); end != std::string::npos;
         end = waiting.find('\n', start)) {
      show(std::string_view(waiting).substr(start, end - start));
      start = end + 1;
    }
    waiting.erase(0, start);
    if (waiting.size() > kMaxTerminalLineBytes) show(std::exchange(waiting, {}));
  }
  if (!waiting.empty()) show(waiting);
}

}  // namespace

struct TerminalOutput::Impl {
  UniqueFd reader;
  UniqueFd writer;
  std::thread thread;
};

TerminalOutput::TerminalOutput() : impl_(std::make_unique<Impl>()) {}

Result<std::unique_ptr<TerminalOutput>> TerminalOutput::start(std::string url, bool has_colour) {
  std::unique_ptr<TerminalOutput> output(new TerminalOutput());
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return errno_error("cannot make a pipe", errno);
  output->impl_->reader.reset(ends[0]);
  output->impl_->writer.reset(ends[1]);
  // The thread inherits the mask: signals stay the main thread's.
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  output->impl_->thread =
      std::thread(copy_lines, ends[0], TerminalView(std::move(url), has_colour));
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return output;
}

TerminalOutput::~TerminalOutput() {
  impl_->writer.reset();
  if (impl_->thread.joinable()) impl_->thread.join();
}

int TerminalOutput::fd() const { return impl_->writer.get(); }

}  // namespace pixell::cmd
