#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "net/message.hpp"

namespace pixell::net {

enum class HandshakeFailure : unsigned char;

/// What stands between a connected socket and the bytes of HTTP when they travel encrypted. Works
/// on a non-blocking descriptor that it does not own. Results are those of the system calls:
/// a count, or -1 with errno. Errors are final: every later call fails too.
///
/// The handshake is part of the first reads. Reading and writing may each need the socket to do the
/// other thing first (a key update is answered while reading); absorb() keeps that from the caller.
class Transport {
 public:
  virtual ~Transport() = default;

  /// Reads until `room` is used up or nothing more is there. 0 is the end that the peer announced;
  /// an end that it did not announce is ECONNRESET, since the bytes may have been cut short.
  virtual ssize_t read(char* to, std::size_t room) = 0;
  /// The last read() stopped although there was more: no event of the socket announces the rest.
  virtual bool holds_unread() const = 0;
  /// The peer has sent its last byte and all of them were read.
  virtual bool is_at_end() = 0;

  /// After EAGAIN the caller offers the same bytes again, and may add to their end.
  virtual ssize_t write(const iovec* parts, int count) = 0;
  /// Announces the end of our bytes, at once or as soon as the socket takes it, and shuts our side
  /// of the socket behind it.
  virtual void shutdown_write() = 0;

  /// Turns what epoll said of the socket into what reading and writing can do now.
  virtual std::uint32_t absorb(std::uint32_t events) = 0;

  /// The handshake is over.
  virtual bool is_established() const = 0;
  /// What broke the connection, in words, or null.
  virtual const char* failure() const = 0;
  /// What kind of failure() ended a handshake.
  virtual HandshakeFailure failure_kind() const = 0;
  /// The protocol both sides agreed on in the handshake (ALPN, RFC 7301), if they did.
  virtual std::optional<Protocol> protocol() const = 0;
  /// PeerInfo::certificate of an established connection.
  virtual std::string client_certificate() const = 0;
};

/// Makes the transports of a listener's connections. May be asked from several loops at once.
class TransportMaker {
 public:
  virtual ~TransportMaker() = default;
  /// The server's end for an accepted socket; null when it cannot be made: the connection is
  /// closed.
  virtual std::unique_ptr<Transport> make(int fd) = 0;
};

}  // namespace pixell::net
