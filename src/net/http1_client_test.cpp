#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "net/reply.hpp"
#include "net/testing/http1_client_fixture.hpp"

// Requests and answers of HttpClient over HTTP/1, as they stand on the wire.

namespace pixell::net {
namespace {

using namespace fixture;

TEST_F(Http1ClientTest, SendsARequestAndReadsItsAnswer) {
  Answer answer(driver);
  RequestHead head = request("GET", "/a?b=c");
  head.headers.add("X-A", "b");
  head.headers.add("Host", "other");
  head.headers.add("Connection", "close");
  head.headers.add("Expect", "100-continue");
  ClientStream& stream = open(head, answer);
  EXPECT_FALSE(stream.request_started());
  stream.finish();

  auto peer = upstream.accept();

  ASSERT_TRUE(peer->got("\r\n\r\n"));
  EXPECT_EQ(peer->received, "GET /a?b=c HTTP/1.1\r\nHost: test\r\nX-A: b\r\n\r\n");
  EXPECT_TRUE(stream.request_started());
  peer->send("HTTP/1.1 201 Created\r\nContent-Length: 5\r\nX-B: c\r\n\r\nhello");
  ASSERT_TRUE(is_over(answer));
  EXPECT_EQ(answer.status(), 201);
  EXPECT_EQ(answer.head->headers.get("x-b"), "c");
  EXPECT_EQ(answer.body, "hello");
  EXPECT_TRUE(answer.ended);
}

TEST_F(Http1ClientTest, FramesRequestBodies) {
  struct Row {
    const char* name;
    RequestHead head;
    std::vector<const char*> pieces;
    bool finishes_later;
    std::string wire;  // behind the Host line
  };
  const auto with = [](const char* method, const char* name = "", const char* value = "") {
    RequestHead head = request(method, "/");
    if (*name != '\0') head.headers.add(name, value);
    return head;
  };
  const std::vector<Row> rows = {
      {"get", with("GET"), {}, false, "\r\n"},
      {"post without body", with("POST"), {}, false, "Content-Length: 0\r\n\r\n"},
      {"post of unknown length",
       with("POST"),
       {"abc", "de"},
       false,
       "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"},
      {"post of known length",
       with("POST", "content-length", "5"),
       {"abc", "de"},
       false,
       "Content-Length: 5\r\n\r\nabcde"},
      {"get that finishes later",
       with("GET"),
       {},
       true,
       "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
      {"get with a body",
       with("GET"),
       {"x"},
       false,
       "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"},
      {"coding kept",
       with("GET", "transfer-encoding", "chunked"),
       {},
       false,
       "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
      {"upgrade",
       [] {
         RequestHead head = request("GET", "/");
         head.headers.add("connection", "upgrade");
         head.headers.add("upgrade", "websocket");
         return head;
       }(),
       {},
       false,
       "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    Answer answer(driver);
    ClientStream& stream = open(row.head, answer);
    for (const char* piece : row.pieces) EXPECT_TRUE(stream.send_data(piece));
    if (row.finishes_later) driver.settle();
    stream.finish();
    auto peer = upstream.accept();
    EXPECT_TRUE(peer->got(row.wire));
    EXPECT_EQ(peer->received, row.head.method + " / HTTP/1.1\r\nHost: test\r\n" + row.wire);
    stream.reset(ResetCode::Cancel);
    EXPECT_TRUE(peer->is_closed());
    EXPECT_FALSE(answer.is_over());
  }
}

TEST_F(Http1ClientTest, SendsTrailers) {
  Answer answer(driver);
  ClientStream& stream = open(request("POST", "/"), answer);
  stream.send_data("x");
  Headers trailers;
  trailers.add("X-Sum", "1");
  stream.finish(trailers);

  auto peer = upstream.accept();

  EXPECT_TRUE(peer->got("1\r\nx\r\n0\r\nX-Sum: 1\r\n\r\n"));
}

TEST_F(Http1ClientTest, ReadsBodiesByTheirFraming) {
  struct Row {
    const char* name;
    const char* method;
    const char* wire;
    bool closes;
    const char* body;
    bool is_reused;
  };
  for (const Row& row :
       {Row{"chunked", "GET",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", false,
            "ab", true},
        Row{"until close", "GET", "HTTP/1.1 200 OK\r\n\r\nabc", true, "abc", false},
        Row{"http10", "GET", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", false, "a", false},
        Row{"connection close", "GET",
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na", false, "a",
            false},
        Row{"head", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", false, "", true},
        Row{"not modified", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", false,
            "", true},
        Row{"more than asked for", "GET",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\n", false, "a",
            false}}) {
    SCOPED_TRACE(row.name);
    Answer answer(driver);
    open(request(row.method, "/"), answer).finish();
    auto peer = upstream.accept();
    ASSERT_TRUE(peer->got("\r\n\r\n"));
    peer->send(row.wire);
    if (row.closes) peer->shut();
    ASSERT_TRUE(is_over(answer));
    EXPECT_TRUE(answer.ended);
    EXPECT_EQ(answer.body, row.body);
    EXPECT_EQ(peer->is_open(), row.is_reused);
    client.forget(upstream.address());
    EXPECT_TRUE(peer->is_closed());
  }
}

TEST_F(Http1ClientTest, PassesInterimAnswersOn) {
  Answer answer(driver);
  get(answer);
  auto peer = upstream.accept();

  peer->send(
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
      "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");

  ASSERT_TRUE(is_over(answer));
  EXPECT_EQ(answer.informational, (std::vector<int>{100, 103}));
  EXPECT_EQ(answer.status(), 200);
}

TEST_F(Http1ClientTest, AbortsBrokenAnswers) {
  struct Row {
    const char* name;
    std::string wire;
    bool closes;
    AbortReason reason;
  };
  for (const Row& row :
       {Row{"garbage", "nonsense\r\n\r\n", false, AbortReason::ProtocolError},
        Row{"two framings",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", false,
            AbortReason::ProtocolError},
        Row{"bad chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n", false,
            AbortReason::ProtocolError},
        Row{"switch nobody asked for", "HTTP/1.1 101 Switching Protocols\r\n\r\n", false,
            AbortReason::ProtocolError},
        Row{"large head", "HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'x'), false,
            AbortReason::TooLarge},
        Row{"no answer", "", true, AbortReason::PeerClosed},
        Row{"half a head", "HTTP/1.1 200 OK\r\n", true, AbortReason::PeerClosed},
        Row{"short body", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", true,
            AbortReason::PeerClosed},
        Row{"short chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
            true, AbortReason::PeerClosed}}) {
    SCOPED_TRACE(row.name);
    Answer answer(driver);
    ClientStream& stream = get(answer);
    bool was_started = false;
    auto peer = upstream.accept();
    ASSERT_TRUE(peer->got("\r\n\r\n"));
    was_started = stream.request_started();
    if (!row.wire.empty()) peer->send(row.wire);
    if (row.closes) peer->close();
    ASSERT_TRUE(is_over(answer));
    EXPECT_TRUE(was_started);
    ASSERT_TRUE(answer.reason);
    EXPECT_EQ(*answer.reason, row.reason);
    EXPECT_FALSE(answer.ended);
  }
}

TEST_F(Http1ClientTest, RefusesWhatCannotBeWritten) {
  for (const auto& [method, target] : std::vector<std::pair<std::string, std::string>>{
           {"GET", "/a b"}, {"GET", "/a\r\nX: y"}, {"G T", "/"}, {"GET", ""}}) {
    Answer answer(driver);
    open(request(method, target), answer).finish();
    ASSERT_TRUE(is_over(answer));
    EXPECT_EQ(*answer.reason, AbortReason::ProtocolError);
  }
  EXPECT_FALSE(upstream.has_connection());
}

TEST_F(Http1ClientTest, AbortsABodyThatIsNotAsLongAsAnnounced) {
  for (const char* body : {"ab", "abcd"}) {
    Answer answer(driver);
    RequestHead head = request("POST", "/");
    head.headers.add("content-length", "3");
    ClientStream& stream = open(head, answer);
    stream.send_data(body);
    stream.finish();
    EXPECT_FALSE(answer.is_over());
    ASSERT_TRUE(is_over(answer));
    EXPECT_EQ(*answer.reason, AbortReason::ProtocolError);
  }
}

TEST_F(Http1ClientTest, AnswersOverUnixSockets) {
  const TempDirectory directory;
  const std::string path = (directory / "s").string();
  FunctionService service([](ServerStream& stream) {
    send_reply(stream, 200, "text/plain", stream.request().target);
    return ignore_body();
  });
  HttpServer server(driver.loop(), service, Log(2, LogLevel::Error));
  ASSERT_TRUE(server.listen(std::move(listen_unix(path).value()), "a"));

  for (int i = 0; i < 3; ++i) {
    Answer answer(driver);
    client.open({"unix:" + path}, Protocol::Http1, request("GET", "/x"), answer).finish();
    ASSERT_TRUE(is_over(answer));
    EXPECT_EQ(answer.body, "/x");
  }

  EXPECT_EQ(server.connections(), 1u);
}

}  // namespace
}  // namespace pixell::net
