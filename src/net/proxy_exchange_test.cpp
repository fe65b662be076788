#include "net/proxy_exchange.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "net/grpc.hpp"
#include "net/reply.hpp"
#include "net/testing/proxy_fixture.hpp"

// Requests and replies through proxy(), whatever is spoken on either side.

namespace pixell::net {
namespace {

using namespace fixture;

constexpr std::size_t kBig = 10 * 1024 * 1024;
/// What two hops may hold when the reader stops: queues, windows, socket buffers of loopback.
constexpr std::size_t kInFlight = 16 * 1024 * 1024;

std::string pair_name(const ::testing::TestParamInfo<std::tuple<Protocol, Protocol>>& info) {
  const auto digit = [](Protocol protocol) { return protocol == Protocol::Http1 ? "1" : "2"; };
  return std::string("Http") + digit(std::get<0>(info.param)) + "ToHttp" +
         digit(std::get<1>(info.param));
}
INSTANTIATE_TEST_SUITE_P(All, ProxyPair,
                         ::testing::Combine(::testing::Values(Protocol::Http1, Protocol::Http2),
                                            ::testing::Values(Protocol::Http1, Protocol::Http2)),
                         pair_name);

TEST_F(ProxyFixture, TellsTheStatusOfAGrpcCallFromItsTrailers) {
  front_protocol = upstream_protocol = Protocol::Http2;
  start([&](ServerStream& stream) {
    auto handler = script();
    handler->end = [s = &stream](const Headers&) {
      s->send_head({}, false);
      s->finish(grpc_trailers(ErrorCode::Internal, "broken"));
    };
    return handler;
  });
  RequestHead head = request("POST", "/service/Method");
  head.headers.add("content-type", "application/grpc");
  Answer answer(driver);

  open(head, answer).finish();

  ASSERT_TRUE(is_done());
  EXPECT_TRUE(outcomes[0].has_replied);
  EXPECT_EQ(outcomes[0].grpc_status, static_cast<int>(ErrorCode::Internal));
}

TEST_F(ProxyFixture, TellsTheStatusOfAGrpcCallThatIsTrailersOnly) {
  front_protocol = upstream_protocol = Protocol::Http2;
  start([&](ServerStream& stream) {
    auto handler = script();
    handler->end = [s = &stream](const Headers&) {
      send_grpc_status(*s, ErrorCode::Unavailable, "starting");
    };
    return handler;
  });
  RequestHead head = request("POST", "/service/Method");
  head.headers.add("content-type", "application/grpc");
  Answer answer(driver);

  open(head, answer).finish();

  ASSERT_TRUE(is_done());
  EXPECT_EQ(outcomes[0].grpc_status, static_cast<int>(ErrorCode::Unavailable));
}

TEST_P(ProxyPair, ForwardsARequestAndItsReply) {
  RequestHead seen;
  std::string body;
  start([&](ServerStream& stream) {
    seen = stream.request();
    auto handler = script();
    handler->data = [&body](std::string_view bytes) { body += bytes; };
    handler->end = [s = &stream](const Headers&) {
      ResponseHead early{.status = 103, .headers = {}};
      early.headers.add("link", "</a>");
      s->send_informational(early);
      ResponseHead head{.status = 201, .headers = {}};
      head.headers.add("x-upstream", "yes");
      s->send_head(head, false);
      s->send_data("reply");
      Headers trailers;
      trailers.add("x-sum", "5");
      s->finish(trailers);
    };
    return handler;
  });
  RequestHead head = request("POST", "/path?q=1");
  head.headers.add("x-client", "c");
  head.headers.add("te", "trailers");
  Answer answer(driver);

  ClientStream& stream = open(head, answer);
  stream.send_data("some ");
  stream.send_data("body");
  stream.finish();

  ASSERT_TRUE(driver.until([&] { return answer.is_over(); }));
  ASSERT_TRUE(is_done());
  EXPECT_EQ(seen.method, "POST");
  EXPECT_EQ(seen.target, "/path?q=1");
  EXPECT_EQ(seen.authority, "test");
  EXPECT_EQ(seen.headers.get("x-client"), "c");
  EXPECT_EQ(body, "some body");
  EXPECT_EQ(answer.informational, std::vector<int>{103});
  EXPECT_EQ(answer.status(), 201);
  EXPECT_EQ(answer.head->headers.get("x-upstream"), "yes");
  EXPECT_EQ(answer.head->headers.get("x-hop"), "front");
  EXPECT_EQ(answer.body, "reply");
  EXPECT_EQ(answer.trailers.get("x-sum"), "5");
  EXPECT_EQ(outcomes[0].status, 201);
  EXPECT_EQ(outcomes[0].bytes_in, 9u);
  EXPECT_EQ(outcomes[0].bytes_out, 5u);
  EXPECT_FALSE(outcomes[0].client_gone);
  EXPECT_FALSE(outcomes[0].upstream_failed);
}

TEST_P(ProxyPair, CarriesMuchBothWaysAtOnce) {
  const std::string text = pattern(kBig);
  start(echo());
  Answer answer(driver);

  Pump pump(open(request("POST", "/"), answer), text);
  answer.writable = [&] { pump.run(); };
  pump.run();

  ASSERT_TRUE(driver.until([&] { return answer.is_over(); }));
  ASSERT_TRUE(is_done());
  EXPECT_TRUE(answer.body == text);
  EXPECT_EQ(outcomes[0].bytes_in, kBig);
  EXPECT_EQ(outcomes[0].bytes_out, kBig);
}

TEST_P(ProxyPair, HoldsTheUpstreamBackForASlowClient) {
  const std::string text = pattern(4 * kBig);
  std::unique_ptr<Pump> pump;
  start([&](ServerStream& stream) {
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
  ASSERT_TRUE(driver.until([&] { return pump != nullptr && pump->sent() > 0; }));
  for (int i = 0; i < 50; ++i) driver.settle();
  const std::size_t sent = pump->sent();
  stream.resume();

  ASSERT_TRUE(driver.until([&] { return answer.is_over(); }));
  EXPECT_LE(sent, kInFlight);
  EXPECT_TRUE(answer.body == text);
}

TEST_P(ProxyPair, HoldsTheClientBackForASlowUpstream) {
  const std::string text = pattern(4 * kBig);
  std::string got;
  ServerStream* upstream = nullptr;
  start([&](ServerStream& stream) {
    upstream = &stream;
    stream.pause();
    auto handler = script();
    handler->data = [&got](std::string_view bytes) { got += bytes; };
    handler->end = [s = &stream](const Headers&) { send_json(*s, 200, "{}"); };
    driver.loop().post([&] { driver.changed(); });
    return handler;
  });
  Answer answer(driver);

  Pump pump(open(request("POST", "/"), answer), text);
  answer.writable = [&] { pump.run(); };
  pump.run();
  ASSERT_TRUE(driver.until([&] { return upstream != nullptr; }));
  for (int i = 0; i < 50; ++i) driver.settle();
  const std::size_t sent = pump.sent();
  upstream->resume();

  ASSERT_TRUE(driver.until([&] { return answer.is_over(); }));
  EXPECT_LE(sent, kInFlight);
  EXPECT_TRUE(got == text);
  EXPECT_EQ(answer.status(), 200);
}

TEST_P(ProxyPair, KeepsAHeadReplyWithoutBody) {
  start([&](ServerStream& stream) {
    ResponseHead head;
    head.headers.add("content-length", "1234");
    stream.send_head(head, true);
    return ignore_body();
  });
  Answer answer(driver);
  Answer next(driver);

  open(request("HEAD", "/"), answer).finish();
  ASSERT_TRUE(driver.until([&] { return answer.is_over(); }));
  ASSERT_TRUE(is_done());
  open(request("HEAD", "/"), next).finish();

  ASSERT_TRUE(driver.until([&] { return next.is_over(); }));
  EXPECT_EQ(answer.head->headers.get("content-length"), "1234");
  EXPECT_TRUE(answer.ended);
  EXPECT_EQ(answer.size, 0u);
  EXPECT_TRUE(next.ended);
}

TEST_P(ProxyPair, PassesAReplyThatComesBeforeTheEndOfTheRequest) {
  start([&](ServerStream& stream) {
    send_json(stream, 413, "\"too much\"");
    if (upstream_protocol == Protocol::Http2) stream.reset(ResetCode::NoError);
    return ignore_body();
  });
  Answer answer(driver);

  ClientStream& stream = open(request("POST", "/"), answer);
  stream.send_data("start");

  ASSERT_TRUE(driver.until([&] { return answer.is_over(); }));
  ASSERT_TRUE(is_done());
  EXPECT_EQ(answer.status(), 413);
  EXPECT_EQ(answer.body, "\"too much\"");
  EXPECT_TRUE(answer.ended);
  EXPECT_FALSE(outcomes[0].upstream_failed);
  EXPECT_FALSE(outcomes[0].client_gone);
}

}  // namespace
}  // namespace pixell::net
