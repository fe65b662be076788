#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "net/client.hpp"
#include "net/limits.hpp"
#include "net/reply.hpp"
#include "net/testing/raw_peer.hpp"
#include "net/testing/wire_fixture.hpp"

// HttpClient over HTTP/1, against an upstream that is answered by hand and against HttpServer.

namespace pixell::net {
namespace {

using namespace fixture;

class Http1ClientTest : public testing::Test {
 protected:
  ClientStream& open(const RequestHead& head, Answer& answer) {
    return client.open(upstream.address(), Protocol::Http1, head, answer);
  }
  ClientStream& get(Answer& answer, std::string target = "/") {
    ClientStream& stream = open(request("GET", std::move(target)), answer);
    stream.finish();
    return stream;
  }
  // One exchange whose connection stays open behind it.
  std::unique_ptr<RawPeer> reusable() {
    Answer answer(driver);
    get(answer);
    auto peer = upstream.accept();
    EXPECT_TRUE(peer->got("\r\n\r\n"));
    peer->take();
    peer->send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    EXPECT_TRUE(is_over(answer));
    EXPECT_TRUE(answer.ended);
    return peer;
  }
  bool is_over(const Answer& answer) {
    return eventually(driver, [&] { return answer.is_over(); });
  }

  FakeClock clock;
  Driver driver{clock};
  RawListener upstream{driver};
  HttpClient client{driver.loop()};
};

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

TEST_F(Http1ClientTest, ReusesTheConnectionUsedLast) {
  Answer first(driver);
  Answer second(driver);
  get(first, "/1");
  auto one = upstream.accept();
  ASSERT_TRUE(one->got("\r\n\r\n"));
  get(second, "/2");
  auto two = upstream.accept();
  ASSERT_TRUE(two->got("\r\n\r\n"));
  two->send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  ASSERT_TRUE(is_over(second));
  one->send("HTTP/1.1 204 No Content\r\n\r\n");
  ASSERT_TRUE(is_over(first));
  one->take();
  two->take();

  Answer third(driver);
  get(third, "/3");

  ASSERT_TRUE(one->got("GET /3 HTTP/1.1\r\nHost: test\r\n\r\n"));
  Answer fourth(driver);
  get(fourth, "/4");
  ASSERT_TRUE(two->got("GET /4 HTTP/1.1\r\nHost: test\r\n\r\n"));
  EXPECT_FALSE(upstream.has_connection());
}

TEST_F(Http1ClientTest, MayOpenTheNextRequestAtTheEndOfOne) {
  auto peer = reusable();
  Answer second(driver);
  Answer first(driver);
  first.at_end = [&] { get(second, "/next"); };
  get(first);
  ASSERT_TRUE(peer->got("\r\n\r\n"));
  peer->take();

  peer->send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n");

  ASSERT_TRUE(peer->got("GET /next HTTP/1.1\r\nHost: test\r\n\r\n"));
  EXPECT_EQ(first.trailers.get("x"), "y");
  peer->send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nz");
  ASSERT_TRUE(is_over(second));
  EXPECT_EQ(second.body, "z");
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

TEST_F(Http1ClientTest, TellsAReusedConnectionThatDiedUnused) {
  auto peer = reusable();
  Answer answer(driver);
  get(answer);
  peer->close();  // crosses the request on the wire

  ASSERT_TRUE(is_over(answer));

  EXPECT_EQ(*answer.reason, AbortReason::UnusedClosed);
}

TEST_F(Http1ClientTest, AReusedConnectionThatDiedAmidTheHeadWasUsed) {
  auto peer = reusable();
  Answer answer(driver);
  get(answer);
  ASSERT_TRUE(peer->got("\r\n\r\n"));

  peer->send("HTTP/1.1");
  peer->close();

  ASSERT_TRUE(is_over(answer));
  EXPECT_EQ(*answer.reason, AbortReason::PeerClosed);
}

TEST_F(Http1ClientTest, DropsIdleConnectionsThatCloseOrSpeak) {
  auto closing = reusable();
  closing->close();
  driver.settle();
  auto speaking = reusable();
  speaking->send("HTTP/1.1 408 Request Timeout\r\n\r\n");
  EXPECT_TRUE(speaking->is_closed());

  EXPECT_NE(reusable(), nullptr) << "a new connection";
}

TEST_F(Http1ClientTest, ClosesConnectionsThatAreIdleForLong) {
  auto early = reusable();
  clock.advance(kPoolIdleTimeout - Millis(1'000));
  driver.settle();
  EXPECT_TRUE(early->is_open());
  Answer answer(driver);
  get(answer);
  ASSERT_TRUE(early->got("\r\n\r\n"));
  auto late = reusable();
  early->send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  ASSERT_TRUE(is_over(answer));
  clock.advance(kPoolIdleTimeout - Millis(1));
  EXPECT_TRUE(early->is_open());
  EXPECT_TRUE(late->is_open());

  clock.advance(Millis(1));

  EXPECT_TRUE(early->is_closed());
  EXPECT_TRUE(late->is_closed());
}

TEST_F(Http1ClientTest, KeepsOnlySoManyIdleConnections) {
  HttpClient small(driver.loop(), {.max_idle = 1});
  std::vector<std::unique_ptr<Answer>> answers;
  std::vector<std::unique_ptr<RawPeer>> peers;
  for (int i = 0; i < 2; ++i) {
    answers.push_back(std::make_unique<Answer>(driver));
    small.open(upstream.address(), Protocol::Http1, request("GET", "/"), *answers.back()).finish();
    peers.push_back(upstream.accept());
    ASSERT_TRUE(peers.back()->got("\r\n\r\n"));
  }
  for (int i : {0, 1}) {
    peers[std::size_t(i)]->send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    ASSERT_TRUE(is_over(*answers[std::size_t(i)]));
  }

  EXPECT_TRUE(peers[0]->is_closed());
  EXPECT_TRUE(peers[1]->is_open());
}

TEST_F(Http1ClientTest, ForgetAlsoRetiresBusyConnections) {
  auto idle = reusable();
  Answer answer(driver);
  get(answer);
  ASSERT_TRUE(idle->got("\r\n\r\n"));

  client.forget(upstream.address());
  idle->send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");

  ASSERT_TRUE(is_over(answer));
  EXPECT_EQ(answer.body, "ok");
  EXPECT_TRUE(idle->is_closed());
}

TEST_F(Http1ClientTest, TellsRefusedConnections) {
  const TempDirectory directory;
  const auto closed = [] {
    const UniqueFd socket = std::move(listen_tcp("127.0.0.1", 0).value());
    return Address{"127.0.0.1:" + std::to_string(bound_port(socket.get()).value())};
  }();
  {
    const auto stale = listen_unix(directory / "stale");
    ASSERT_TRUE(stale);
  }
  for (const Address& address :
       {closed, Address{"unix:" + (directory / "none").string()},
        Address{"unix:" + (directory / "stale").string()}, Address{"nonsense"}}) {
    SCOPED_TRACE(address.text);
    Answer answer(driver);
    ClientStream& stream = client.open(address, Protocol::Http1, request("POST", "/"), answer);
    EXPECT_FALSE(answer.is_over()) << "never from inside open()";
    stream.send_data("abc");
    stream.finish();
    EXPECT_FALSE(answer.is_over());
    EXPECT_FALSE(stream.request_started());
    ASSERT_TRUE(is_over(answer));
    EXPECT_EQ(*answer.reason, AbortReason::Refused);
  }
}

TEST_F(Http1ClientTest, WaitsForAFullUnixBacklogUntilTheConnectTimeout) {
  const TempDirectory directory;
  const std::string path = (directory / "s").string();
  const UniqueFd listener = std::move(listen_unix(path, 0600, 0).value());
  const Address address{"unix:" + path};
  std::vector<UniqueFd> waiting;
  for (auto next = start_connect(address); next; next = start_connect(address)) {
    waiting.push_back(std::move(*next));
  }
  Answer answer(driver);
  client.open(address, Protocol::Http1, request("GET", "/"), answer).finish();
  driver.settle();
  EXPECT_FALSE(answer.is_over());
  Answer late(driver);
  client.open(address, Protocol::Http1, request("GET", "/"), late).finish();

  // Room for one.
  RawPeer(driver, UniqueFd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC))).close();
  clock.advance(Millis(100));
  driver.settle();
  clock.advance(kConnectTimeout);

  ASSERT_TRUE(is_over(late));
  EXPECT_EQ(*late.reason, AbortReason::Timeout);
  EXPECT_FALSE(answer.is_over()) << "it stands, and waits for its answer";
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

TEST_F(Http1ClientTest, TakesAnAnswerThatComesBeforeTheRequestIsComplete) {
  Answer answer(driver);
  ClientStream& stream = open(request("POST", "/"), answer);
  stream.send_data("part");
  auto peer = upstream.accept();
  ASSERT_TRUE(peer->got("part\r\n"));

  peer->send("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");

  ASSERT_TRUE(is_over(answer));
  EXPECT_TRUE(answer.ended);
  EXPECT_EQ(answer.body, "no");
  EXPECT_TRUE(peer->is_closed());
  // The stream is the caller's until it has ended its side, however late.
  clock.advance(Millis(60'000));
  driver.settle();
  EXPECT_TRUE(stream.send_data("more"));
  EXPECT_TRUE(stream.request_started());
  stream.finish();
  driver.settle();
}

TEST_F(Http1ClientTest, ReadsTheAnswerOfAServerThatClosedAmidTheRequest) {
  Answer answer(driver);
  ClientStream& stream = open(request("POST", "/"), answer);
  stream.send_data("part");
  auto peer = upstream.accept();
  ASSERT_TRUE(peer->got("part\r\n"));
  peer->take();
  peer->send("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
  peer->close();

  for (int i = 0; i < 3; ++i) stream.send_data("more");

  ASSERT_TRUE(is_over(answer));
  EXPECT_TRUE(answer.ended);
  EXPECT_EQ(answer.body, "no");
  stream.reset(ResetCode::Cancel);
}

TEST_F(Http1ClientTest, ResetClosesWithoutACall) {
  Answer answer(driver);
  ClientStream& stream = get(answer);
  auto peer = upstream.accept();
  ASSERT_TRUE(peer->got("\r\n\r\n"));

  stream.reset(ResetCode::Cancel);
  stream.send_data("ignored");
  stream.finish();
  stream.resume();

  EXPECT_TRUE(peer->is_closed());
  driver.settle();
  EXPECT_FALSE(answer.is_over());
}

TEST_F(Http1ClientTest, MayBeResetFromEveryCallback) {
  for (const char* where : {"head", "data"}) {
    SCOPED_TRACE(where);
    struct Resetting final : ClientHandler {
      void on_head(const ResponseHead&) override {
        if (at_head) stream->reset(ResetCode::Cancel);
      }
      void on_data(std::string_view) override {
        ++data;
        stream->reset(ResetCode::Cancel);
      }
      void on_end(const Headers&) override { ADD_FAILURE(); }
      void on_abort(AbortReason) override { ADD_FAILURE(); }
      ClientStream* stream = nullptr;
      bool at_head = false;
      int data = 0;
    } handler;
    handler.at_head = std::string_view(where) == "head";
    handler.stream =
        &client.open(upstream.address(), Protocol::Http1, request("GET", "/"), handler);
    handler.stream->finish();
    auto peer = upstream.accept();
    ASSERT_TRUE(peer->got("\r\n\r\n"));

    peer->send(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n");

    EXPECT_TRUE(peer->is_closed());
    EXPECT_EQ(handler.data, handler.at_head ? 0 : 1);
  }
}

TEST_F(Http1ClientTest, HoldsAnUpstreamBackWhilePaused) {
  Answer answer(driver);
  ClientStream& stream = get(answer);
  auto peer = upstream.accept();
  const std::string text = pattern(16 * 1024 * 1024);
  peer->send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(text.size()) + "\r\n\r\n");
  ASSERT_TRUE(eventually(driver, [&] { return answer.head.has_value(); }));
  stream.pause();
  std::size_t sent = 0;
  for (int idle = 0; idle < 20;) {
    const std::size_t n = peer->send_some(std::string_view(text).substr(sent, 64 * 1024));
    sent += n;
    idle = n == 0 ? idle + 1 : 0;
    driver.settle();
  }
  EXPECT_LT(sent, text.size());
  EXPECT_LE(answer.size, EventLoop::kScratchBytes);

  stream.resume();
  peer->send(std::string_view(text).substr(sent));

  ASSERT_TRUE(is_over(answer));
  EXPECT_EQ(answer.body, text);
}

TEST_F(Http1ClientTest, UploadsAsFastAsTheServerReads) {
  const std::string text = pattern(10 * 1024 * 1024);
  std::string got;
  ServerStream* server_stream = nullptr;
  LoopbackServer server(driver.loop(), [&](ServerStream& stream) {
    server_stream = &stream;
    stream.pause();
    auto handler = std::make_unique<Script>(driver);
    handler->data = [&](std::string_view bytes) { got += bytes; };
    handler->end = [&](const Headers&) { send_reply(*server_stream, 200, "", "thanks"); };
    return handler;
  });
  Answer answer(driver);
  ClientStream& stream =
      client.open(server.address(), Protocol::Http1, request("POST", "/"), answer);
  Pump pump(stream, text);
  answer.writable = [&] { pump.run(); };

  pump.run();
  driver.settle();
  driver.settle();

  EXPECT_LT(pump.sent(), text.size()) << "the producer is held back";
  EXPECT_EQ(got.size(), 0u);
  ASSERT_NE(server_stream, nullptr);
  server_stream->resume();
  ASSERT_TRUE(is_over(answer));
  EXPECT_EQ(answer.body, "thanks");
  EXPECT_EQ(got, text);
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

RequestHead upgrade() {
  RequestHead head = request("GET", "/ws");
  head.headers.add("Connection", "Upgrade");
  head.headers.add("Upgrade", "echo");
  return head;
}

TEST_F(Http1ClientTest, TurnsIntoATunnel) {
  Answer answer(driver);
  ClientStream& stream = open(upgrade(), answer);
  auto peer = upstream.accept();
  ASSERT_TRUE(peer->got("\r\n\r\n"));
  peer->take();

  peer->send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\n\r\nfirst");

  ASSERT_TRUE(eventually(driver, [&] { return answer.body == "first"; }));
  EXPECT_EQ(answer.status(), 101);
  stream.send_data("raw");
  ASSERT_TRUE(peer->got("raw"));
  stream.finish();
  ASSERT_TRUE(peer->is_closed());
  peer->send(" last");
  peer->close();
  ASSERT_TRUE(is_over(answer));
  EXPECT_TRUE(answer.ended);
  EXPECT_EQ(answer.body, "first last");
}

TEST_F(Http1ClientTest, SendsOnThroughATunnelTheUpstreamShut) {
  Answer answer(driver);
  ClientStream& stream = open(upgrade(), answer);
  auto peer = upstream.accept();
  peer->send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\n\r\n");
  peer->shut();
  ASSERT_TRUE(is_over(answer));
  EXPECT_TRUE(answer.ended);
  ASSERT_TRUE(peer->got("\r\n\r\n"));
  peer->take();

  stream.send_data("still here");
  stream.finish();

  EXPECT_TRUE(peer->is_closed());
  EXPECT_EQ(peer->received, "still here");
}

TEST_F(Http1ClientTest, AnUpgradeMayBeRefused) {
  Answer answer(driver);
  ClientStream& stream = open(upgrade(), answer);
  auto peer = upstream.accept();
  ASSERT_TRUE(peer->got("\r\n\r\n"));

  peer->send("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");

  ASSERT_TRUE(is_over(answer));
  EXPECT_EQ(answer.status(), 404);
  driver.settle();
  stream.finish();
  EXPECT_TRUE(peer->is_open()) << "the connection is as good as before";
}

TEST_F(Http1ClientTest, MayBeDestroyedAmidEverything) {
  auto own = std::make_unique<HttpClient>(driver.loop());
  Answer first(driver);
  Answer second(driver);
  own->open(upstream.address(), Protocol::Http1, request("GET", "/"), first).finish();
  auto peer = upstream.accept();
  ASSERT_TRUE(peer->got("\r\n\r\n"));
  own->open(upstream.address(), Protocol::Http1, request("POST", "/"), second).send_data("x");

  first.on_bytes = [&](std::string_view) { own.reset(); };
  peer->send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");

  EXPECT_TRUE(peer->is_closed());
  driver.settle();
  EXPECT_FALSE(first.is_over());
  EXPECT_FALSE(second.is_over());
}

}  // namespace
}  // namespace pixell::net
