#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/process.hpp"
#include "par/telemetry/exporter.hpp"
#include "par/telemetry/limits.hpp"

namespace pixell::telemetry {
namespace {

// True when whoever writes to stdin has closed it, whether or not all was read.
bool input_has_ended() {
  pollfd input{.fd = 0, .events = 0, .revents = 0};
  return ::poll(&input, 1, 0) > 0 && (input.revents & (POLLHUP | POLLERR)) != 0;
}

void tell(const Outcome& outcome) {
  nlohmann::json line = {{"sent", outcome.sent}, {"failed", outcome.failed}};
  if (!outcome.reason.empty()) line["reason"] = outcome.reason;
  // Without a reader there is nobody to tell, and the input ends as well.
  (void)write_all(1, line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

/// Lines of stdin, each with a time to wait for it.
class Lines {
 public:
  enum class State { Line, Timeout, End };

  State next(std::string& line, Millis wait) {
    while (true) {
      if (const auto end = buffer_.find('\n', start_); end != std::string::npos) {
        line.assign(buffer_, start_, end - start_);
        start_ = end + 1;
        return State::Line;
      }
      buffer_.erase(0, std::exchange(start_, 0));
      if (buffer_.size() > kMaxLineBytes) buffer_.clear();  // no line of par's is as long
      pollfd input{.fd = 0, .events = POLLIN, .revents = 0};
      const int ready = ::poll(&input, 1, static_cast<int>(wait.count()));
      if (ready < 0 && errno == EINTR) continue;
      if (ready <= 0) return State::Timeout;
      char chunk[64 * 1024];
      const ssize_t got = ::read(0, chunk, sizeof chunk);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return State::End;
      buffer_.append(chunk, static_cast<std::size_t>(got));
    }
  }

 private:
  std::string buffer_;
  std::size_t start_ = 0;
};

std::string resource_of(const std::string& first_line) {
  const auto line = nlohmann::json::parse(first_line, nullptr, false);
  const auto found = line.is_object() ? line.find("resource") : line.end();
  return line.is_object() && found != line.end() ? found->dump() : std::string("{}");
}

int run() {
  auto collector = collector_of(own_environment());
  if (!collector) {
    fmt::print(stderr, "par-telemetry: {}\n", collector.error().message);
    return 2;
  }
  constexpr Millis kIdle{60'000};
  Lines lines;
  std::string line;
  Lines::State state = Lines::State::Timeout;
  while (state == Lines::State::Timeout) state = lines.next(line, kIdle);
  if (state == Lines::State::End) return 0;
  Exporter exporter(std::move(*collector), resource_of(line), input_has_ended);
  std::optional<Instant> send_at;
  while (true) {
    const Instant now = system_clock().now();
    const Millis wait =
        !send_at ? kIdle : std::max(Millis(0), std::chrono::ceil<Millis>(*send_at - now));
    state = lines.next(line, wait);
    if (state == Lines::State::Line) {
      exporter.add(line);
      if (!send_at) send_at = system_clock().now() + kBatchPause;
    }
    if (state == Lines::State::End) {
      if (exporter.size() > 0) tell(exporter.flush());
      return 0;
    }
    if (exporter.size() == 0 || !(exporter.is_full() || system_clock().now() >= *send_at)) continue;
    tell(input_has_ended() ? exporter.flush() : exporter.send());
    send_at.reset();
  }
}

}  // namespace
}  // namespace pixell::telemetry

// Exits 0 when its input ended; 2 when no collector is named.
int main(int argc, char**) {
  if (argc > 1 || ::isatty(0) != 0) {
    fmt::print(stderr, "par-telemetry is started by par; see docs/observability.md\n");
    return 2;
  }
  ::signal(SIGPIPE, SIG_IGN);
  return pixell::telemetry::run();
}
