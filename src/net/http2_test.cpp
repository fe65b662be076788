#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/reply.hpp"
#include "net/testing/http2_fixture.hpp"

// Requests and answers over HTTP/2, from client to server and back.

namespace pixell::net {
namespace {

using namespace fixture;

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

}  // namespace
}  // namespace pixell::net
