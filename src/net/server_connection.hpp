#pragma once

#include <memory>
#include <string>

#include "base/log.hpp"
#include "net/server.hpp"
#include "net/socket.hpp"
#include "net/stream.hpp"

// Internal to net: what HttpServer and its HTTP/1 and HTTP/2 connections know of each other.

namespace pixell::net {

class EventLoop;

/// One accepted connection. It registers its own descriptor with the loop when started.
class ServerConnection {
 public:
  virtual ~ServerConnection() = default;
  /// Takes the bytes already read while the protocol was told apart.
  virtual void start(std::string first_bytes) = 0;
  /// Lets running exchanges end, starts no new ones, then closes.
  virtual void drain(IdleConnections idle) = 0;
  /// Cuts everything: handlers get on_abort(Shutdown).
  virtual void close_now() = 0;
};

/// What a connection tells its server.
class ServerConnectionOwner {
 public:
  virtual ~ServerConnectionOwner() = default;
  virtual void stream_opened() = 0;
  virtual void stream_closed() = 0;
  /// What it carries is HTTP no more (101).
  virtual void connection_upgraded(ServerConnection& connection) = 0;
  /// The connection is over; the owner frees it with EventLoop::delete_later.
  virtual void connection_closed(ServerConnection& connection) = 0;
};

struct ServerConnectionContext {
  EventLoop& loop;
  Service& service;
  ServerConnectionOwner& owner;
  ServerOptions options;
  PeerInfo peer;
  Log log;
};

/// The client preface of HTTP/2 (RFC 9113 3.4); its first bytes tell the protocols apart.
inline constexpr std::string_view kH2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

std::unique_ptr<ServerConnection> make_http1_connection(ServerConnectionContext context,
                                                        Socket socket);
std::unique_ptr<ServerConnection> make_http2_connection(ServerConnectionContext context,
                                                        Socket socket);

}  // namespace pixell::net
