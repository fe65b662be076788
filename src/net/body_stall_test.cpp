#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "base/testing/fake_clock.hpp"
#include "net/limits.hpp"
#include "net/reply.hpp"
#include "net/testing/raw_peer.hpp"
#include "net/testing/wire_fixture.hpp"

// Requests whose body does not come, with a clock that only the test moves.

namespace pixell::net {
namespace {

using namespace fixture;

constexpr Millis kLimit{10'000};

class BodyStall : public testing::Test {
 protected:
  BodyStall()
      : server_(
            driver.loop(),
            [this](ServerStream& stream) {
              front = &stream;
              ++served;
              if (is_paused) stream.pause();
              driver.loop().post([this] { driver.changed(); });
              auto handler = std::make_unique<Script>(driver);
              handler->abort = [this](AbortReason why) { reason = why; };
              return handler;
            },
            ServerOptions{.head_timeout = Millis(5'000), .body_stall_timeout = kLimit}) {}

  void pass(Millis time) {
    for (Millis passed{0}; passed < time; passed += Millis(500)) {
      clock.advance(Millis(500));
      driver.settle();
    }
  }
  void begin(RawPeer& peer) {
    const int before = served;
    peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
    ASSERT_TRUE(driver.until([&] { return served > before; }));
    driver.settle();
  }
  // A request without its end, over HTTP/2.
  ClientStream& begin(HttpClient& client, Answer& answer, const OutgoingHead& head) {
    ClientStream& stream = client.open(server_.address(), Protocol::Http2, head, answer);
    stream.send_data("abc");
    EXPECT_TRUE(driver.until([&] { return served == 1; }));
    driver.settle();
    return stream;
  }

  FakeClock clock;
  Driver driver{clock};
  ServerStream* front = nullptr;
  int served = 0;
  bool is_paused = false;
  std::optional<AbortReason> reason;
  LoopbackServer server_;
};

TEST_F(BodyStall, RefusesAnHttp1RequestThatFallsSilent) {
  RawPeer peer(driver, server_.address());
  begin(peer);

  pass(kLimit - Millis(500));
  const bool was_cut_early = reason.has_value();
  pass(Millis(1'000));

  EXPECT_FALSE(was_cut_early);
  EXPECT_EQ(reason, AbortReason::Timeout);
  EXPECT_TRUE(peer.got(R"("error":"the request body took too long"})"));
  EXPECT_TRUE(peer.received.starts_with("HTTP/1.1 408 Request Timeout\r\n"));
}

TEST_F(BodyStall, WaitsForABodyThatComesSlowly) {
  RawPeer peer(driver, server_.address());
  begin(peer);

  for (int i = 0; i < 6; ++i) {
    pass(kLimit - Millis(1'000));
    peer.send("x");
    driver.settle();
  }

  EXPECT_FALSE(reason);
}

TEST_F(BodyStall, LeavesABodyAloneThatWeDoNotRead) {
  is_paused = true;
  RawPeer peer(driver, server_.address());
  begin(peer);

  pass(kLimit * 3);
  const bool was_cut_while_paused = reason.has_value();
  front->resume();
  pass(kLimit * 2);

  EXPECT_FALSE(was_cut_while_paused);
  EXPECT_EQ(reason, AbortReason::Timeout);
}

TEST_F(BodyStall, LeavesABodyAloneWhoseReplyHasBegun) {
  RawPeer peer(driver, server_.address());
  begin(peer);
  front->send_head({}, false);

  pass(kLimit * 3);

  EXPECT_FALSE(reason);
}

TEST_F(BodyStall, LimitsEachRequestOfAConnectionAnew) {
  RawPeer peer(driver, server_.address());
  begin(peer);
  pass(kLimit - Millis(1'000));
  peer.send("defghij");
  driver.settle();
  send_json(*front, 200, "{}");
  ASSERT_TRUE(peer.got("{}"));
  begin(peer);

  pass(kLimit - Millis(1'000));
  const bool was_cut_early = reason.has_value();
  pass(Millis(2'000));

  EXPECT_FALSE(was_cut_early);
  EXPECT_EQ(reason, AbortReason::Timeout);
}

TEST_F(BodyStall, RefusesAnHttp2RequestThatFallsSilentAndNoOther) {
  HttpClient client(driver.loop());
  Answer answer(driver);
  begin(client, answer, request("POST", "/"));

  pass(kLimit - Millis(500));
  const bool was_cut_early = reason.has_value();
  pass(kLimit);

  EXPECT_FALSE(was_cut_early);
  EXPECT_EQ(reason, AbortReason::Timeout);
  EXPECT_EQ(answer.status(), 408);
  EXPECT_EQ(server_.server().connections(), 1u);
}

TEST_F(BodyStall, LetsAGrpcClientBeSilentWhileItListens) {
  HttpClient client(driver.loop());
  Answer answer(driver);
  RequestHead head = request("POST", "/a.B/C");
  head.headers.add("content-type", "application/grpc");
  begin(client, answer, head);

  pass(kLimit * 3);

  EXPECT_FALSE(reason);
}

}  // namespace
}  // namespace pixell::net
