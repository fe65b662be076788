#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "net/message.hpp"

// The contract of the data plane. A Stream is one request/response exchange on one connection,
// whatever the protocol; a StreamHandler is told what arrives on it. The server side and the client
// side share both, so a proxy is two streams whose handlers call each other.
//
//   server: connection ──on_request──▶ Service ──returns──▶ StreamHandler (body of the request)
//           Service/handler ──send_head, send_data, send_trailers──▶ ServerStream
//   client: caller ──open──▶ ClientStream (body of the request goes here)
//           connection ──on_head, on_data, on_end──▶ ClientHandler
//
// Thread rule: everything happens on the loop thread of the connection.
// Lifetime rule: the connection owns the stream, the stream owns its handler on the server side and
// points to it on the client side. After on_end AND the finished reply, after on_abort, or after
// reset(), the stream is gone and calls nobody any more; objects are freed at the end of the loop
// turn, never inside their own callback.

namespace pixell::net {

/// Why a stream ended before its time.
enum class AbortReason {
  PeerClosed,     ///< the peer closed the connection or reset the stream
  Refused,        ///< could not connect (no listener); nothing was sent
  UnusedClosed,   ///< a reused connection died before one byte of reply; a safe request may be
                  ///< retried
  Timeout,        ///< no progress within the limit
  ProtocolError,  ///< the peer broke HTTP
  TooLarge,       ///< a head over the limit
  Shutdown,       ///< we stop
};
std::string_view to_string(AbortReason reason);

/// HTTP/2 error codes used with reset() (RFC 9113 7). On HTTP/1 a reset closes the connection.
enum class ResetCode : std::uint32_t {
  NoError = 0x0,
  ProtocolError = 0x1,
  InternalError = 0x2,
  RefusedStream = 0x7,
  Cancel = 0x8,
};

/// What both ends can do with an exchange: send their body and hold the other's.
class Stream {
 public:
  virtual ~Stream() = default;

  /// Queues body bytes (copied when the socket does not take them at once). False when more than
  /// the high-water mark waits: stop sending until on_writable.
  virtual bool send_data(std::string_view bytes) = 0;

  /// Ends our side, with trailer fields when there are any (HTTP/2, or HTTP/1 chunked).
  virtual void finish(const Headers& trailers = {}) = 0;

  /// Holds the peer's body back. Bytes already read may still arrive, at most one read buffer
  /// (EventLoop::kScratchBytes) or HTTP/2 window (kH2InitialWindow). Calls do not nest.
  virtual void pause() = 0;
  virtual void resume() = 0;

  /// Ends the exchange at once. The handler is not called again.
  virtual void reset(ResetCode code) = 0;
};

/// Told what the peer sends on a stream.
class StreamHandler {
 public:
  virtual ~StreamHandler() = default;
  /// Body bytes; the view is valid during the call only.
  virtual void on_data(std::string_view bytes) = 0;
  /// The peer finished its side. Trailers are empty when there were none.
  virtual void on_end(const Headers& trailers) = 0;
  /// What waited to be sent fell under the low-water mark.
  virtual void on_writable() {}
  /// The exchange broke; the stream is gone after this call.
  virtual void on_abort(AbortReason reason) = 0;
};

/// The address of whoever comes by a Unix socket.
inline constexpr std::string_view kUnixPeer = "unix";

/// Who is at the other end of a server connection.
struct PeerInfo {
  std::string address;   ///< "127.0.0.1:51234", or kUnixPeer
  std::string listener;  ///< the name the listener was given
  bool is_encrypted = false;
  /// Of a client whose certificate was verified in the handshake, as x-forwarded-client-cert tells
  /// it: Hash=<SHA-256 of the certificate, hex>;Subject="<RFC 2253>";URI=<…>;DNS=<…>
  std::string certificate;

  bool is_plain_local() const { return address == kUnixPeer && !is_encrypted; }
};

/// The server's end of an exchange.
class ServerStream : public Stream {
 public:
  virtual const RequestHead& request() const = 0;
  virtual const PeerInfo& peer() const = 0;

  /// Sends an interim answer (100, 103).
  virtual void send_informational(const ResponseHead& head) = 0;

  /// Sends the head of the answer. `ends` means no body follows (finish() must not be called then).
  /// Without Content-Length an HTTP/1.1 body is chunked (HTTP/1.0: ends with the connection).
  /// Status 101 turns an HTTP/1 connection into a byte tunnel: from here on data is raw both ways.
  /// Never sends hop-by-hop fields given by the caller except with status 101.
  virtual void send_head(const ResponseHead& head, bool ends) = 0;
  virtual bool head_sent() const = 0;

  /// Sends body bytes of a file from `offset` on, without reading them, behind what was sent
  /// before. Gives the number that left; when that is less than `length`, on_writable follows, and
  /// the rest is to be sent then. 0 when the file ends before `offset`. -1 with errno EAGAIN: none
  /// yet, on_writable (or on_abort) follows; EOPNOTSUPP: this stream or file cannot be sent so, the
  /// bytes are for send_data. Only for a body with Content-Length. `file` stays the caller's.
  virtual ssize_t send_file(int file, std::int64_t offset, std::size_t length);
};

/// Accepts requests. One per listener; called on the loop thread.
class Service {
 public:
  virtual ~Service() = default;
  /// Called when a request head is complete. The handler gets the body (on_end at once when there
  /// is none) and is owned by the stream. The reply may be sent now or later. When Expect:
  /// 100-continue was asked, the connection sends the 100 itself as soon as the body is not paused.
  virtual std::unique_ptr<StreamHandler> on_request(ServerStream& stream) = 0;
};

/// The client's end of an exchange.
class ClientStream : public Stream {
 public:
  /// True once any byte of the request left for the socket.
  virtual bool request_started() const = 0;
  /// True when the connection had carried a request before.
  virtual bool is_reused() const = 0;
};

/// Told the answer to a client request. The caller keeps it alive until on_end, on_abort or
/// reset().
class ClientHandler : public StreamHandler {
 public:
  /// Interim answers (1xx but 101); ignored by default.
  virtual void on_informational(const ResponseHead&) {}
  /// The final head (or 101: raw tunnel from here on). on_data and on_end follow. The head is the
  /// callee's to change, so that one that is passed on need not be copied.
  virtual void on_head(ResponseHead& head) = 0;
};

}  // namespace pixell::net
