#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "net/client.hpp"
#include "net/sockets.hpp"
#include "net/testing/wire_fixture.hpp"
#include "net/upstream.hpp"

// For tests of net: ends of a connection that send exactly the bytes they are told to.

namespace pixell::net::fixture {

/// Runs turns of the loop until the condition holds; false after ten seconds. Unlike
/// Driver::until() it needs no word from whoever changes something, and works with any clock.
template <class Condition>
bool eventually(Driver& driver, Condition condition) {
  const Instant late = system_clock().now() + std::chrono::seconds(10);
  while (!condition()) {
    if (system_clock().now() > late) return false;
    driver.settle();
  }
  return true;
}

/// One end of a stream socket, by hand.
class RawPeer {
 public:
  RawPeer(Driver& driver, UniqueFd socket) : driver_(driver), socket_(std::move(socket)) {}
  /// Connects to a server on the same loop.
  RawPeer(Driver& driver, const Address& address)
      : RawPeer(driver, std::move(start_connect(Upstream(address)).value())) {}

  /// Sends all of it, however slowly the other end reads.
  void send(std::string_view bytes) {
    EXPECT_TRUE(eventually(driver_, [&] {
      bytes.remove_prefix(send_some(bytes));
      return bytes.empty() || is_reset_;
    }));
  }
  /// Sends what the socket takes at once, and says how much that was.
  std::size_t send_some(std::string_view bytes) {
    const ssize_t n = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != ENOTCONN) is_reset_ = true;
    return n < 0 ? 0 : std::size_t(n);
  }
  void shut() { ::shutdown(socket_.get(), SHUT_WR); }
  void close() { socket_.reset(); }

  /// Reads what is there.
  void read() {
    char buffer[16 * 1024];
    while (socket_ && !is_closed_) {
      const ssize_t n = ::recv(socket_.get(), buffer, sizeof buffer, 0);
      if (n > 0) {
        received.append(buffer, std::size_t(n));
      } else if (n == 0) {
        is_closed_ = true;
      } else if (errno != EAGAIN && errno != EINTR) {
        is_closed_ = is_reset_ = errno != ENOTCONN;
        return;
      } else {
        return;
      }
    }
  }
  /// Waits until what came ends with `end`.
  bool got(std::string_view end) {
    return eventually(driver_, [&] {
      read();
      return received.ends_with(end);
    });
  }
  bool got_bytes(std::size_t count) {
    return eventually(driver_, [&] {
      read();
      return received.size() >= count;
    });
  }
  /// Waits until the other end closed.
  bool is_closed() {
    return eventually(driver_, [&] {
      read();
      return is_closed_;
    });
  }
  /// True when nothing closed the connection so far.
  bool is_open() {
    driver_.settle();
    read();
    return !is_closed_;
  }
  bool is_reset() const { return is_reset_; }
  /// Hands out what came and starts anew.
  std::string take() { return std::exchange(received, {}); }

  std::string received;

 private:
  Driver& driver_;
  UniqueFd socket_;
  bool is_closed_ = false;
  bool is_reset_ = false;
};

/// A listener whose connections the test answers by hand.
class RawListener {
 public:
  explicit RawListener(Driver& driver)
      : driver_(driver), socket_(std::move(listen_tcp("127.0.0.1", 0).value())) {}

  Address address() const {
    return {"127.0.0.1:" + std::to_string(bound_port(socket_.get()).value())};
  }
  /// Waits for the next connection.
  std::unique_ptr<RawPeer> accept() {
    UniqueFd accepted;
    EXPECT_TRUE(eventually(driver_, [&] {
      accepted.reset(::accept4(socket_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      return bool(accepted);
    }));
    return std::make_unique<RawPeer>(driver_, std::move(accepted));
  }
  bool has_connection() {
    driver_.settle();
    UniqueFd accepted(::accept4(socket_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    return bool(accepted);
  }

 private:
  Driver& driver_;
  UniqueFd socket_;
};

}  // namespace pixell::net::fixture
