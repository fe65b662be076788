#pragma once

#include <chrono>
#include <string_view>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "net/line_log.hpp"
#include "par/observe/trace_context.hpp"

namespace pixell::par {

/// One request that is over. Texts are read during the call only.
struct AccessRecord {
  Instant ended_at{};
  std::string_view method{};
  std::string_view path{};  ///< as the client sent it, without the query
  int status = 0;           ///< 0 = no reply
  std::chrono::nanoseconds took{};
  const TraceContext& trace;
  std::string_view grpc_status{};  ///< empty = not told
};

/// The line "Request processed" of each request (net/line_log.hpp). Texts may hold anything: they
/// are escaped, and cut so that a line is at most kMaxLogLine.
class AccessLog {
 public:
  /// Nothing is written when `log` writes no infos. The loop and the writer outlive this.
  AccessLog(net::EventLoop& loop, LogWriter& writer, const Log& log)
      : is_on_(log.writes(LogLevel::Info)),
        lines_(loop, writer, log, {.event = "Request processed"}) {}

  void write(const AccessRecord& record);
  /// Hands what waits to the writer.
  void flush() { lines_.flush(); }

 private:
  const bool is_on_;
  net::LineLog lines_;
};

}  // namespace pixell::par
