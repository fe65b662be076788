#pragma once

#include <list>
#include <memory>
#include <optional>
#include <string>

#include "net/event_loop.hpp"
#include "net/server.hpp"
#include "net/socket.hpp"
#include "net/stream.hpp"

// Internal to net: accepted connections before their protocol is known.

namespace pixell::net {

/// What a connection turned out to speak.
enum class Wire : unsigned char {
  Http1,
  Http2,
  PlainOnTls,  ///< unencrypted HTTP where TLS is spoken
};

class Newcomer;

/// What a newcomer tells its server. recognised() and gave_up() take it away.
class NewcomerOwner {
 public:
  virtual ~NewcomerOwner() = default;
  virtual void handshake_began(Newcomer& newcomer) = 0;
  virtual void handshake_done(Newcomer& newcomer) = 0;
  virtual void recognised(Newcomer& newcomer, Wire wire) = 0;
  /// It left, or what it sent is no TLS that both sides understand.
  virtual void gave_up(Newcomer& newcomer) = 0;
};

/// An accepted connection whose protocol is not known yet. The server sets its deadline.
///
///   plain ──first bytes──▶ HTTP/1 or HTTP/2
///   TLS   ──first byte───▶ handshake ──first bytes──▶ HTTP/1 or HTTP/2
///               └── a letter: plain HTTP, which is told to speak TLS
class Newcomer final : public FdHandler {
 public:
  /// Of `listener` the name and the pointers are kept, not the reference.
  Newcomer(NewcomerOwner& owner, EventLoop& loop, const ListenOptions& listener)
      : service(listener.service), owner_(owner), loop_(loop), transports_(listener.transports) {
    peer.listener = listener.name;
  }

  void on_ready(std::uint32_t events) override;

  Service* const service;  ///< of the listener; may be null
  Socket socket;
  PeerInfo peer;
  std::string first_bytes;
  Timer timeout;
  Instant handshake_began{};
  /// The server's list of handshakes under way, while it is in it.
  std::optional<std::list<Newcomer*>::iterator> handshake;

 private:
  bool has_transport();
  void note_established();
  void read_first_bytes();

  NewcomerOwner& owner_;
  EventLoop& loop_;
  TransportMaker* const transports_;  // null on a plain listener
  bool is_established_ = false;
};

/// Tells whoever speaks plain HTTP to a TLS listener what to do.
class SpeakTlsHere final : public Service {
 public:
  std::unique_ptr<StreamHandler> on_request(ServerStream& stream) override;
};

}  // namespace pixell::net
