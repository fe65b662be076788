#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "edge/limits.hpp"

namespace pixell::edge {

/// Whole lines, each at most kMaxAccessLine long.
struct AccessLogBuffer {
  std::size_t used = 0;
  std::array<char, kAccessLogBufferBytes> bytes;
};

/// Writes the buffers of all loops to one descriptor, on a thread of its own: a full pipe, a slow
/// disk or a stopped terminal holds no loop up. To a regular file a buffer is one write; to
/// anything else whole lines of at most PIPE_BUF bytes in all, which no other writer can tear.
class AccessLogWriter {
 public:
  /// `fd` is not owned.
  explicit AccessLogWriter(int fd);
  /// Same as stop().
  ~AccessLogWriter();
  AccessLogWriter(const AccessLogWriter&) = delete;
  AccessLogWriter& operator=(const AccessLogWriter&) = delete;

  /// Takes a buffer and puts an empty one in its place. False, and the buffer stays, when
  /// kMaxWaitingAccessLogs wait already. Any thread; never waits for the descriptor.
  bool exchange(std::unique_ptr<AccessLogBuffer>& buffer);
  /// Takes the last buffer of a loop, whatever waits already: there is nobody to offer it again.
  void take_last(std::unique_ptr<AccessLogBuffer> buffer);

  /// Writes what waits, for at most kAccessLogStopTimeout, and ends the thread.
  void stop();

 private:
  using Buffers = std::deque<std::unique_ptr<AccessLogBuffer>>;
  void work();
  bool write_out(const AccessLogBuffer& buffer);
  bool write_piece(const char* bytes, std::size_t size);
  bool wait_for_room();

  const int fd_;
  const bool is_file_;
  Millis left_ = kAccessLogStopTimeout;  // for all that waits when we stop; the thread's own
  std::mutex mutex_;                     // guards all below
  std::condition_variable wake_;
  Buffers waiting_;
  std::vector<std::unique_ptr<AccessLogBuffer>> empty_;
  bool is_stopping_ = false;
  std::thread thread_;
};

}  // namespace pixell::edge
