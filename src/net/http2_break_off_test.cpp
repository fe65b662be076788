#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/reply.hpp"
#include "net/testing/http2_fixture.hpp"

// Streams and connections of HTTP/2 that end early: resets, drains, servers that close or are not
// there.

namespace pixell::net {
namespace {

using namespace fixture;

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

TEST_F(Http2, SurvivesHandlersThatEndEverythingInTheirCallbacks) {
  serve([&](ServerStream&) {
    auto handler = script();
    handler->data = [&](std::string_view) { server_->server().close_all(); };
    return handler;
  });
  Answer answers[3] = {Answer(driver), Answer(driver), Answer(driver)};

  for (Answer& answer : answers) open(request("POST", "/"), answer).send_data("x");

  ASSERT_TRUE(driver.until(
      [&] { return answers[0].is_over() && answers[1].is_over() && answers[2].is_over(); }));
  EXPECT_EQ(server_->server().connections(), 0u);
}

}  // namespace
}  // namespace pixell::net
