#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/clock.hpp"

namespace pixell::net {

/// Why a TLS handshake did not come to its end.
enum class HandshakeFailure : unsigned char {
  ClientCertificate,  ///< the client's is missing or was not accepted
  OurCertificate,     ///< the client did not accept ours, or its authority
  Protocol,           ///< no common version or cipher, or what was sent is no TLS
  ClientLeft,         ///< the connection ended in between
  Timeout,            ///< it took too long
  Displaced,          ///< too many were under way, and this one had taken longest
  PlainHttp,          ///< the client speaks HTTP without TLS
};
inline constexpr std::array kHandshakeFailures = {
    HandshakeFailure::ClientCertificate, HandshakeFailure::OurCertificate,
    HandshakeFailure::Protocol,          HandshakeFailure::ClientLeft,
    HandshakeFailure::Timeout,           HandshakeFailure::Displaced,
    HandshakeFailure::PlainHttp};

constexpr std::string_view to_string(HandshakeFailure failure) {
  switch (failure) {
    case HandshakeFailure::ClientCertificate:
      return "client_certificate";
    case HandshakeFailure::OurCertificate:
      return "our_certificate";
    case HandshakeFailure::Protocol:
      return "protocol";
    case HandshakeFailure::ClientLeft:
      return "client_left";
    case HandshakeFailure::Timeout:
      return "timeout";
    case HandshakeFailure::Displaced:
      return "displaced";
    case HandshakeFailure::PlainHttp:
      return "plain_http";
  }
  return "protocol";
}

/// What a connection carries. One that was upgraded (101: a WebSocket) was HTTP/1 before.
enum class Carries : unsigned char { Http1, Http2, Upgraded };
inline constexpr std::array kCarried = {Carries::Http1, Carries::Http2, Carries::Upgraded};

constexpr std::string_view to_string(Carries carries) {
  switch (carries) {
    case Carries::Http1:
      return "http1";
    case Carries::Http2:
      return "http2";
    case Carries::Upgraded:
      return "upgraded";
  }
  return "http1";
}

/// Connections of one kind.
struct ConnectionTally {
  std::int64_t accepted = 0;  ///< ever; one that was upgraded is counted once in each kind
  std::int64_t open = 0;
};

/// Upper bounds by which the times of handshakes are counted.
inline constexpr std::array kHandshakeBounds = {
    Millis(1),   Millis(2),   Millis(5),   Millis(10),    Millis(20),   Millis(50),
    Millis(100), Millis(200), Millis(500), Millis(1'000), Millis(5'000)};

/// How long the handshakes took that were finished: from the client's first byte.
struct HandshakeTimes {
  void add(std::chrono::nanoseconds took) {
    std::size_t bucket = 0;
    while (bucket < kHandshakeBounds.size() && took > kHandshakeBounds[bucket]) ++bucket;
    ++counts[bucket];
    total += took;
    ++number;
  }

  std::array<std::int64_t, kHandshakeBounds.size() + 1> counts{};  ///< by bound; the last: longer
  std::chrono::nanoseconds total{0};
  std::int64_t number = 0;
};

/// What one server has counted since it was made. Plain numbers of the loop's thread.
struct ServerTally {
  ConnectionTally& of(Carries carries, bool is_encrypted) {
    return connections[static_cast<std::size_t>(carries)][is_encrypted ? 1 : 0];
  }
  const ConnectionTally& of(Carries carries, bool is_encrypted) const {
    return connections[static_cast<std::size_t>(carries)][is_encrypted ? 1 : 0];
  }
  std::int64_t& of(HandshakeFailure failure) {
    return handshakes_failed[static_cast<std::size_t>(failure)];
  }
  std::int64_t of(HandshakeFailure failure) const {
    return handshakes_failed[static_cast<std::size_t>(failure)];
  }

  std::array<std::array<ConnectionTally, 2>, kCarried.size()> connections{};
  HandshakeTimes handshakes{};
  std::array<std::int64_t, kHandshakeFailures.size()> handshakes_failed{};
};

}  // namespace pixell::net
