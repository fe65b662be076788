#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/log_writer.hpp"
#include "base/loop_counter.hpp"
#include "net/event_loop.hpp"

namespace pixell::net {

/// Log lines that come with each request, of one loop: put into a buffer without an allocation, a
/// clock or a system call, and handed to the writer when the buffer is full or kLogDelay after its
/// first line. When the writer does not keep up, lines are dropped and a line tells how many.
class LineLog {
 public:
  struct Form {
    std::string_view event;
    std::string_view more{};  ///< more fields of every line, as `,"key":value` pairs
  };
  /// Lines have the fields that `log` is bound to; whether it writes infos is the caller's to ask.
  /// The loop and the writer outlive this.
  LineLog(EventLoop& loop, LogWriter& writer, const Log& log, const Form& form);
  /// Hands over what waits, and tells what was dropped.
  ~LineLog();
  LineLog(const LineLog&) = delete;
  LineLog& operator=(const LineLog&) = delete;

  /// Begins a line: {"event":…,"level":"info","timestamp":… and the bound fields. Gives where its
  /// next bytes go, at most kMaxLogLine - kMaxLogLineHead up to and with what end_line() puts; null
  /// when the line is dropped. `at` is a moment of the loop's clock.
  char* begin_line(Instant at);
  /// Ends the line that was begun, whose bytes reach to `out`.
  void end_line(char* out);
  /// Hands what waits to the writer. The loop's thread, or any when the loop does not run.
  void flush();

  /// Any thread.
  std::int64_t lines_dropped() const { return dropped_.value(); }

 private:
  void put_time(Instant at);
  void put_second(std::int64_t second);
  bool make_room();
  void put_dropped();
  void wait_to_flush();

  EventLoop& loop_;
  LogWriter& writer_;
  std::unique_ptr<LogBuffer> buffer_;
  Timer timer_;
  // The beginning of each line; its timestamp, which stands at time_at_, is written anew when it
  // changes.
  std::string head_;
  std::size_t time_at_ = 0;
  std::string warning_head_;  // of the line that tells what was dropped
  // What the wall clock said at an instant: it is asked once a second.
  Instant known_at_{};
  UnixMillis known_unix_ = 0;
  std::int64_t second_ = -1;  // the one that head_ has
  LoopCounter dropped_;
  std::int64_t dropped_told_ = 0;
};

}  // namespace pixell::net
