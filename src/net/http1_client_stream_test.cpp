#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>

#include "net/reply.hpp"
#include "net/testing/http1_client_fixture.hpp"

// A stream of HttpClient over HTTP/1 while both sides of the exchange run: an answer that comes
// early, resets, and who is held back by whom.

namespace pixell::net {
namespace {

using namespace fixture;

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
      void on_head(ResponseHead&) override {
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
