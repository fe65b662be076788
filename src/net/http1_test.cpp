#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "net/limits.hpp"
#include "net/reply.hpp"
#include "net/server.hpp"
#include "net/testing/raw_peer.hpp"
#include "net/testing/wire_fixture.hpp"

// The server side of HTTP/1, against a client that sends bytes by hand.

namespace pixell::net {
namespace {

using namespace fixture;

constexpr const char* kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

class Http1Test : public testing::Test {
 protected:
  void start(FunctionService::Function service, ServerOptions options = {}) {
    server_ = std::make_unique<LoopbackServer>(driver.loop(), std::move(service), options);
  }
  // Answers "ok" when the request is complete.
  void start_ok() {
    start([this](ServerStream& opened) {
      targets.push_back(opened.request().target);
      auto handler = script();
      handler->end = [s = &opened](const Headers&) { send_reply(*s, 200, "", "ok"); };
      return handler;
    });
  }
  // Remembers what happens on a stream; the test answers.
  FunctionService::Function recording() {
    return [this](ServerStream& opened) {
      stream = &opened;
      auto handler = script();
      handler->data = [this](std::string_view bytes) { body += bytes; };
      handler->end = [this](const Headers& fields) {
        ++ends;
        trailers = fields;
      };
      handler->writable = [this] { ++writables; };
      handler->abort = [this](AbortReason reason) { aborts.push_back(reason); };
      return handler;
    };
  }
  std::unique_ptr<Script> script() { return std::make_unique<Script>(driver); }
  RawPeer connect() { return RawPeer(driver, server_->address()); }
  HttpServer& server() { return server_->server(); }
  bool is_open() {
    return eventually(driver, [&] { return stream != nullptr; });
  }
  bool is_aborted() {
    return eventually(driver, [&] { return !aborts.empty(); });
  }

  FakeClock clock;
  Driver driver{clock};
  std::unique_ptr<LoopbackServer> server_;
  std::vector<std::string> targets;
  ServerStream* stream = nullptr;
  std::string body;
  int ends = 0;
  int writables = 0;
  Headers trailers;
  std::vector<AbortReason> aborts;
};

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
    const std::string json = R"({"error":")" + row.reply.substr(bar + 1) + R"("})";
    RawPeer peer = connect();
    peer.send(row.wire);
    EXPECT_TRUE(peer.got(json)) << peer.received;
    peer.shut();
    EXPECT_TRUE(peer.is_closed());
    EXPECT_EQ(peer.received, "HTTP/1.1 " + row.reply.substr(0, bar) +
                                 "\r\nContent-Type: application/json\r\nContent-Length: " +
                                 std::to_string(json.size()) + "\r\nConnection: close\r\n\r\n" +
                                 json);
  }
  EXPECT_TRUE(targets.empty());
}

TEST_F(Http1Test, RefusesABodyThatBreaksItsFraming) {
  start(recording());
  RawPeer peer = connect();

  peer.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n");

  ASSERT_TRUE(is_aborted());
  EXPECT_EQ(aborts, std::vector<AbortReason>{AbortReason::ProtocolError});
  EXPECT_TRUE(peer.got(R"({"error":"bad chunk end"})"));
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

constexpr const char* kUpgrade =
    "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";

ResponseHead switching() {
  ResponseHead head{.status = 101, .headers = {}};
  head.headers.add("Connection", "Upgrade");
  head.headers.add("Upgrade", "echo");
  return head;
}

TEST_F(Http1Test, TurnsIntoATunnel) {
  start(recording());
  RawPeer peer = connect();
  peer.send(std::string(kUpgrade) + "early");
  ASSERT_TRUE(is_open());
  driver.settle();
  EXPECT_EQ(body, "");
  EXPECT_EQ(ends, 0);

  stream->send_head(switching(), false);
  stream->send_data("raw\r\n");

  ASSERT_TRUE(peer.got("raw\r\n"));
  EXPECT_EQ(
      peer.take(),
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nraw\r\n");
  peer.send(" and late");
  EXPECT_TRUE(eventually(driver, [&] { return body == "early and late"; }));
  peer.shut();
  EXPECT_TRUE(eventually(driver, [&] { return ends == 1; }));
  stream->send_data("last");
  stream->finish();
  EXPECT_TRUE(peer.is_closed());
  EXPECT_EQ(peer.received, "last");
  EXPECT_TRUE(aborts.empty());
  EXPECT_TRUE(eventually(driver, [&] { return server().connections() == 0; }));
}

TEST_F(Http1Test, ShutsItsHalfOfATunnel) {
  start(recording());
  RawPeer peer = connect();
  peer.send(kUpgrade);
  ASSERT_TRUE(is_open());

  stream->send_head(switching(), false);
  stream->send_data("bye");
  stream->finish();

  ASSERT_TRUE(peer.is_closed());
  peer.send("still here");
  EXPECT_TRUE(eventually(driver, [&] { return body == "still here"; }));
  peer.close();
  EXPECT_TRUE(eventually(driver, [&] { return ends == 1; }));
  EXPECT_TRUE(eventually(driver, [&] { return server().connections() == 0; }));
}

TEST_F(Http1Test, TellsTheEndOfARequestWhoseUpgradeIsRefused) {
  start(recording());
  RawPeer peer = connect();
  peer.send(std::string(kUpgrade) + "GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(is_open());
  driver.settle();
  EXPECT_EQ(ends, 0);

  send_reply(*stream, 404, "", "no");

  ASSERT_TRUE(peer.got("no"));
  EXPECT_TRUE(eventually(driver, [&] { return ends == 2; }));
  EXPECT_EQ(stream->request().target, "/next");
}

TEST_F(Http1Test, NeverSwitchesWithoutBeingAsked) {
  start([](ServerStream& s) {
    s.send_head(switching(), false);
    return ignore_body();
  });
  RawPeer peer = connect();

  peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");

  ASSERT_TRUE(peer.got("\r\n\r\n"));
  EXPECT_TRUE(peer.received.starts_with("HTTP/1.1 502 ")) << peer.received;
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
