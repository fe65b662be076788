#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "net/limits.hpp"

namespace pixell::net {

class EventLoop;
class Service;

struct ServerOptions {
  Millis head_timeout = kHeadTimeout;
  Millis idle_timeout = kServerIdleTimeout;
  Millis stall_timeout = kStallTimeout;
  std::size_t max_connections = kMaxConnections;
};

/// Serves HTTP/1.1 and cleartext HTTP/2 (prior knowledge: the first bytes tell) on listening
/// sockets it is given, all on one loop. Malformed requests are answered 400/431/501 with
/// {"error": …} and the connection is closed.
class HttpServer {
 public:
  HttpServer(EventLoop& loop, Service& service, Log log, ServerOptions options = {});
  ~HttpServer();

  /// Starts accepting on a bound, listening socket (TCP or Unix). Several servers, in one or many
  /// threads, may accept from the same socket (EPOLLEXCLUSIVE).
  Result<void> listen(UniqueFd socket, std::string listener_name);

  /// Stops accepting and ends connections as they fall idle: HTTP/1 replies carry Connection:
  /// close, HTTP/2 gets GOAWAY. `done` is called on the loop when none is left. The listening
  /// sockets stay open and are accepted from until stop_accepting().
  void drain(std::function<void()> done);
  /// Accepts what waits in the backlogs once more, then closes the listening sockets.
  void stop_accepting();
  /// Cuts every connection now.
  void close_all();

  std::size_t connections() const;
  /// Exchanges between request head and end of reply.
  std::size_t active_streams() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pixell::net
