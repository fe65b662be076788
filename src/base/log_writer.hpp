#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/limits.hpp"

namespace pixell {

/// Whole lines, each at most kMaxLogLine long.
struct LogBuffer {
  std::size_t used = 0;
  std::array<char, kLogBufferBytes> bytes;
};

/// Writes the buffers of all loops to one descriptor, on a thread of its own: a full pipe, a slow
/// disk or a stopped terminal holds no loop up. To a regular file a buffer is one write; to
/// anything else whole lines of at most PIPE_BUF bytes in all, which no other writer can tear.
class LogWriter {
 public:
  /// `fd` is not owned.
  explicit LogWriter(int fd);
  /// Same as stop().
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  /// Takes a buffer and puts an empty one in its place. False, and the buffer stays, when
  /// kMaxWaitingLogBuffers wait already. Any thread; never waits for the descriptor.
  bool exchange(std::unique_ptr<LogBuffer>& buffer);
  /// Takes the last buffer of a loop, whatever waits already: there is nobody to offer it again.
  /// After stop() it is written at once.
  void take_last(std::unique_ptr<LogBuffer> buffer);

  /// Writes what waits, for at most kLogStopTimeout, and ends the thread.
  void stop();

 private:
  using Buffers = std::deque<std::unique_ptr<LogBuffer>>;
  void work();
  bool write_out(const LogBuffer& buffer);
  bool write_piece(const char* bytes, std::size_t size);
  bool wait_for_room();

  const int fd_;
  const bool is_file_;
  Millis left_ = kLogStopTimeout;  // for all that waits when we stop; the thread's own
  std::mutex mutex_;               // guards all below
  std::condition_variable wake_;
  Buffers waiting_;
  std::vector<std::unique_ptr<LogBuffer>> empty_;
  bool is_stopping_ = false;
  std::thread thread_;
};

}  // namespace pixell
