#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "net/limits.hpp"

namespace pixell::net {

class EventLoop;
class Service;
class TransportMaker;
struct ServerTally;

struct ServerOptions {
  Millis head_timeout = kHeadTimeout;
  Millis handshake_timeout = kHandshakeTimeout;
  Millis idle_timeout = kServerIdleTimeout;
  Millis send_stall_timeout = kSendStallTimeout;
  Millis body_stall_timeout = kBodyStallTimeout;
  std::size_t max_connections = kMaxConnections;
  /// Handshakes under way; one more cuts the one that takes longest.
  std::size_t max_handshakes = kMaxHandshakes;
};

/// How the connections of one listener are served.
struct ListenOptions {
  std::string name;                      ///< PeerInfo::listener of its connections
  TransportMaker* transports = nullptr;  ///< encrypts them; outlives the server; null = plain
  Service* service = nullptr;  ///< answers in place of the server's; outlives it; null = that one
};

/// What becomes of HTTP/1 connections that wait for their next request when a server drains. Close:
/// they end at once, and a request that is just then on its way is lost. Keep: their next request
/// is served and ends them (RFC 9112 9.6), or their idle timeout does.
enum class IdleConnections { Close, Keep };

/// Serves HTTP/1.1 and HTTP/2 on listening sockets it is given, all on one loop. Cleartext HTTP/2
/// is by prior knowledge: the first bytes tell; encrypted, by ALPN. Malformed requests are answered
/// 400, 408, 414, 431, 501 or 505 with problem_body(), and the connection is closed.
class HttpServer {
 public:
  HttpServer(EventLoop& loop, Service& service, Log log, ServerOptions options = {});
  ~HttpServer();

  /// Starts accepting on a bound, listening socket (TCP or Unix). Several servers, in one or many
  /// threads, may accept from the same socket (EPOLLEXCLUSIVE).
  Result<void> listen(UniqueFd socket, ListenOptions options);
  /// A plain listener.
  Result<void> listen(UniqueFd socket, std::string name) {
    return listen(std::move(socket), ListenOptions{.name = std::move(name)});
  }

  /// Ends connections as they fall idle: HTTP/1 replies carry Connection: close, HTTP/2 gets
  /// GOAWAY. `done` is called on the loop when none is left. The listening sockets stay open and
  /// are accepted from until stop_accepting(). May be called again, to hurry.
  void drain(std::function<void()> done, IdleConnections idle = IdleConnections::Close);
  /// Accepts what waits in the backlogs once more, then closes the listening sockets.
  void stop_accepting();
  /// Cuts every connection now.
  void close_all();

  std::size_t connections() const;
  /// Exchanges between request head and end of reply.
  std::size_t active_streams() const;
  /// What it has counted so far; of the loop's thread.
  const ServerTally& tally() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pixell::net
