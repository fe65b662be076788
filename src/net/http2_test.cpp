#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/client_session.hpp"
#include "net/limits.hpp"
#include "net/reply.hpp"
#include "net/testing/wire_fixture.hpp"

namespace pixell::net {
namespace {

using namespace fixture;

constexpr std::size_t kBig = 10 * 1024 * 1024;
/// What may be on its way when a reader stops: both queues, a window, socket buffers of loopback.
constexpr std::size_t kInFlight = 1024 * 1024;

class Http2 : public ::testing::Test {
 protected:
  LoopbackServer& serve(FunctionService::Function function, ServerOptions options = {}) {
    server_ = std::make_unique<LoopbackServer>(driver.loop(), std::move(function), options);
    return *server_;
  }
  ClientStream& open(const RequestHead& head, Answer& answer) {
    return client.open(server_->address(), Protocol::Http2, head, answer);
  }
  std::unique_ptr<Script> script() { return std::make_unique<Script>(driver); }

  Driver driver;
  std::unique_ptr<LoopbackServer> server_;
  HttpClient client{driver.loop()};
};

TEST_F(Http2, CarriesARequestAndItsAnswer) {
  RequestHead seen;
  std::string body;
  Headers trailers;
  serve([&](ServerStream& stream) {
    seen = stream.request();
    auto handler = script();
    handler->data = [&body](std::string_view bytes) { body += bytes; };
    handler->end = [&, s = &stream](const Headers& fields) {
      trailers = fields;
      ResponseHead head{.status = 201, .headers = {}};
      head.headers.add("X-Name", "value");
      head.headers.add("Connection", "close");
      head.headers.add("Transfer-Encoding", "chunked");
      s->send_head(head, false);
      s->send_data("hello ");
      s->send_data("there");
      Headers end;
      end.add("X-Sum", "11");
      s->finish(end);
    };
    return handler;
  });
  RequestHead head = request("POST", "/a/b?c=d");
  head.headers.add("X-Mixed", "Case");
  head.headers.add("cookie", "a=1");
  head.headers.add("cookie", "b=2");
  Answer answer(driver);

  ClientStream& stream = open(head, answer);
  stream.send_data("request body");
  Headers sent;
  sent.add("x-t", "end");
  stream.finish(sent);

  ASSERT_TRUE(driver.until([&] { return answer.is_over(); }));
  EXPECT_EQ(seen.method, "POST");
  EXPECT_EQ(seen.target, "/a/b?c=d");
  EXPECT_EQ(seen.scheme, "http");
  EXPECT_EQ(seen.authority, "test");
  EXPECT_EQ(seen.protocol, Protocol::Http2);
  EXPECT_EQ(seen.headers.get("x-mixed"), "Case");
  EXPECT_EQ(seen.headers.get("cookie"), "a=1; b=2");
  EXPECT_EQ(body, "request body");
  EXPECT_EQ(trailers.get("x-t"), "end");
  EXPECT_EQ(answer.status(), 201);
  EXPECT_EQ(answer.head->headers.get("x-name"), "value");
  EXPECT_FALSE(answer.head->headers.has("connection"));
  EXPECT_FALSE(answer.head->headers.has("transfer-encoding"));
  EXPECT_EQ(answer.body, "hello there");
  EXPECT_EQ(answer.trailers.get("x-sum"), "11");
}

TEST_F(Http2, SpeaksOverUnixSockets) {
  TempDirectory directory;
  FunctionService service([](ServerStream& stream) {
    send_json(stream, 200, stream.peer().address);
    return ignore_body();
  });
  HttpServer server(driver.loop(), service, Log(2, LogLevel::Error));
  ASSERT_TRUE(server.listen(std::move(listen_unix(directory / "s").value()), "local"));
  Answer answer(driver);

  client.open({"unix:" + (directory / "s").string()}, Protocol::Http2, request("GET", "/"), answer)
      .finish();

  ASSERT_TRUE(driver.until([&] { return answer.is_over(); }));
  EXPECT_EQ(answer.body, "unix");
}

TEST_F(Http2, HoldsAFastAnswerBackForASlowReader) {
  const std::string text = pattern(kBig);
  std::unique_ptr<Pump> pump;
  serve([&](ServerStream& stream) {
    stream.send_head({}, false);
    pump = std::make_unique<Pump>(stream, text);
    auto handler = script();
    handler->end = [&](const Headers&) { pump->run(); };
    handler->writable = [&] { pump->run(); };
    return handler;
  });
  Answer answer(driver);

  ClientStream& stream = open(request("GET", "/"), answer);
  stream.finish();
  stream.pause();
  ASSERT_TRUE(driver.until([&] { return answer.size > 0; }));
  driver.settle();
  const std::size_t held = answer.size;
  const std::size_t sent = pump->sent();
  stream.resume();

  ASSERT_TRUE(driver.until([&] { return answer.is_over(); }));
  EXPECT_LE(held, kH2InitialWindow);
  EXPECT_LE(sent, kInFlight);
  EXPECT_TRUE(answer.body == text);
}

TEST_F(Http2, HoldsAFastUploadBackForASlowHandler) {
  const std::string text = pattern(kBig);
  std::string got;
  ServerStream* front = nullptr;
  serve([&](ServerStream& stream) {
    front = &stream;
    stream.pause();
    auto handler = script();
    handler->data = [&got](std::string_view bytes) { got += bytes; };
    handler->end = [s = &stream](const Headers&) { send_json(*s, 200, "{}"); };
    return handler;
  });
  Answer answer(driver);

  Pump pump(open(request("PUT", "/"), answer), text);
  answer.writable = [&] { pump.run(); };
  pump.run();
  ASSERT_TRUE(driver.until([&] { return !got.empty(); }));
  driver.settle();
  const std::size_t held = got.size();
  const std::size_t sent = pump.sent();
  front->resume();

  ASSERT_TRUE(driver.until([&] { return answer.is_over(); }));
  EXPECT_LE(held, kH2InitialWindow);
  EXPECT_LE(sent, kInFlight);
  EXPECT_TRUE(got == text);
}

TEST_F(Http2, LetsOtherStreamsPassAHeldOne) {
  constexpr int kHeld = 40;  // together more than the window of the connection
  const std::string text(kH2InitialWindow, 'x');
  serve([&](ServerStream& stream) {
    if (stream.request().target == "/held") {
      stream.pause();
      return std::unique_ptr<StreamHandler>(script());
    }
    auto handler = script();
    handler->end = [s = &stream](const Headers&) { send_json(*s, 200, "{}"); };
    return std::unique_ptr<StreamHandler>(std::move(handler));
  });
  std::vector<std::unique_ptr<Answer>> held;
  for (int i = 0; i < kHeld; ++i) {
    held.push_back(std::make_unique<Answer>(driver));
    open(request("POST", "/held"), *held.back()).send_data(text);
  }
  Answer answer(driver);

  ClientStream& stream = open(request("POST", "/free"), answer);
  stream.send_data(text);
  stream.finish();

  ASSERT_TRUE(driver.until([&] { return answer.is_over(); }));
  EXPECT_EQ(answer.status(), 200);
}

TEST_F(Http2, PassesInterimAnswers) {
  serve([&](ServerStream& stream) {
    ResponseHead hints{.status = 103, .headers = {}};
    hints.headers.add("link", "</a.css>");
    stream.send_informational(hints);
    send_json(stream, 200, "{}");
    return ignore_body();
  });
  RequestHead head = request("POST", "/");
  head.headers.add("expect", "100-continue");
  Answer answer(driver);

  ClientStream& stream = open(head, answer);
  ASSERT_TRUE(driver.until([&] { return answer.status() != 0; }));
  stream.finish();

  ASSERT_TRUE(driver.until([&] { return answer.is_over(); }));
  EXPECT_EQ(answer.informational, std::vector<int>{103});
  EXPECT_EQ(answer.status(), 200);
}

TEST_F(Http2, SaysContinueOnceTheBodyIsWanted) {
  ServerStream* front = nullptr;
  serve([&](ServerStream& stream) {
    front = &stream;
    stream.pause();
    auto handler = script();
    handler->end = [s = &stream](const Headers&) { send_json(*s, 200, "{}"); };
    return handler;
  });
  RequestHead head = request("POST", "/");
  head.headers.add("expect", "100-continue");
  Answer answer(driver);

  ClientStream& stream = open(head, answer);
  ASSERT_TRUE(driver.until([&] {
    driver.loop().post([&] { driver.changed(); });
    return front != nullptr;
  }));
  driver.settle();
  const std::size_t before = answer.informational.size();
  front->resume();
  stream.finish();

  ASSERT_TRUE(driver.until([&] { return answer.is_over(); }));
  EXPECT_EQ(before, 0u);
  EXPECT_EQ(answer.informational, std::vector<int>{100});
}

TEST_F(Http2, SendsNoBodyToHead) {
  serve([&](ServerStream& stream) {
    ResponseHead head;
    head.headers.add("content-length", "5");
    stream.send_head(head, false);
    stream.send_data("hello");
    stream.finish();
    return ignore_body();
  });
  Answer answer(driver);

  open(request("HEAD", "/"), answer).finish();

  ASSERT_TRUE(driver.until([&] { return answer.is_over(); }));
  EXPECT_EQ(answer.head->headers.get("content-length"), "5");
  EXPECT_EQ(answer.size, 0u);
  EXPECT_TRUE(answer.ended);
}

TEST_F(Http2, TellsTheHandlerOfAResetByTheClient) {
  std::optional<AbortReason> reason;
  bool arrived = false;
  serve([&](ServerStream&) {
    arrived = true;
    auto handler = script();
    handler->abort = [&](AbortReason why) { reason = why; };
    return handler;
  });
  Answer answer(driver);

  ClientStream& stream = open(request("POST", "/"), answer);
  stream.send_data("x");
  ASSERT_TRUE(driver.until([&] {
    driver.loop().post([&] { driver.changed(); });
    return arrived;
  }));
  stream.reset(ResetCode::Cancel);

  ASSERT_TRUE(driver.until([&] { return reason.has_value(); }));
  EXPECT_EQ(reason, AbortReason::PeerClosed);
  EXPECT_FALSE(answer.is_over());
  EXPECT_EQ(server_->server().active_streams(), 0u);
}

TEST_F(Http2, TellsTheClientOfAResetByTheServer) {
  serve([&](ServerStream& stream) {
    stream.reset(stream.request().target == "/refused" ? ResetCode::RefusedStream
                                                       : ResetCode::InternalError);
    return script();
  });
  Answer refused(driver);
  Answer broken(driver);

  ClientStream& stream = open(request("POST", "/refused"), refused);
  open(request("POST", "/broken"), broken);
  bool started = true;
  ASSERT_TRUE(driver.until([&] {
    if (refused.reason) started = stream.request_started();
    return refused.is_over() && broken.is_over();
  }));

  EXPECT_EQ(refused.reason, AbortReason::UnusedClosed);
  EXPECT_FALSE(started);
  EXPECT_EQ(broken.reason, AbortReason::PeerClosed);
}

TEST_F(Http2, KeepsAnAnswerThatComesBeforeTheEndOfTheUpload) {
  serve([&](ServerStream& stream) {
    send_json(stream, 413, std::string(200'000, '1'));
    stream.reset(ResetCode::NoError);
    return script();
  });
  Answer answer(driver);

  Pump pump(open(request("POST", "/"), answer), std::string_view());
  ASSERT_TRUE(driver.until([&] { return answer.is_over(); }));

  EXPECT_EQ(answer.status(), 413);
  EXPECT_TRUE(answer.ended);
  EXPECT_EQ(answer.size, 200'000u);
}

TEST_F(Http2, DrainsWithoutLosingAnExchange) {
  std::vector<ServerStream*> open_streams;
  serve([&](ServerStream& stream) {
    open_streams.push_back(&stream);
    driver.loop().post([&] { driver.changed(); });
    return script();
  });
  Answer first(driver);
  Answer crossing(driver);
  Answer late(driver);
  bool drained = false;

  open(request("GET", "/1"), first).finish();
  ASSERT_TRUE(driver.until([&] { return open_streams.size() == 1; }));
  open(request("GET", "/2"), crossing).finish();
  server_->server().drain([&] {
    drained = true;
    driver.changed();
  });
  ASSERT_TRUE(driver.until([&] { return open_streams.size() == 2; }));
  driver.settle();
  for (ServerStream* stream : open_streams) send_json(*stream, 200, "{}");
  ASSERT_TRUE(driver.until([&] { return first.is_over() && crossing.is_over() && drained; }));
  // The session has left: a new request makes a new connection, which still finds the listener.
  open(request("GET", "/3"), late).finish();
  ASSERT_TRUE(driver.until([&] { return open_streams.size() == 3; }));
  send_json(*open_streams[2], 200, "{}");

  ASSERT_TRUE(driver.until([&] { return late.is_over(); }));
  EXPECT_EQ(first.status(), 200);
  EXPECT_EQ(crossing.status(), 200);
  EXPECT_EQ(late.status(), 200);
}

TEST_F(Http2, TellsEverybodyWhenTheServerCloses) {
  std::optional<AbortReason> server_side;
  bool arrived = false;
  serve([&](ServerStream& stream) {
    stream.send_head({}, false);
    arrived = true;
    auto handler = script();
    handler->abort = [&](AbortReason why) { server_side = why; };
    return handler;
  });
  Answer answer(driver);

  open(request("GET", "/"), answer).finish();
  ASSERT_TRUE(driver.until([&] { return answer.status() == 200; }));
  server_->server().close_all();

  ASSERT_TRUE(driver.until([&] { return answer.is_over(); }));
  EXPECT_TRUE(arrived);
  EXPECT_EQ(server_side, AbortReason::Shutdown);
  EXPECT_EQ(answer.reason, AbortReason::PeerClosed);
  EXPECT_EQ(server_->server().connections(), 0u);
}

TEST_F(Http2, MarksAnUnansweredRequestOfAUsedSessionAsRepeatable) {
  bool closes = false;
  serve([&](ServerStream& stream) -> std::unique_ptr<StreamHandler> {
    if (closes) {
      driver.loop().post([&] { server_->server().close_all(); });
      return script();
    }
    send_json(stream, 200, "{}");
    return ignore_body();
  });
  Answer first(driver);
  Answer second(driver);

  open(request("GET", "/"), first).finish();
  ASSERT_TRUE(driver.until([&] { return first.is_over(); }));
  closes = true;
  open(request("GET", "/"), second).finish();

  ASSERT_TRUE(driver.until([&] { return second.is_over(); }));
  EXPECT_EQ(second.reason, AbortReason::UnusedClosed);
}

TEST_F(Http2, TellsOfARefusedConnection) {
  TempDirectory directory;
  Answer tcp(driver);
  Answer local(driver);
  const std::uint16_t port = serve([&](ServerStream&) { return script(); }).port();
  server_.reset();

  ClientStream& stream = client.open({"127.0.0.1:" + std::to_string(port)}, Protocol::Http2,
                                     request("POST", "/"), tcp);
  client.open({"unix:" + (directory / "none").string()}, Protocol::Http2, request("GET", "/"),
              local);
  bool started = true;
  ASSERT_TRUE(driver.until([&] {
    if (tcp.reason) started = stream.request_started();
    return tcp.is_over() && local.is_over();
  }));

  EXPECT_EQ(tcp.reason, AbortReason::Refused);
  EXPECT_EQ(local.reason, AbortReason::Refused);
  EXPECT_FALSE(started);
}

TEST_F(Http2, CarriesManyStreamsAtOnce) {
  constexpr std::size_t kMany = 700;
  serve([&](ServerStream& stream) {
    auto handler = script();
    stream.send_head({}, false);
    handler->data = [s = &stream](std::string_view bytes) { s->send_data(bytes); };
    handler->end = [s = &stream](const Headers&) { s->finish(); };
    return handler;
  });
  std::vector<std::unique_ptr<Answer>> answers;
  std::size_t over = 0;

  for (std::size_t i = 0; i < kMany; ++i) {
    answers.push_back(std::make_unique<Answer>(driver));
    answers.back()->at_end = [&over] { ++over; };
    ClientStream& stream = open(request("POST", "/"), *answers.back());
    stream.send_data(std::to_string(i));
    stream.finish();
  }

  ASSERT_TRUE(driver.until([&] { return over == kMany; }));
  for (std::size_t i = 0; i < kMany; ++i) EXPECT_EQ(answers[i]->body, std::to_string(i));
}

TEST_F(Http2, RefusesAHeadOverTheLimits) {
  int served = 0;
  serve([&](ServerStream&) {
    ++served;
    return script();
  });
  RequestHead many = request("GET", "/");
  for (std::size_t i = 0; i <= kMaxHeaderFields; ++i) many.headers.add("x", "y");
  RequestHead big = request("GET", "/");  // with the overhead of 32 bytes a field
  for (int i = 0; i < 100; ++i) big.headers.add("x" + std::to_string(i), std::string(630, 'y'));
  RequestHead far = request("GET", "/" + std::string(kMaxTargetBytes, 'p'));
  Answer answers[3] = {Answer(driver), Answer(driver), Answer(driver)};

  open(many, answers[0]).finish();
  open(big, answers[1]).finish();
  open(far, answers[2]).finish();

  ASSERT_TRUE(driver.until([&] {
    return answers[0].is_over() && answers[1].is_over() && answers[2].is_over();
  }));
  EXPECT_EQ(answers[0].status(), 431);
  EXPECT_EQ(answers[1].status(), 431);
  EXPECT_EQ(answers[2].status(), 414);
  EXPECT_EQ(served, 0);
}

TEST_F(Http2, FailsAHeadThatCannotBeSent) {
  std::optional<AbortReason> server_side;
  serve([&](ServerStream& stream) {
    ResponseHead head;
    head.headers.add("x", std::string(kMaxHeadBytes + 1, 'y'));
    stream.send_head(head, false);
    auto handler = script();
    handler->abort = [&](AbortReason why) { server_side = why; };
    return handler;
  });
  RequestHead big = request("GET", "/");
  big.headers.add("x", std::string(kMaxHeadBytes + 1, 'y'));
  Answer unsent(driver);
  Answer unanswered(driver);

  open(big, unsent).finish();
  open(request("POST", "/"), unanswered);

  ASSERT_TRUE(driver.until([&] { return unsent.is_over() && unanswered.is_over(); }));
  EXPECT_EQ(unsent.reason, AbortReason::TooLarge);
  EXPECT_EQ(unanswered.reason, AbortReason::PeerClosed);
  EXPECT_EQ(server_side, AbortReason::TooLarge);
}

TEST_F(Http2, EndsAConnectionOfRapidResets) {
  int served = 0;
  serve([&](ServerStream&) {
    ++served;
    driver.loop().post([&] { driver.changed(); });
    return script();
  });
  std::vector<std::unique_ptr<Answer>> answers;
  std::vector<ClientStream*> streams;
  constexpr int kMany = kH2MaxResets + 10;
  for (int i = 0; i < kMany; ++i) {
    answers.push_back(std::make_unique<Answer>(driver));
    streams.push_back(&open(request("POST", "/"), *answers.back()));
  }
  Answer witness(driver);
  open(request("POST", "/"), witness);
  ASSERT_TRUE(driver.until([&] { return served == kMany + 1; }));

  for (ClientStream* stream : streams) stream->reset(ResetCode::Cancel);

  ASSERT_TRUE(driver.until([&] { return witness.is_over(); }));
  EXPECT_TRUE(witness.reason.has_value());
  EXPECT_EQ(server_->server().connections(), 0u);
  EXPECT_EQ(server_->server().active_streams(), 0u);
}

TEST_F(Http2, SurvivesHandlersThatEndEverythingInTheirCallbacks) {
  serve([&](ServerStream&) {
    auto handler = script();
    handler->data = [&](std::string_view) { server_->server().close_all(); };
    return handler;
  });
  Answer answers[3] = {Answer(driver), Answer(driver), Answer(driver)};

  for (Answer& answer : answers) open(request("POST", "/"), answer).send_data("x");

  ASSERT_TRUE(driver.until([&] {
    return answers[0].is_over() && answers[1].is_over() && answers[2].is_over();
  }));
  EXPECT_EQ(server_->server().connections(), 0u);
}

/// A client that speaks HTTP/2 byte by byte.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port) {
    socket_ = std::move(start_connect({"127.0.0.1:" + std::to_string(port)}).value());
  }
  void send(std::string bytes) {
    ASSERT_EQ(::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  static std::string frame(int type, int flags, int stream, const std::string& payload) {
    std::string out;
    for (int shift = 16; shift >= 0; shift -= 8)
      out += static_cast<char>(payload.size() >> shift & 0xff);
    out += static_cast<char>(type);
    out += static_cast<char>(flags);
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(stream >> shift & 0xff);
    return out + payload;
  }
  static std::string hello() {
    return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, "");
  }
  /// POST / without the end of the stream. HPACK's static table has all of it.
  static std::string post(int stream) { return frame(1, 4, stream, "\x83\x84\x86\x41\x01" "a"); }

 private:
  UniqueFd socket_;
};

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
  RawClient raw(server.port());
  driver.settle();
  raw.send(RawClient::hello() + RawClient::frame(1, 5, 1, "\x82\x84\x86\x41\x01" "a"));
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
  RawClient raw(server.port());
  driver.settle();
  raw.send(RawClient::hello() + RawClient::post(1));
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

TEST(Http2Wire, ResetsAStreamThatBreaksTheProtocol) {
  Driver driver;
  std::optional<AbortReason> reason;
  LoopbackServer server(driver.loop(), [&](ServerStream&) {
    auto handler = std::make_unique<Script>(driver);
    handler->abort = [&](AbortReason why) { reason = why; };
    return handler;
  });
  RawClient raw(server.port());
  driver.settle();

  // A WINDOW_UPDATE of nothing is an error of its stream (RFC 9113 6.9).
  raw.send(RawClient::hello() + RawClient::post(1) +
           RawClient::frame(8, 0, 1, std::string(4, '\0')));

  ASSERT_TRUE(driver.until([&] { return reason.has_value(); }));
  EXPECT_EQ(reason, AbortReason::ProtocolError);
}

}  // namespace
}  // namespace pixell::net
