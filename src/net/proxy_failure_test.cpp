#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "net/reply.hpp"
#include "net/testing/proxy_fixture.hpp"

// proxy() when one side breaks off or is not there: who is told, what the client gets instead, and
// when it is tried again.

namespace pixell::net {
namespace {

using namespace fixture;

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
  EXPECT_TRUE(outcomes[0].has_replied);
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
  EXPECT_FALSE(outcomes[0].has_replied);
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

TEST_P(ProxyPair, SaysThatAnEarlierTryWasSentWhenTheUpstreamIsGone) {
  std::optional<bool> was_sent;
  on_failure = [&](ServerStream& failed, AbortReason, bool sent) {
    was_sent = sent;
    send_json(failed, 502, "{}");
  };
  int served = 0;
  start([&](ServerStream& stream) -> std::unique_ptr<StreamHandler> {
    if (++served == 2) {
      driver.loop().post([&] { upstream_.reset(); });
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
  EXPECT_EQ(was_sent, true);
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
