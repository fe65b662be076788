#include <gtest/gtest.h>

#include <memory>
#include <optional>

#include "base/testing/fake_clock.hpp"
#include "net/limits.hpp"
#include "net/reply.hpp"
#include "net/testing/raw_http2_client.hpp"
#include "net/testing/wire_fixture.hpp"

// Connections of HTTP/2 on which nothing happens, with a clock that only the test moves.

namespace pixell::net {
namespace {

using namespace fixture;

TEST(Http2Time, ClosesAnIdleConnection) {
  FakeClock clock;
  Driver driver(clock);
  int served = 0;
  LoopbackServer server(driver.loop(), [&](ServerStream& stream) {
    ++served;
    driver.loop().post([&] { driver.changed(); });
    send_json(stream, 200, "{}");
    return ignore_body();
  });
  RawHttp2Client raw(server.port());
  driver.settle();
  raw.send(RawHttp2Client::hello() + RawHttp2Client::frame(1, 5, 1,
                                                           "\x82\x84\x86\x41\x01"
                                                           "a"));
  ASSERT_TRUE(driver.until([&] { return served == 1; }));
  driver.settle();

  clock.advance(kServerIdleTimeout - Millis(1));
  driver.settle();
  const std::size_t before = server.server().connections();
  clock.advance(Millis(2));
  driver.settle();

  EXPECT_EQ(before, 1u);
  EXPECT_EQ(server.server().connections(), 0u);
}

// Closed at once, it would get a reset for what it said last.
TEST(Http2Time, ReadsAClientThatLeavesUntilItCloses) {
  FakeClock clock;
  Driver driver(clock);
  LoopbackServer server(driver.loop(), [](ServerStream&) { return ignore_body(); });
  RawHttp2Client raw(server.port());
  driver.settle();
  raw.send(RawHttp2Client::hello() + RawHttp2Client::frame(7, 0, 0, std::string(8, '\0')));
  for (int turns = 0; turns < 100 && !raw.is_ended(); ++turns) driver.settle();

  raw.send(RawHttp2Client::frame(6, 0, 0, "12345678"));
  driver.settle();
  EXPECT_TRUE(raw.is_ended());
  EXPECT_EQ(server.server().connections(), 1u);

  clock.advance(kLingerTimeout + Millis(1));
  driver.settle();
  EXPECT_EQ(server.server().connections(), 0u) << "who does not close is cut";
}

TEST(Http2Time, CutsAClientThatDoesNotAnswerPings) {
  FakeClock clock;
  Driver driver(clock);
  std::optional<AbortReason> reason;
  int served = 0;
  LoopbackServer server(driver.loop(), [&](ServerStream&) {
    ++served;
    driver.loop().post([&] { driver.changed(); });
    auto handler = std::make_unique<Script>(driver);
    handler->abort = [&](AbortReason why) { reason = why; };
    return handler;
  });
  RawHttp2Client raw(server.port());
  driver.settle();
  raw.send(RawHttp2Client::hello() + RawHttp2Client::post(1));
  ASSERT_TRUE(driver.until([&] { return served == 1; }));

  for (Millis passed{0}; passed < kServerIdleTimeout + kH2PingAfter; passed += Millis(5'000)) {
    clock.advance(Millis(5'000));
    driver.settle();
    if (reason) break;
  }
  clock.advance(kH2PingTimeout);
  driver.settle();

  EXPECT_EQ(reason, AbortReason::Timeout);
  EXPECT_EQ(server.server().connections(), 0u);
}

TEST(Http2Time, KeepsAQuietClientThatAnswersPings) {
  FakeClock clock;
  Driver driver(clock);
  ServerStream* front = nullptr;
  LoopbackServer server(driver.loop(), [&](ServerStream& stream) {
    front = &stream;
    driver.loop().post([&] { driver.changed(); });
    return std::make_unique<Script>(driver);
  });
  HttpClient client(driver.loop());
  Answer answer(driver);
  client.open(server.address(), Protocol::Http2, request("GET", "/"), answer).finish();
  ASSERT_TRUE(driver.until([&] { return front != nullptr; }));

  for (int i = 0; i < 60; ++i) {
    clock.advance(Millis(5'000));
    driver.settle();
  }
  send_json(*front, 200, "{}");

  ASSERT_TRUE(driver.until([&] { return answer.is_over(); }));
  EXPECT_EQ(answer.status(), 200);
}

}  // namespace
}  // namespace pixell::net
