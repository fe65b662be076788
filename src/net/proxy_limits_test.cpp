#include <gtest/gtest.h>

#include <string>

#include "net/testing/proxy_fixture.hpp"
#include "net/testing/raw_peer.hpp"

// What an exchange may take, and that nothing is taken from one without limits.

namespace pixell::net {
namespace {

using fixture::Answer;
using fixture::eventually;
using fixture::request;

struct HasClock {
  FakeClock clock;
};

class ProxyLimitsTest : public HasClock, public fixture::ProxyFixture {
 protected:
  ProxyLimitsTest() : ProxyFixture(clock) {
    on_failure = [this](ServerStream& stream, AbortReason reason, bool) {
      reasons.push_back(reason);
      send_problem(stream, reason == AbortReason::TooLarge ? 413 : 504, "over");
    };
  }
  /// An upstream that remembers its stream; the test answers.
  void start_silent() {
    start([this](ServerStream& stream) {
      upstream = &stream;
      auto handler = script();
      handler->data = [this](std::string_view bytes) { received += bytes; };
      handler->abort = [this](AbortReason) { is_upstream_reset = true; };
      return handler;
    });
  }
  ClientStream& get() {
    ClientStream& stream = open(request("GET", "/"), answer);
    stream.finish();
    EXPECT_TRUE(eventually(driver, [this] { return upstream != nullptr; }));
    return stream;
  }
  bool upstream_is_reset() {
    return eventually(driver, [this] {
      clock.advance(kHalfCloseGrace);  // a server waits a little for a peer that shut its side
      return is_upstream_reset;
    });
  }
  bool client_has(std::size_t bytes) {
    return eventually(driver, [&] { return answer.size >= bytes; });
  }
  void pass(Millis time) {
    clock.advance(time);
    driver.settle();
  }

  Answer answer{driver};
  ServerStream* upstream = nullptr;
  std::string received;
  bool is_upstream_reset = false;
  std::vector<AbortReason> reasons;
};

TEST_F(ProxyLimitsTest, EndsAWaitForTheReplysHead) {
  limits.time.reply = Millis(1'000);
  start_silent();
  get();
  pass(Millis(999));
  EXPECT_TRUE(outcomes.empty());
  pass(Millis(1));

  ASSERT_TRUE(eventually(driver, [this] { return answer.ended; }));
  EXPECT_EQ(answer.status(), 504);
  EXPECT_EQ(reasons, std::vector{AbortReason::Timeout});
  ASSERT_EQ(outcomes.size(), 1U);
  EXPECT_TRUE(outcomes[0].upstream_failed);
  EXPECT_TRUE(upstream_is_reset());
}

TEST_F(ProxyLimitsTest, LeavesAReplyTheTimeItTakes) {
  limits.time.reply = Millis(1'000);
  start_silent();
  get();
  upstream->send_head({}, false);
  upstream->send_data("a");
  ASSERT_TRUE(client_has(1));
  pass(Millis(3'600'000));
  upstream->send_data("b");
  upstream->finish();

  ASSERT_TRUE(eventually(driver, [this] { return answer.ended; }));
  EXPECT_EQ(answer.body, "ab");
}

TEST_F(ProxyLimitsTest, CutsWhatIsIdle) {
  limits.time.idle = Millis(1'000);
  start_silent();
  get();
  upstream->send_head({}, false);
  for (int i = 1; i <= 5; ++i) {
    upstream->send_data("x");
    ASSERT_TRUE(client_has(std::size_t(i)));
    pass(Millis(900));
  }
  EXPECT_TRUE(outcomes.empty());
  pass(Millis(100));

  ASSERT_TRUE(eventually(driver, [this] { return answer.reason.has_value(); }));
  ASSERT_EQ(outcomes.size(), 1U);
  EXPECT_EQ(outcomes[0].reason, AbortReason::Timeout);
  EXPECT_TRUE(upstream_is_reset());
}

TEST_F(ProxyLimitsTest, EndsACallAtItsDeadlineHoweverBusyItIs) {
  front_protocol = upstream_protocol = Protocol::Http2;
  limits.time.total = Millis(1'000);
  start_silent();
  RequestHead head = request("POST", "/service/method");
  head.headers.add("content-type", "application/grpc");
  open(head, answer).finish();
  ASSERT_TRUE(eventually(driver, [this] { return upstream != nullptr; }));
  upstream->send_head({}, false);
  for (int i = 1; i <= 10; ++i) {
    upstream->send_data("x");
    ASSERT_TRUE(client_has(std::size_t(i)));
    pass(Millis(100));
  }

  ASSERT_TRUE(eventually(driver, [this] { return answer.ended; }));
  EXPECT_EQ(answer.trailers.get("grpc-status"), "4");
  EXPECT_TRUE(eventually(driver, [this] { return is_upstream_reset; }));
}

TEST_F(ProxyLimitsTest, RefusesABodyThatGrowsTooLong) {
  limits.request_bytes = 10;
  start_silent();
  ClientStream& stream = open(request("POST", "/"), answer);
  stream.send_data("0123456789");
  ASSERT_TRUE(eventually(driver, [this] { return received.size() == 10; }));
  EXPECT_TRUE(outcomes.empty());
  stream.send_data("x");

  ASSERT_TRUE(eventually(driver, [this] { return answer.head.has_value(); }));
  EXPECT_EQ(answer.status(), 413);
  EXPECT_EQ(received, "0123456789");
  EXPECT_TRUE(outcomes[0].is_over_limit);
  EXPECT_FALSE(outcomes[0].upstream_failed);
  EXPECT_TRUE(upstream_is_reset());
}

TEST_F(ProxyLimitsTest, CutsABodyThatGrowsTooLongBehindTheReplysHead) {
  limits.request_bytes = 10;
  start_silent();
  ClientStream& stream = open(request("POST", "/"), answer);
  stream.send_data("01234");
  ASSERT_TRUE(eventually(driver, [this] { return received.size() == 5; }));
  upstream->send_head({}, false);
  upstream->send_data("y");
  ASSERT_TRUE(client_has(1));
  stream.send_data("0123456789");

  ASSERT_TRUE(eventually(driver, [this] { return answer.reason.has_value(); }));
  EXPECT_TRUE(reasons.empty());
  EXPECT_TRUE(upstream_is_reset());
}

// No hidden limit cuts a quiet exchange: neither before the reply nor within it, in any protocol.
class QuietExchange : public ProxyLimitsTest, public ::testing::WithParamInterface<Protocol> {};

TEST_P(QuietExchange, IsNotCutWithoutLimits) {
  front_protocol = upstream_protocol = GetParam();
  start_silent();
  get();
  // In steps, so that both sides of HTTP/2 answer the pings that look whether they are there.
  const auto be_quiet = [this] {
    for (int seconds = 0; seconds < 3'600; seconds += 15) {
      pass(Millis(15'000));
      pass(Millis(0));
    }
  };
  be_quiet();
  EXPECT_TRUE(outcomes.empty());
  upstream->send_head({}, false);
  upstream->send_data("a");
  ASSERT_TRUE(client_has(1));
  be_quiet();
  upstream->send_data("b");
  upstream->finish();

  ASSERT_TRUE(eventually(driver, [this] { return answer.ended; }));
  EXPECT_EQ(answer.body, "ab");
}

INSTANTIATE_TEST_SUITE_P(Protocols, QuietExchange,
                         ::testing::Values(Protocol::Http1, Protocol::Http2), [](const auto& row) {
                           return row.param == Protocol::Http1 ? "Http1" : "Http2";
                         });

/// Remembers what it is shown.
class Watcher final : public ProxyTap {
 public:
  void request_data(std::string_view bytes) override { seen.append("<").append(bytes); }
  void request_end(const Headers&) override { seen += "<end"; }
  void reply_head(const ResponseHead& head) override { seen += ">" + std::to_string(head.status); }
  void reply_data(std::string_view bytes) override { seen.append(">").append(bytes); }
  std::string seen;
};

TEST_F(ProxyLimitsTest, ShowsATapWhatPasses) {
  Watcher watcher;
  tap = &watcher;
  start_silent();
  ClientStream& stream = open(request("POST", "/"), answer);
  stream.send_data("body");
  stream.finish();
  ASSERT_TRUE(
      eventually(driver, [&] { return upstream != nullptr && watcher.seen == "<body<end"; }));
  upstream->send_head({}, false);
  upstream->send_data("reply");
  upstream->finish();

  ASSERT_TRUE(eventually(driver, [this] { return answer.ended; }));
  EXPECT_EQ(watcher.seen, "<body<end>200>reply");
}

}  // namespace
}  // namespace pixell::net
