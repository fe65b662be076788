#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "net/reply.hpp"
#include "net/testing/http1_fixture.hpp"

// Replies of the server side of HTTP/1: their heads, their framing, and a reader that is slow.

namespace pixell::net {
namespace {

using namespace fixture;

TEST_F(Http1Test, SendsNoBodyWhereThereIsNone) {
  start([](ServerStream& s) {
    const int status =
        s.request().target == "/head" ? 200 : std::stoi(s.request().target.substr(1));
    ResponseHead head{.status = status, .headers = {}};
    if (status != 204) head.headers.add("content-length", "5");
    s.send_head(head, false);
    s.send_data("hello");
    s.finish();
    return ignore_body();
  });
  RawPeer peer = connect();

  peer.send("HEAD /head HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(peer.got("\r\n\r\n"));
  EXPECT_EQ(peer.take(), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
  peer.send("GET /304 HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(peer.got("\r\n\r\n"));
  EXPECT_EQ(peer.take(), "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n");
  peer.send("GET /204 HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(peer.got("\r\n\r\n"));
  EXPECT_EQ(peer.take(), "HTTP/1.1 204 No Content\r\n\r\n");
}

TEST_F(Http1Test, ChunksAReplyOfUnknownLength) {
  start([](ServerStream& s) {
    ResponseHead head;
    head.headers.add("Transfer-Encoding", "identity");
    head.headers.add("Connection", "close");
    head.headers.add("X-A", "b");
    s.send_head(head, false);
    s.send_data("hello");
    s.send_data("");
    s.send_data(" world and more");
    Headers end;
    end.add("X-Sum", "1");
    s.finish(end);
    return ignore_body();
  });
  RawPeer peer = connect();

  peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");

  ASSERT_TRUE(peer.got("X-Sum: 1\r\n\r\n"));
  EXPECT_EQ(peer.received,
            "HTTP/1.1 200 OK\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n"
            "5\r\nhello\r\nf\r\n world and more\r\n0\r\nX-Sum: 1\r\n\r\n");
  EXPECT_TRUE(peer.is_open());
}

TEST_F(Http1Test, SpeaksHttp10) {
  start([](ServerStream& s) {
    if (s.request().target == "/length") {
      send_reply(s, 200, "", "ok");
    } else {
      s.send_head({}, false);
      s.send_data("to the end");
      s.finish();
    }
    return ignore_body();
  });
  RawPeer peer = connect();

  peer.send("GET /length HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  ASSERT_TRUE(peer.got("ok"));
  EXPECT_EQ(peer.take(),
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok");
  peer.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  ASSERT_TRUE(peer.is_closed());
  EXPECT_EQ(peer.received, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end");
  EXPECT_FALSE(peer.is_reset());
}

TEST_F(Http1Test, SendsInterimAnswers) {
  start([](ServerStream& s) {
    ResponseHead hints{.status = 103, .headers = {}};
    hints.headers.add("Link", "</a>");
    s.send_informational(hints);
    send_reply(s, 200, "", "ok");
    return ignore_body();
  });
  RawPeer peer = connect();

  peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(peer.got("ok"));
  EXPECT_EQ(peer.take(), std::string("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n") + kOk);
  peer.send("GET / HTTP/1.0\r\n\r\n");
  ASSERT_TRUE(peer.got("ok"));
  EXPECT_TRUE(peer.received.starts_with("HTTP/1.1 200 OK"));
}

TEST_F(Http1Test, LeavesOutFieldsThatWouldBreakTheHead) {
  start([](ServerStream& s) {
    Headers more;
    more.add("X-Bad", "a\r\nSet-Cookie: evil=1");
    more.add("X Bad", "a");
    more.add("X-Good", "a");
    send_reply(s, 200, "", "ok", more);
    return ignore_body();
  });
  RawPeer peer = connect();

  peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");

  ASSERT_TRUE(peer.got("ok"));
  EXPECT_EQ(peer.received, "HTTP/1.1 200 OK\r\nX-Good: a\r\nContent-Length: 2\r\n\r\nok");
}

TEST_F(Http1Test, NeverSendsMoreThanItAnnounced) {
  start([](ServerStream& s) {
    ResponseHead head;
    head.headers.add("Content-Length", "3");
    s.send_head(head, false);
    s.send_data("abcdef");
    s.finish();
    return ignore_body();
  });
  RawPeer peer = connect();

  peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");

  ASSERT_TRUE(peer.got("abc"));
  EXPECT_TRUE(peer.is_open());
}

TEST_F(Http1Test, ClosesAfterAReplyShorterThanAnnounced) {
  start([](ServerStream& s) {
    ResponseHead head;
    head.headers.add("Content-Length", "30");
    s.send_head(head, false);
    s.send_data("abc");
    s.finish();
    return ignore_body();
  });
  RawPeer peer = connect();

  peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");

  EXPECT_TRUE(peer.is_closed());
  EXPECT_TRUE(peer.received.ends_with("\r\n\r\nabc"));
}

TEST_F(Http1Test, HoldsASenderBackWhileTheClientReadsSlowly) {
  start(recording());
  RawPeer peer = connect();
  peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(is_open());
  const std::string text = pattern(32 * 1024 * 1024);
  ResponseHead head;
  head.headers.add("Content-Length", std::to_string(text.size()));
  stream->send_head(head, false);
  Pump pump(*stream, text);

  pump.run();

  EXPECT_LT(pump.sent(), text.size());
  EXPECT_EQ(writables, 0);
  EXPECT_TRUE(eventually(driver, [&] {
    peer.read();
    if (std::exchange(writables, 0) > 0) pump.run();
    return peer.received.size() > text.size();
  }));
  ASSERT_TRUE(peer.got_bytes(text.size() + peer.received.find("\r\n\r\n") + 4));
  EXPECT_TRUE(peer.received.ends_with(text));
}

}  // namespace
}  // namespace pixell::net
