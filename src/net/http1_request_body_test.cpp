#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "net/limits.hpp"
#include "net/reply.hpp"
#include "net/testing/http1_fixture.hpp"

// Request bodies on the server side of HTTP/1: passed on, asked for with 100, held back, and what
// becomes of the rest when the reply comes first.

namespace pixell::net {
namespace {

using namespace fixture;

TEST_F(Http1Test, RefusesABodyThatBreaksItsFraming) {
  start(recording());
  RawPeer peer = connect();

  peer.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n");

  ASSERT_TRUE(is_aborted());
  EXPECT_EQ(aborts, std::vector<AbortReason>{AbortReason::ProtocolError});
  EXPECT_TRUE(peer.got(R"("detail":"bad chunk end","error":"bad chunk end"})"));
  EXPECT_EQ(ends, 0);
}

TEST_F(Http1Test, PassesChunkedBodiesAndTrailersOn) {
  start(recording());
  RawPeer peer = connect();

  peer.send(
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-End: 1\r\n\r\n");

  ASSERT_TRUE(eventually(driver, [&] { return ends == 1; }));
  EXPECT_EQ(body, "abcde");
  EXPECT_EQ(trailers.get("x-end"), "1");
}

TEST_F(Http1Test, SendsContinueUnlessTheBodyIsPaused) {
  bool is_paused = false;
  start([&](ServerStream& s) {
    if (is_paused) s.pause();
    return recording()(s);
  });
  const std::string head =
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n";
  RawPeer peer = connect();

  peer.send(head);
  ASSERT_TRUE(peer.got("HTTP/1.1 100 Continue\r\n\r\n"));
  peer.send("abc");
  ASSERT_TRUE(eventually(driver, [&] { return ends == 1; }));
  send_reply(*stream, 200, "", "ok");
  ASSERT_TRUE(peer.got("ok"));
  peer.take();
  is_paused = true;
  stream = nullptr;
  peer.send(head);
  ASSERT_TRUE(is_open());
  EXPECT_TRUE(peer.is_open());
  EXPECT_EQ(peer.received, "");
  stream->resume();
  ASSERT_TRUE(peer.got("HTTP/1.1 100 Continue\r\n\r\n"));
  peer.send("def");
  ASSERT_TRUE(eventually(driver, [&] { return ends == 2; }));
  EXPECT_EQ(body, "abcdef");
}

TEST_F(Http1Test, ClosesAfterARefusedExpectation) {
  start([this](ServerStream& s) {
    auto handler = recording()(s);
    send_json(s, 413, "{}");
    return handler;
  });
  RawPeer peer = connect();

  peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");

  ASSERT_TRUE(peer.got("{}"));
  EXPECT_NE(peer.received.find("Connection: close\r\n"), std::string::npos);
  EXPECT_TRUE(peer.is_closed());
  EXPECT_EQ(aborts, std::vector<AbortReason>{AbortReason::Shutdown});
}

TEST_F(Http1Test, HoldsAClientBackWhileItsBodyIsPaused) {
  start(recording());
  RawPeer peer = connect();
  peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 16777216\r\n\r\n");
  ASSERT_TRUE(is_open());
  stream->pause();
  driver.settle();
  const std::string piece = pattern(64 * 1024);
  std::string sent;

  for (int idle = 0; idle < 20;) {
    const std::size_t n = peer.send_some(piece);
    sent += piece.substr(0, n);
    idle = n == 0 ? idle + 1 : 0;
    driver.settle();
  }

  EXPECT_LT(sent.size(), 16'777'216u) << "the socket buffers hold less than the whole body";
  EXPECT_LE(body.size(), EventLoop::kScratchBytes);
  stream->resume();
  EXPECT_TRUE(eventually(driver, [&] { return body.size() == sent.size(); }));
  EXPECT_EQ(body, sent);
}

TEST_F(Http1Test, ReadsTheRestOfABodyAfterAnEarlyReply) {
  start([this](ServerStream& s) {
    auto handler = recording()(s);
    send_reply(s, 403, "", "no");
    return handler;
  });
  RawPeer peer = connect();

  peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc");
  ASSERT_TRUE(peer.got("no"));
  peer.send("defPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");

  EXPECT_TRUE(eventually(driver, [&] { return ends == 2; }));
  EXPECT_EQ(body, "abcdef");
  EXPECT_TRUE(aborts.empty());
}

TEST_F(Http1Test, GivesUpOnALongBodyAfterAnEarlyReply) {
  start([this](ServerStream& s) {
    auto handler = recording()(s);
    send_reply(s, 413, "", "no");
    return handler;
  });
  RawPeer peer = connect();
  peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n");

  peer.send(std::string(kMaxDrainBytes + 1, 'x'));

  ASSERT_TRUE(is_aborted());
  EXPECT_EQ(aborts, std::vector<AbortReason>{AbortReason::Shutdown});
  EXPECT_TRUE(peer.is_closed());
  EXPECT_TRUE(peer.received.ends_with("no"));
  EXPECT_FALSE(peer.is_reset());
}

TEST_F(Http1Test, DoesNotWaitForEverForTheRestOfABody) {
  start([this](ServerStream& s) {
    auto handler = recording()(s);
    send_reply(s, 413, "", "no");
    return handler;
  });
  RawPeer peer = connect();
  peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc");
  ASSERT_TRUE(peer.got("no"));
  EXPECT_TRUE(peer.is_open());

  clock.advance(kDrainTimeout);

  EXPECT_TRUE(peer.is_closed());
  EXPECT_EQ(aborts, std::vector<AbortReason>{AbortReason::Shutdown});
  clock.advance(kLingerTimeout);
  EXPECT_TRUE(eventually(driver, [&] { return server().connections() == 0; }));
}

}  // namespace
}  // namespace pixell::net
