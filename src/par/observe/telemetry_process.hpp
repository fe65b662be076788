#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/log.hpp"
#include "base/process.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "net/event_loop.hpp"
#include "par/children.hpp"
#include "par/line_reader.hpp"
#include "par/observe/metrics.hpp"

namespace pixell::par {

/// How par-telemetry is started and what it is told first.
struct TelemetryCommand {
  std::string program;                     ///< path of par-telemetry
  std::map<std::string, std::string> env;  ///< OTEL_* and certificates; never logged
  std::string resource;                    ///< JSON of the resource all spans belong to
};

/// Hands spans to par-telemetry, which exports them: par itself speaks no TLS and resolves no name.
/// Nothing here ever waits: what the pipe does not take is kept up to a limit, then dropped and
/// counted. A child that ended is started again a few times.
class TelemetryProcess final : private net::FdHandler {
 public:
  TelemetryProcess(net::EventLoop& loop, Children& children, Metrics& metrics, Log log);
  /// Kills what still runs.
  ~TelemetryProcess() override;

  /// Starts the child. A failure is logged; spans are dropped then.
  void start(TelemetryCommand command);
  bool is_on() const { return is_on_; }

  /// Queues one span: the JSON object append_span() makes.
  void send(std::string_view span_json);

  /// Sends what is left, ends the child and calls `on_done` once: in a later turn, within
  /// kTelemetryFlushGrace. At once when nothing runs.
  void close(std::function<void()> on_done);

 private:
  void on_ready(std::uint32_t events) override;
  Result<void> launch();
  void hand_over();
  void drop_queue();
  void take_line(std::string_view line);
  void ended();

  net::EventLoop& loop_;
  Children& children_;
  Metrics& metrics_;
  Log log_;
  TelemetryCommand command_;
  bool is_on_ = false;
  pid_t pid_ = 0;
  int restarts_ = 0;
  UniqueFd pipe_;
  std::string queue_;  // whole lines, but for the first when a part of it has left
  std::size_t queued_spans_ = 0;
  std::unique_ptr<LineReader> reader_;
  std::function<void()> on_done_;
  Instant warned_at_{};
  bool has_warned_ = false;
  net::Timer hand_over_timer_;
  net::Timer restart_timer_;
  net::Timer kill_timer_;
};

}  // namespace pixell::par
