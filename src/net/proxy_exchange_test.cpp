#include "net/proxy_exchange.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "net/limits.hpp"
#include "net/reply.hpp"
#include "net/testing/wire_fixture.hpp"

namespace pixell::net {
namespace {

using namespace fixture;

constexpr std::size_t kBig = 10 * 1024 * 1024;
/// What two hops may hold when the reader stops: queues, windows, socket buffers of loopback.
constexpr std::size_t kInFlight = 16 * 1024 * 1024;

/// client ──▶ front server ──proxy()──▶ upstream server, all on one loop.
class ProxyFixture : public ::testing::Test {
 protected:
  void start(FunctionService::Function upstream) {
    upstream_ = std::make_unique<LoopbackServer>(driver.loop(), std::move(upstream));
    start_front(upstream_->address());
  }
  void start_front(Address upstream) {
    front_ = std::make_unique<LoopbackServer>(
        driver.loop(), [this, upstream](ServerStream& stream) {
          ProxyPlan plan;
          plan.upstream = upstream;
          plan.protocol = upstream_protocol;
          plan.head = stream.request();
          if (!plan.head.is_upgrade()) remove_hop_by_hop(plan.head.headers);
          plan.on_reply_head = [](ResponseHead& head) { head.headers.set("x-hop", "front"); };
          plan.on_upstream_failure = on_failure;
          plan.on_done = [this](const ProxyOutcome& outcome) {
            outcomes.push_back(outcome);
            driver.changed();
          };
          return proxy(driver.loop(), proxy_client, stream, std::move(plan));
        });
  }
  ClientStream& open(const RequestHead& head, Answer& answer) {
    return client.open(front_->address(), front_protocol, head, answer);
  }
  std::unique_ptr<Script> script() { return std::make_unique<Script>(driver); }
  FunctionService::Function echo() {
    return [this](ServerStream& stream) {
      auto handler = script();
      stream.send_head({}, false);
      handler->data = [s = &stream](std::string_view bytes) {
        if (!s->send_data(bytes)) s->pause();
      };
      handler->writable = [s = &stream] { s->resume(); };
      handler->end = [s = &stream](const Headers&) { s->finish(); };
      return handler;
    };
  }
  /// Waits for the end of the exchange; a second on_done would be a second outcome.
  bool is_done() {
    const bool done = driver.until([&] { return !outcomes.empty(); });
    driver.settle();
    return done && outcomes.size() == 1;
  }

  Driver driver;
  Protocol front_protocol = Protocol::Http1;
  Protocol upstream_protocol = Protocol::Http1;
  std::function<void(ServerStream&, AbortReason, bool)> on_failure;
  std::vector<ProxyOutcome> outcomes;
  std::unique_ptr<LoopbackServer> upstream_;
  HttpClient proxy_client{driver.loop()};
  std::unique_ptr<LoopbackServer> front_;
  HttpClient client{driver.loop()};
};

/// All four pairs of protocols.
class ProxyPair : public ProxyFixture,
                  public ::testing::WithParamInterface<std::tuple<Protocol, Protocol>> {
 protected:
  ProxyPair() { std::tie(front_protocol, upstream_protocol) = GetParam(); }
};

std::string pair_name(const ::testing::TestParamInfo<std::tuple<Protocol, Protocol>>& info) {
  const auto digit = [](Protocol protocol) { return protocol == Protocol::Http1 ? "1" : "2"; };
  return std::string("Http") + digit(std::get<0>(info.param)) + "ToHttp" +
         digit(std::get<1>(info.param));
}
INSTANTIATE_TEST_SUITE_P(All, ProxyPair,
                         ::testing::Combine(::testing::Values(Protocol::Http1, Protocol::Http2),
                                            ::testing::Values(Protocol::Http1, Protocol::Http2)),
                         pair_name);

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

TEST_P(ProxyPair, ResetsTheUpstreamWhenTheClientGoesAway) {
  std::optional<AbortReason> upstream_reason;
  start([&](ServerStream& stream) {
    stream.send_head({}, false);
    stream.send_data("first");
    auto handler = script();
    handler->abort = [&](AbortReason reason) { upstream_reason = reason; };
    return handler;
  });
  Answer answer(driver);

  ClientStream& stream = open(request("GET", "/"), answer);
  stream.finish();
  ASSERT_TRUE(driver.until([&] { return answer.size > 0; }));
  stream.reset(ResetCode::Cancel);

  ASSERT_TRUE(driver.until([&] { return upstream_reason.has_value(); }));
  ASSERT_TRUE(is_done());
  EXPECT_TRUE(outcomes[0].client_gone);
  EXPECT_EQ(outcomes[0].reason, AbortReason::PeerClosed);
  EXPECT_FALSE(outcomes[0].upstream_failed);
  EXPECT_EQ(front_->server().active_streams(), 0u);
}

TEST_P(ProxyPair, CutsTheReplyWhenTheUpstreamBreaksOff) {
  start([&](ServerStream& stream) {
    stream.send_head({}, false);
    stream.send_data("first");
    driver.loop().post([&] { driver.changed(); });
    return script();
  });
  Answer answer(driver);

  open(request("GET", "/"), answer).finish();
  ASSERT_TRUE(driver.until([&] { return answer.size > 0; }));
  upstream_->server().close_all();

  ASSERT_TRUE(driver.until([&] { return answer.is_over(); }));
  ASSERT_TRUE(is_done());
  EXPECT_FALSE(answer.ended);
  EXPECT_EQ(answer.reason, AbortReason::PeerClosed);
  EXPECT_TRUE(outcomes[0].upstream_failed);
  EXPECT_EQ(outcomes[0].status, 200);
}

TEST_P(ProxyPair, AnswersForAnUpstreamThatRefuses) {
  start([&](ServerStream&) { return script(); });
  upstream_.reset();
  std::optional<AbortReason> reason;
  bool sent = true;
  on_failure = [&](ServerStream& stream, AbortReason why, bool was_sent) {
    reason = why;
    sent = was_sent;
    send_problem(stream, 503, "no target");
  };
  Answer answer(driver);

  ClientStream& stream = open(request("POST", "/"), answer);
  stream.send_data("body");
  stream.finish();

  ASSERT_TRUE(driver.until([&] { return answer.is_over(); }));
  ASSERT_TRUE(is_done());
  EXPECT_EQ(answer.status(), 503);
  EXPECT_EQ(reason, AbortReason::Refused);
  EXPECT_FALSE(sent);
  EXPECT_TRUE(outcomes[0].upstream_failed);
  EXPECT_EQ(outcomes[0].status, 503);
  EXPECT_EQ(outcomes[0].bytes_out, answer.size);
}

TEST_P(ProxyPair, AnswersForAnUpstreamThatDiesBeforeItsHead) {
  start([&](ServerStream&) {
    driver.loop().post([&] { upstream_->server().close_all(); });
    return script();
  });
  Answer answer(driver);

  open(request("POST", "/"), answer).finish();

  ASSERT_TRUE(driver.until([&] { return answer.is_over(); }));
  ASSERT_TRUE(is_done());
  EXPECT_EQ(answer.status(), 502);
  EXPECT_TRUE(outcomes[0].upstream_failed);
  EXPECT_EQ(outcomes[0].reason, AbortReason::PeerClosed);
}

TEST_P(ProxyPair, TriesAgainWhenAReusedConnectionDiedUnused) {
  int served = 0;
  start([&](ServerStream& stream) -> std::unique_ptr<StreamHandler> {
    if (++served == 2) {
      driver.loop().post([&] { upstream_->server().close_all(); });
      return script();
    }
    send_json(stream, 200, "{}");
    return ignore_body();
  });
  Answer first(driver);
  Answer second(driver);

  open(request("GET", "/"), first).finish();
  ASSERT_TRUE(driver.until([&] { return first.is_over(); }));
  ASSERT_TRUE(is_done());
  open(request("GET", "/"), second).finish();

  ASSERT_TRUE(driver.until([&] { return second.is_over(); }));
  EXPECT_EQ(second.status(), 200);
  EXPECT_EQ(served, 3);
}

TEST_P(ProxyPair, DoesNotRepeatWhatMayHaveBeenDone) {
  int served = 0;
  start([&](ServerStream& stream) -> std::unique_ptr<StreamHandler> {
    if (++served == 2) {
      driver.loop().post([&] { upstream_->server().close_all(); });
      return script();
    }
    send_json(stream, 200, "{}");
    return ignore_body();
  });
  Answer first(driver);
  Answer second(driver);

  open(request("GET", "/"), first).finish();
  ASSERT_TRUE(driver.until([&] { return first.is_over(); }));
  ASSERT_TRUE(is_done());
  open(request("POST", "/"), second).finish();

  ASSERT_TRUE(driver.until([&] { return second.is_over(); }));
  EXPECT_EQ(second.status(), 502);
  EXPECT_EQ(served, 2);
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

TEST_P(ProxyPair, EndsWhenTheFrontServerIsDestroyed) {
  std::optional<AbortReason> upstream_reason;
  start([&](ServerStream& stream) {
    stream.send_head({}, false);
    stream.send_data("first");
    auto handler = script();
    handler->abort = [&](AbortReason reason) { upstream_reason = reason; };
    return handler;
  });
  Answer answer(driver);

  open(request("GET", "/"), answer).finish();
  ASSERT_TRUE(driver.until([&] { return answer.size > 0; }));
  front_.reset();

  ASSERT_TRUE(driver.until([&] { return upstream_reason && answer.is_over(); }));
  ASSERT_TRUE(is_done());
  EXPECT_EQ(outcomes[0].reason, AbortReason::Shutdown);
}

TEST_F(ProxyFixture, SendsARefusedStreamAgainWithItsBody) {
  upstream_protocol = Protocol::Http2;
  int served = 0;
  std::string body;
  start([&](ServerStream& stream) -> std::unique_ptr<StreamHandler> {
    if (++served == 1) {
      stream.reset(ResetCode::RefusedStream);
      return ignore_body();
    }
    auto handler = script();
    handler->data = [&](std::string_view bytes) { body += bytes; };
    handler->end = [s = &stream](const Headers&) { send_json(*s, 200, "{}"); };
    return handler;
  });
  Answer answer(driver);

  ClientStream& stream = open(request("POST", "/"), answer);
  stream.send_data("small body");
  stream.finish();

  ASSERT_TRUE(driver.until([&] { return answer.is_over(); }));
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(body, "small body");
  EXPECT_EQ(served, 2);
}

TEST_F(ProxyFixture, TunnelsAnUpgrade) {
  std::string upgrade;
  start([&](ServerStream& stream) {
    upgrade = std::string(stream.request().headers.get("upgrade").value_or(""));
    ResponseHead head{.status = 101, .headers = {}};
    head.headers.add("connection", "upgrade");
    head.headers.add("upgrade", "echo");
    stream.send_head(head, false);
    auto handler = script();
    handler->data = [s = &stream](std::string_view bytes) {
      s->send_data("<");
      s->send_data(bytes);
      s->send_data(">");
    };
    handler->end = [s = &stream](const Headers&) { s->finish(); };
    return handler;
  });
  RequestHead head = request("GET", "/socket");
  head.headers.add("connection", "upgrade");
  head.headers.add("upgrade", "echo");
  Answer answer(driver);

  ClientStream& stream = open(head, answer);
  ASSERT_TRUE(driver.until([&] { return answer.status() == 101; }));
  stream.send_data("one");
  ASSERT_TRUE(driver.until([&] { return answer.body == "<one>"; }));
  stream.send_data("two");
  ASSERT_TRUE(driver.until([&] { return answer.body == "<one><two>"; }));
  stream.finish();

  ASSERT_TRUE(driver.until([&] { return answer.is_over(); }));
  ASSERT_TRUE(is_done());
  EXPECT_EQ(upgrade, "echo");
  EXPECT_TRUE(answer.ended);
  EXPECT_EQ(answer.head->headers.get("upgrade"), "echo");
  EXPECT_EQ(outcomes[0].status, 101);
  EXPECT_FALSE(outcomes[0].client_gone);
}

TEST_F(ProxyFixture, EndsATunnelThatTheUpstreamCloses) {
  start([&](ServerStream& stream) {
    ResponseHead head{.status = 101, .headers = {}};
    head.headers.add("connection", "upgrade");
    head.headers.add("upgrade", "echo");
    stream.send_head(head, false);
    stream.send_data("bye");
    stream.finish();
    return script();
  });
  RequestHead head = request("GET", "/socket");
  head.headers.add("connection", "upgrade");
  head.headers.add("upgrade", "echo");
  Answer answer(driver);

  ClientStream& stream = open(head, answer);
  ASSERT_TRUE(driver.until([&] { return answer.is_over(); }));
  stream.finish();

  ASSERT_TRUE(is_done());
  EXPECT_EQ(answer.body, "bye");
  EXPECT_TRUE(answer.ended);
  EXPECT_FALSE(outcomes[0].upstream_failed);
}

TEST_F(ProxyFixture, EndsABrokenGrpcCallWithAStatus) {
  front_protocol = upstream_protocol = Protocol::Http2;
  start([&](ServerStream& stream) {
    ResponseHead head;
    head.headers.add("content-type", "application/grpc");
    stream.send_head(head, false);
    stream.send_data("part");
    return script();
  });
  RequestHead head = request("POST", "/pkg.Service/Call");
  head.headers.add("content-type", "application/grpc");
  Answer answer(driver);

  open(head, answer).send_data("x");
  ASSERT_TRUE(driver.until([&] { return answer.size > 0; }));
  upstream_->server().close_all();

  ASSERT_TRUE(driver.until([&] { return answer.is_over(); }));
  ASSERT_TRUE(is_done());
  EXPECT_TRUE(answer.ended);
  EXPECT_EQ(answer.trailers.get("grpc-status"), "14");
  EXPECT_TRUE(outcomes[0].upstream_failed);
}

TEST_F(ProxyFixture, AnswersAGrpcCallThatFindsNobody) {
  front_protocol = upstream_protocol = Protocol::Http2;
  start([&](ServerStream&) { return script(); });
  upstream_.reset();
  RequestHead head = request("POST", "/pkg.Service/Call");
  head.headers.add("content-type", "application/grpc");
  Answer answer(driver);

  open(head, answer).send_data("x");

  ASSERT_TRUE(driver.until([&] { return answer.is_over(); }));
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.head->headers.get("grpc-status"), "14");
}

}  // namespace
}  // namespace pixell::net
