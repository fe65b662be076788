#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include "base/unique_fd.hpp"
#include "net/upstream.hpp"

namespace pixell::net::fixture {

/// A client that speaks HTTP/2 byte by byte.
class RawHttp2Client {
 public:
  explicit RawHttp2Client(std::uint16_t port) {
    socket_ = std::move(start_connect(Upstream({"127.0.0.1:" + std::to_string(port)})).value());
  }
  void send(std::string bytes) {
    ASSERT_EQ(::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  /// Whether the server has ended the connection, not by a reset, and all it sent is read.
  bool is_ended() {
    std::array<char, 4096> bytes;
    ssize_t size = 0;
    while ((size = ::recv(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT)) > 0) continue;
    return size == 0;
  }
  /// A frame of RFC 9113 4.1.
  static std::string frame(int type, int flags, int stream, const std::string& payload) {
    std::string out;
    for (int shift = 16; shift >= 0; shift -= 8)
      out += static_cast<char>(payload.size() >> shift & 0xff);
    out += static_cast<char>(type);
    out += static_cast<char>(flags);
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(stream >> shift & 0xff);
    return out + payload;
  }
  /// The connection preface and empty SETTINGS (RFC 9113 3.4).
  static std::string hello() { return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, ""); }
  /// POST / without the end of the stream. HPACK's static table has all of it.
  static std::string post(int stream) {
    return frame(1, 4, stream,
                 "\x83\x84\x86\x41\x01"
                 "a");
  }

 private:
  UniqueFd socket_;
};

}  // namespace pixell::net::fixture
