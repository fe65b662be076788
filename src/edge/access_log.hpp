#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "edge/access_log_writer.hpp"
#include "edge/edge_counters.hpp"
#include "edge/surface.hpp"
#include "net/event_loop.hpp"
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

/// The line of each request, of one loop: put into a buffer without an allocation, a clock or a
/// system call, and handed to the writer when the buffer is full or kAccessLogDelay after its first
/// line. Texts may hold anything: they are escaped, and cut so that a line is at most
/// kMaxAccessLine. When the writer does not keep up, lines are dropped and a line tells how many.
class AccessLog {
 public:
  /// Lines have the fields that `log` has, and nothing is written when it writes no infos.
  /// `loop_number` is the value of "loop". The loop and the writer outlive this.
  AccessLog(net::EventLoop& loop, AccessLogWriter& writer, const Log& log, AccessLogChoice choice,
            std::size_t loop_number);
  /// Hands over what waits, and tells what was dropped.
  ~AccessLog();

  void write(const AccessRecord& record);
  /// Hands what waits to the writer. The loop's thread, or any when the loop does not run.
  void flush();

  /// Any thread.
  std::int64_t lines_dropped() const { return dropped_.value(); }

 private:
  bool wants(const AccessRecord& record, bool& is_sample);
  void put_time(Instant at);
  void put_second(std::int64_t second);
  char* put_line(char* out, const AccessRecord& record, bool is_sample);
  bool make_room();
  void put_dropped();
  void wait_to_flush();

  net::EventLoop& loop_;
  AccessLogWriter& writer_;
  AccessLogChoice choice_;
  std::uint32_t until_sample_ = 0;
  std::unique_ptr<AccessLogBuffer> buffer_;
  net::Timer timer_;
  // The beginning of each line up to the app's id; its timestamp is written anew when it changes.
  std::string head_;
  std::string warning_head_;  // of the line that tells what was dropped
  // What the wall clock said at an instant: it is asked once a second.
  Instant known_at_{};
  UnixMillis known_unix_ = 0;
  std::int64_t second_ = -1;  // the one that head_ has
  LoopCounter dropped_;
  std::int64_t dropped_told_ = 0;
};

}  // namespace pixell::edge
