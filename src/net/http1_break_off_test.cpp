#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/limits.hpp"
#include "net/reply.hpp"
#include "net/testing/http1_fixture.hpp"

// Exchanges of HTTP/1 that one side breaks off: a client that goes or only shuts its side, and a
// service that resets.

namespace pixell::net {
namespace {

using namespace fixture;

TEST_F(Http1Test, TellsWhenTheClientGoesAmidItsBody) {
  start(recording());
  RawPeer peer = connect();
  peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
  ASSERT_TRUE(eventually(driver, [&] { return body == "abc"; }));

  peer.close();

  ASSERT_TRUE(is_aborted());
  EXPECT_EQ(aborts, std::vector<AbortReason>{AbortReason::PeerClosed});
  EXPECT_EQ(server().connections(), 0u);
  EXPECT_EQ(server().active_streams(), 0u);
}

TEST_F(Http1Test, TellsWhenTheClientGoesAmidTheReply) {
  start(recording());
  RawPeer peer = connect();
  peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(is_open());
  stream->send_head({}, false);
  ASSERT_TRUE(peer.got("\r\n\r\n"));

  peer.close();
  driver.settle();
  EXPECT_TRUE(aborts.empty()) << "a quick reply could still be wanted";
  clock.advance(kHalfCloseGrace);

  ASSERT_TRUE(is_aborted());
  EXPECT_EQ(aborts, std::vector<AbortReason>{AbortReason::PeerClosed});
}

TEST_F(Http1Test, NoticesAResetAtOnce) {
  start(recording());
  RawPeer peer = connect();
  peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(is_open());
  stream->send_head({}, false);
  stream->send_data("unread");
  driver.settle();

  peer.close();  // with unread bytes this is a reset

  ASSERT_TRUE(is_aborted());
  EXPECT_EQ(aborts, std::vector<AbortReason>{AbortReason::PeerClosed});
}

TEST_F(Http1Test, AnswersAClientThatShutItsSideWithItsRequests) {
  start(recording());
  RawPeer peer = connect();
  peer.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
  peer.shut();
  ASSERT_TRUE(is_open());
  clock.advance(kHalfCloseGrace);
  driver.settle();
  send_reply(*stream, 200, "", "ok");
  EXPECT_TRUE(eventually(driver, [&] { return ends == 2; }));
  clock.advance(kHalfCloseGrace);
  driver.settle();
  EXPECT_TRUE(aborts.empty());

  send_reply(*stream, 200, "", "ok");

  EXPECT_TRUE(peer.is_closed());
  EXPECT_EQ(peer.received, std::string(kOk) + kOk);
}

TEST_F(Http1Test, AnswersAClientThatShutItsSideRightBehind) {
  start(recording());
  RawPeer peer = connect();
  peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(is_open());
  peer.shut();
  driver.settle();

  send_reply(*stream, 200, "", "ok");

  EXPECT_TRUE(peer.is_closed());
  EXPECT_EQ(peer.received, kOk);
  EXPECT_TRUE(aborts.empty());
}

TEST_F(Http1Test, AResetClosesTheConnection) {
  struct Row {
    const char* name;
    bool in_service;
    bool after_head;
  };
  for (const Row& row : {Row{"in the service", true, false}, Row{"amid the body", false, false},
                         Row{"amid the reply", false, true}}) {
    SCOPED_TRACE(row.name);
    aborts.clear();
    start([&](ServerStream& s) -> std::unique_ptr<StreamHandler> {
      if (row.in_service) {
        s.reset(ResetCode::InternalError);
        EXPECT_FALSE(s.send_data("dropped"));
        s.finish();
        return nullptr;
      }
      auto handler = script();
      handler->data = [&row, &s](std::string_view) {
        if (row.after_head) s.send_head({}, false);
        s.reset(ResetCode::InternalError);
        s.resume();
      };
      handler->end = [](const Headers&) { ADD_FAILURE(); };
      handler->abort = [](AbortReason) { ADD_FAILURE(); };
      return handler;
    });
    RawPeer peer = connect();
    peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
    EXPECT_TRUE(peer.is_closed());
    EXPECT_EQ(server().active_streams(), 0u);
    EXPECT_EQ(server().connections(), 0u);
  }
}

TEST_F(Http1Test, AResetOfAReplyThatEndsWithTheConnectionIsSeen) {
  start(recording());
  RawPeer peer = connect();
  peer.send("GET / HTTP/1.0\r\n\r\n");
  ASSERT_TRUE(is_open());
  stream->send_head({}, false);
  stream->send_data("half");
  ASSERT_TRUE(peer.got("half"));

  stream->reset(ResetCode::InternalError);

  EXPECT_TRUE(peer.is_closed());
  EXPECT_TRUE(peer.is_reset());
}

}  // namespace
}  // namespace pixell::net
