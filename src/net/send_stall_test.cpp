#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "base/testing/fake_clock.hpp"
#include "net/limits.hpp"
#include "net/testing/raw_http2_client.hpp"
#include "net/testing/raw_peer.hpp"
#include "net/testing/wire_fixture.hpp"

// Clients that ask for much and read nothing, with a clock that only the test moves.

namespace pixell::net {
namespace {

using namespace fixture;

constexpr Millis kLimit{10'000};
// More than the socket buffers of loopback take.
constexpr std::size_t kMuch = 16 * 1024 * 1024;

class SendStall : public testing::Test {
 protected:
  // Each request gets `bytes` at once, without an end.
  void serve(std::size_t bytes) {
    server_.emplace(
        driver.loop(),
        [this, bytes](ServerStream& stream) {
          front = &stream;
          stream.send_head({}, false);
          stream.send_data(std::string(bytes, 'x'));
          ++served;
          driver.loop().post([this] { driver.changed(); });
          auto handler = std::make_unique<Script>(driver);
          handler->abort = [this](AbortReason why) { reason = why; };
          return handler;
        },
        ServerOptions{.head_timeout = Millis(5'000), .send_stall_timeout = kLimit});
  }
  void pass(Millis time) {
    for (Millis passed{0}; passed < time; passed += Millis(500)) {
      clock.advance(Millis(500));
      driver.settle();
    }
  }
  std::size_t connections() { return server_->server().connections(); }

  FakeClock clock;
  Driver driver{clock};
  ServerStream* front = nullptr;
  int served = 0;
  std::optional<AbortReason> reason;
  std::optional<LoopbackServer> server_;
};

TEST_F(SendStall, CutsAnHttp1ClientThatDoesNotRead) {
  serve(kMuch);
  RawPeer peer(driver, server_->address());
  peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(driver.until([&] { return served == 1; }));
  driver.settle();

  pass(kLimit - Millis(500));
  const bool was_cut_early = reason.has_value();
  pass(Millis(1'000));

  EXPECT_FALSE(was_cut_early);
  EXPECT_EQ(reason, AbortReason::Timeout);
  EXPECT_EQ(connections(), 0u);
}

TEST_F(SendStall, KeepsAnHttp1ClientThatHasReadEverything) {
  serve(1);
  RawPeer peer(driver, server_->address());
  peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(driver.until([&] { return served == 1; }));

  pass(kLimit * 3);

  EXPECT_FALSE(reason.has_value());
  EXPECT_EQ(connections(), 1u);
}

TEST_F(SendStall, CutsAnHttp2StreamWithoutWindowAndKeepsTheConnection) {
  serve(1024 * 1024);
  RawHttp2Client raw(server_->port());
  driver.settle();
  raw.send(RawHttp2Client::hello() + RawHttp2Client::post(1));
  ASSERT_TRUE(driver.until([&] { return served == 1; }));

  pass(kLimit);
  const bool was_cut_early = reason.has_value();
  pass(kLimit);

  EXPECT_FALSE(was_cut_early);
  EXPECT_EQ(reason, AbortReason::Timeout);
  EXPECT_EQ(connections(), 1u);
}

TEST_F(SendStall, KeepsAnHttp2StreamThatTakesALittle) {
  serve(1024 * 1024);
  RawHttp2Client raw(server_->port());
  driver.settle();
  raw.send(RawHttp2Client::hello() + RawHttp2Client::post(1));
  ASSERT_TRUE(driver.until([&] { return served == 1; }));

  for (int i = 0; i < 10; ++i) {
    const std::string one_byte("\0\0\0\1", 4);
    raw.send(RawHttp2Client::frame(8, 0, 1, one_byte) + RawHttp2Client::frame(8, 0, 0, one_byte));
    pass(kLimit / 2);
  }

  EXPECT_FALSE(reason.has_value());
}

TEST_F(SendStall, CutsAnHttp2ClientWhoseSocketTakesNothing) {
  serve(kMuch);
  RawHttp2Client raw(server_->port());
  driver.settle();
  const std::string window("\x7f\x00\x00\x00", 4);
  raw.send(RawHttp2Client::hello() +
           RawHttp2Client::frame(4, 0, 0, std::string("\0\4\x7f\xff\xff\xff", 6)) +
           RawHttp2Client::frame(8, 0, 0, window) + RawHttp2Client::post(1));
  ASSERT_TRUE(driver.until([&] { return served == 1; }));

  pass(kLimit * 2);

  EXPECT_EQ(reason, AbortReason::Timeout);
  EXPECT_EQ(connections(), 0u);
}

TEST_F(SendStall, CutsAnHttp2ClientThatDoesNotEndItsHead) {
  serve(1);
  RawHttp2Client raw(server_->port());
  driver.settle();
  const int headers = 1;
  const int without_end = 0;
  raw.send(RawHttp2Client::hello() + RawHttp2Client::frame(headers, without_end, 1, "\x82"));
  driver.settle();

  pass(Millis(4'500));
  const std::size_t early = connections();
  pass(Millis(5'000));

  EXPECT_EQ(early, 1u);
  EXPECT_EQ(connections(), 0u);
  EXPECT_EQ(served, 0);
}

}  // namespace
}  // namespace pixell::net
