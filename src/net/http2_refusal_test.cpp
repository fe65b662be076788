#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/limits.hpp"
#include "net/testing/http2_fixture.hpp"
#include "net/testing/raw_http2_client.hpp"

// What HTTP/2 refuses: heads over the limits, rapid resets, frames that break the protocol.

namespace pixell::net {
namespace {

using namespace fixture;

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

  ASSERT_TRUE(driver.until(
      [&] { return answers[0].is_over() && answers[1].is_over() && answers[2].is_over(); }));
  EXPECT_EQ(answers[0].status(), 431);
  EXPECT_EQ(answers[1].status(), 431);
  EXPECT_EQ(answers[2].status(), 414);
  EXPECT_EQ(served, 0);
}

TEST_F(Http2, RefusesWhatHttp1CouldNotSay) {
  int served = 0;
  serve([&](ServerStream&) {
    ++served;
    return script();
  });
  RequestHead user = request("GET", "/");
  user.authority = "user@test";
  Answer answers[2] = {Answer(driver), Answer(driver)};

  open(request("GET", "/path#part"), answers[0]).finish();
  open(user, answers[1]).finish();

  ASSERT_TRUE(driver.until([&] { return answers[0].is_over() && answers[1].is_over(); }));
  EXPECT_EQ(answers[0].status(), 400);
  EXPECT_EQ(answers[1].status(), 400);
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

TEST(Http2Wire, ResetsAStreamThatBreaksTheProtocol) {
  Driver driver;
  std::optional<AbortReason> reason;
  LoopbackServer server(driver.loop(), [&](ServerStream&) {
    auto handler = std::make_unique<Script>(driver);
    handler->abort = [&](AbortReason why) { reason = why; };
    return handler;
  });
  RawHttp2Client raw(server.port());
  driver.settle();

  // A WINDOW_UPDATE of nothing is an error of its stream (RFC 9113 6.9).
  raw.send(RawHttp2Client::hello() + RawHttp2Client::post(1) +
           RawHttp2Client::frame(8, 0, 1, std::string(4, '\0')));

  ASSERT_TRUE(driver.until([&] { return reason.has_value(); }));
  EXPECT_EQ(reason, AbortReason::ProtocolError);
}

}  // namespace
}  // namespace pixell::net
