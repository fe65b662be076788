#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "base/unique_fd.hpp"
#include "net/client.hpp"

// Internal to net: one HTTP/2 session to an upstream, as HttpClient uses it.

namespace pixell::net {

class Http2Session {
 public:
  virtual ~Http2Session() = default;
  /// False when no stream can be opened any more (GOAWAY, closed) or now (limit reached).
  virtual bool accepts() const = 0;
  virtual std::size_t active_streams() const = 0;
  virtual ClientStream& open(const OutgoingHead& head, ClientHandler& handler) = 0;
  /// Closes when no stream is active; cuts them when `now`.
  virtual void close(bool now) = 0;
  /// Closes without a word to anybody: the owner goes.
  virtual void abandon() = 0;
};

/// Connects (without blocking) and speaks HTTP/2 with prior knowledge. open() may be called before
/// the connection stands; failures reach each handler's on_abort. `on_closed` is called once, on
/// the loop, when the session can be freed (with EventLoop::delete_later). `upstream` outlives it.
std::unique_ptr<Http2Session> make_http2_session(EventLoop& loop, const Upstream& upstream,
                                                 ClientOptions options,
                                                 std::function<void(Http2Session&)> on_closed);

}  // namespace pixell::net
