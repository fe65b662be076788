#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "edge/surface.hpp"
#include "net/event_loop.hpp"
#include "net/line_log.hpp"
#include "net/message.hpp"

namespace pixell::edge {

/// Which requests get a line.
struct AccessLogChoice {
  enum class Lines {
    All,
    Sampled,  ///< one of `one_of`, and every error and slow reply
    Errors,   ///< errors and slow replies
    None,
  };
  Lines lines = Lines::All;
  std::uint32_t one_of = 1;
  bool operator==(const AccessLogChoice&) const = default;
};
/// all, errors, none or 1/N with N from 2 to kMaxAccessLogSample. InvalidArgument otherwise.
Result<AccessLogChoice> access_log_choice(std::string_view text);

/// One exchange that is over. Texts are read during the call only.
struct AccessRecord {
  Instant ended_at{};  ///< as the loop read it: no clock is read for a line
  std::chrono::nanoseconds took{};
  std::chrono::nanoseconds to_head{-1};  ///< to the head of the reply; -1 = there was none
  std::string_view app_id{};
  std::int64_t revision = 0;  ///< kLegacyRevision is written as it is
  std::string_view method{};
  std::string_view path{};  ///< as the client sent it, without the query
  int status = 0;           ///< 0 = no reply
  int grpc_status = -1;     ///< -1 = not told
  int retries = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::string_view end = "complete";  ///< else client_gone, or what the upstream did
  bool is_error = false;              ///< always gets a line, unless none does
  std::string_view request_id{};
  std::string_view trace_id{};  ///< empty = the request had none
  std::string_view target{};    ///< the instance's address; empty = none was picked
  Surface surface = Surface::Rest;
  net::Protocol protocol = net::Protocol::Http1;  ///< the client's
};

/// The line of each request, of one loop (net/line_log.hpp). Texts may hold anything: they are
/// escaped, and cut so that a line is at most kMaxLogLine.
class AccessLog {
 public:
  /// Lines have the fields that `log` has, and nothing is written when it writes no infos.
  /// `loop_number` is the value of "loop". The loop and the writer outlive this.
  AccessLog(net::EventLoop& loop, LogWriter& writer, const Log& log, AccessLogChoice choice,
            std::size_t loop_number);

  void write(const AccessRecord& record);
  /// Hands what waits to the writer. The loop's thread, or any when the loop does not run.
  void flush() { lines_.flush(); }

  /// Any thread.
  std::int64_t lines_dropped() const { return lines_.lines_dropped(); }

 private:
  bool wants(const AccessRecord& record, bool& is_sample);
  char* put_line(char* out, const AccessRecord& record, bool is_sample) const;

  AccessLogChoice choice_;
  std::uint32_t until_sample_ = 0;
  net::LineLog lines_;
};

}  // namespace pixell::edge
