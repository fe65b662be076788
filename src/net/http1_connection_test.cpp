#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "net/reply.hpp"
#include "net/testing/http1_fixture.hpp"

// A connection of the server side of HTTP/1: one request after the other, and when it closes.

namespace pixell::net {
namespace {

using namespace fixture;

TEST_F(Http1Test, AnswersSeveralRequestsOnOneConnection) {
  start_ok();
  RawPeer peer = connect();

  for (int i = 0; i < 3; ++i) {
    peer.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    ASSERT_TRUE(peer.got("ok"));
    EXPECT_EQ(peer.take(), kOk);
  }

  EXPECT_EQ(server().connections(), 1u);
  EXPECT_EQ(server().active_streams(), 0u);
}

TEST_F(Http1Test, AnswersPipelinedRequestsOneAfterTheOther) {
  start(recording());
  RawPeer peer = connect();
  peer.send(
      "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\n"
      "Content-Length: 3\r\n\r\nabcGET /3 HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(is_open());
  driver.settle();
  EXPECT_EQ(stream->request().target, "/1");
  EXPECT_EQ(server().active_streams(), 1u);

  send_reply(*stream, 200, "", "1");
  ASSERT_TRUE(peer.got("1"));
  EXPECT_TRUE(eventually(driver, [&] { return body == "abc" && ends == 2; }));
  EXPECT_EQ(stream->request().target, "/2");
  send_reply(*stream, 200, "", "2");
  ASSERT_TRUE(peer.got("2"));
  EXPECT_TRUE(eventually(driver, [&] { return ends == 3; }));
  send_reply(*stream, 200, "", "3");
  ASSERT_TRUE(peer.got("3"));

  EXPECT_TRUE(aborts.empty());
}

TEST_F(Http1Test, ReadsAHeadByteByByte) {
  start_ok();
  RawPeer peer = connect();

  for (const char c : std::string("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")) {
    peer.send({&c, 1});
    driver.settle();
  }

  ASSERT_TRUE(peer.got("ok"));
  EXPECT_EQ(targets, std::vector<std::string>{"/slow"});
}

TEST_F(Http1Test, ClosesWhenAsked) {
  start_ok();
  RawPeer peer = connect();

  peer.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");

  ASSERT_TRUE(peer.is_closed());
  EXPECT_EQ(peer.received, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
}

TEST_F(Http1Test, AnswersMalformedRequestsAndCloses) {
  struct Row {
    std::string wire;
    std::string reply;
  };
  start_ok();
  for (const Row& row : {Row{"GET / HTTP/1.1\r\n\r\n", "400 Bad Request|missing host field"},
                         Row{"GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(70'000, 'x'),
                             "431 Request Header Fields Too Large|head too large"},
                         Row{"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
                             "501 Not Implemented|CONNECT is not supported"},
                         Row{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
                             "501 Not Implemented|unknown transfer-encoding"}}) {
    const auto bar = row.reply.find('|');
    const std::string status = row.reply.substr(0, 3), why = row.reply.substr(bar + 1);
    const std::string json = R"({"type":"about:blank","title":")" + row.reply.substr(4, bar - 4) +
                             R"(","status":)" + status + R"(,"detail":")" + why + R"(","error":")" +
                             why + R"("})";
    RawPeer peer = connect();
    peer.send(row.wire);
    EXPECT_TRUE(peer.got(json)) << peer.received;
    peer.shut();
    EXPECT_TRUE(peer.is_closed());
    EXPECT_EQ(peer.received, "HTTP/1.1 " + row.reply.substr(0, bar) +
                                 "\r\nContent-Type: application/problem+json\r\nContent-Length: " +
                                 std::to_string(json.size()) + "\r\nConnection: close\r\n\r\n" +
                                 json);
  }
  EXPECT_TRUE(targets.empty());
}

TEST_F(Http1Test, AClientThatReadsNothingCannotPipelineForEver) {
  int requests = 0;
  const std::string reply(16 * 1024, 'r');
  start([&](ServerStream& s) {
    ++requests;
    send_reply(s, 200, "", reply);
    return ignore_body();
  });
  RawPeer peer = connect();
  const std::string one = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  std::string many;
  for (int i = 0; i < 2000; ++i) many += one;
  int sent_rounds = 0;

  for (int idle = 0; idle < 20 && sent_rounds < 20;) {
    const std::size_t n = peer.send_some(many);
    idle = n == 0 ? idle + 1 : 0;
    if (n != many.size()) break;
    ++sent_rounds;
    driver.settle();
  }
  driver.settle();

  // 40,000 replies would be 640 MB; what the sockets and our queue hold is a few.
  EXPECT_LT(requests, 2000);
}

}  // namespace
}  // namespace pixell::net
