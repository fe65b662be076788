#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/thread_pool.hpp"
#include "net/stream.hpp"

namespace pixell::net {

class EventLoop;

/// The body of a request as a blocking handler reads it. At most 256 KiB wait in memory; the
/// client is held back meanwhile.
class BodyReader {
 public:
  virtual ~BodyReader() = default;
  /// Reads at least one byte, or "" at the end. Cancelled when the client went away,
  /// DeadlineExceeded when nothing came for `timeout`.
  virtual Result<std::string> read(Millis timeout) = 0;
  /// Reads to the end; ResourceExhausted (with the limit in the message) when it is longer.
  Result<std::string> read_all(std::size_t max_bytes, Millis timeout);
};

/// The answer of a blocking handler. Calls may come from any one thread.
class ReplyWriter {
 public:
  virtual ~ReplyWriter() = default;
  /// Sends head and body at once.
  virtual void reply(const ResponseHead& head, std::string body) = 0;
  /// Starts a streamed answer (SSE): write() pieces, then finish().
  virtual void start(const ResponseHead& head) = 0;
  /// Blocks while the client reads slowly. Cancelled when it went away.
  virtual Result<void> write(std::string bytes) = 0;
  virtual void finish() = 0;
  virtual bool client_gone() const = 0;
};

using BlockingHandler =
    std::function<void(const RequestHead& head, BodyReader& body, ReplyWriter& reply)>;

/// A Service whose handler runs on a pool thread, one job per request, plain blocking code. When
/// the pool's queue is full the request is answered 503. A handler that returns without a reply
/// gets 500 sent for it.
std::unique_ptr<Service> make_blocking_service(EventLoop& loop, ThreadPool& pool,
                                               BlockingHandler handler);

}  // namespace pixell::net
