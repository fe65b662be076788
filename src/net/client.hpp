#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "net/limits.hpp"
#include "net/stream.hpp"

namespace pixell::net {

class EventLoop;

/// Where an upstream listens: "unix:/path" or "127.0.0.1:8080" (numeric IPv4, or [v6]:port).
struct Address {
  std::string text;
  bool operator==(const Address&) const = default;
};
/// Checks the form of an address. InvalidArgument names what is wrong.
Result<Address> parse_address(std::string_view text);

struct ClientOptions {
  /// When set, a Unix socket is only spoken to when this user listens on it: whoever may replace
  /// the file could lead us elsewhere.
  std::optional<uid_t> unix_user{};
  Millis connect_timeout = kConnectTimeout;
  Millis idle_timeout = kPoolIdleTimeout;
  std::size_t max_idle = kMaxIdlePerAddress;
};

/// One upstream as a client knows it: its address and the connections to it.
class Upstream;

/// Connections to upstreams, reused, all on one loop. HTTP/1: a LIFO pool per address. HTTP/2:
/// one multiplexed prior-knowledge session per address (a second when streams run out).
class HttpClient {
 public:
  explicit HttpClient(EventLoop& loop, ClientOptions options = {});
  /// Closes everything; running streams end without a call to their handlers.
  ~HttpClient();

  /// The upstream at an address. Whoever sends many requests keeps it, so that none has to look it
  /// up; requests may be opened on it for as long as the client lives.
  std::shared_ptr<Upstream> upstream(const Address& address);

  /// Starts a request and returns its stream, on which the body is sent (finish() when there is
  /// none). HTTP/1: with neither Content-Length nor Transfer-Encoding in `head` a body is chunked,
  /// and GET/HEAD/DELETE/OPTIONS whose finish() comes in the same loop turn have none. Failures,
  /// also to connect, come through on_abort, never from inside open(). `head` is copied.
  ClientStream& open(const std::shared_ptr<Upstream>& upstream, Protocol protocol,
                     const OutgoingHead& head, ClientHandler& handler);
  ClientStream& open(const Address& address, Protocol protocol, const OutgoingHead& head,
                     ClientHandler& handler) {
    return open(upstream(address), protocol, head, handler);
  }

  /// Closes idle connections to an address that is no longer used.
  void forget(const Address& address);
  /// Closes the idle HTTP/1 connections to an upstream, for example because one of them was dead.
  void drop_idle(Upstream& upstream);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pixell::net
