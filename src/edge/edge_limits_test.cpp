#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include "base/ids.hpp"
#include "edge/testing/edge_fixture.hpp"

// Limits, fields and mirrors in a running edge.

namespace pixell::edge {
namespace {

/// Blocks nobody's loop: a backend's handler that answers when the test says so.
class Gate {
 public:
  testing::Backend::Answer hold() {
    return [this](net::ServerStream&) {
      std::lock_guard lock(mutex_);
      ++held_;
      changed_.notify_all();
    };
  }
  bool wait_for(int held) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(10), [&] { return held_ >= held; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int held_ = 0;
};

class EdgeLimitsTest : public testing::EdgeTest {
 protected:
  void publish_with(model::Routing routing, std::vector<model::RouteLeg> more = {}) {
    std::vector<model::RouteLeg> legs = {testing::leg(1, 1000, {unix_address("a.sock")})};
    legs.insert(legs.end(), more.begin(), more.end());
    model::Route route = testing::hello(std::move(legs));
    route.routing = std::move(routing);
    publish(std::move(route));
  }
  /// A request that ends with its edge; what it is answered is of no interest.
  std::thread ask_in_background() {
    return std::thread([url = "http://127.0.0.1:" + std::to_string(port_) + "/agents/hello/slow"] {
      [[maybe_unused]] const auto reply = net::fetch({.url = url});
    });
  }
  nlohmann::json state() { return body(get("/v1/edge/explain?url=/agents/hello/"))["state"]; }
  /// Asks for the state until `is_reached` of it.
  template <class IsReached>
  bool reaches(IsReached is_reached) {
    const Instant late = system_clock().now() + std::chrono::seconds(10);
    while (!is_reached(state()))
      if (system_clock().now() > late) return false;
    return true;
  }
};

TEST_F(EdgeLimitsTest, RefusesWhatIsOverTheRateAndSaysWhenToCome) {
  testing::Backend backend("a", directory_ / "a.sock");
  publish_with({.limits = {.requests_per_second = 1, .burst = 2}});
  EXPECT_EQ(get("/agents/hello/").status, 200);
  EXPECT_EQ(get("/agents/hello/").status, 200);
  const auto refused = get("/agents/hello/");

  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.header("retry-after"), "1");
  EXPECT_NE(body(refused)["detail"].get<std::string>().find("1 requests per second"),
            std::string::npos);
  EXPECT_EQ(get("/agents/hello/health").status, 200);
  EXPECT_EQ(state()["refused"]["rate"], 2);  // the health check was counted, and let in

  publish_with({});
  EXPECT_EQ(get("/agents/hello/").status, 200);
}

TEST_F(EdgeLimitsTest, RefusesWhatIsOverTheConcurrencyOnAllLoops) {
  Gate gate;
  testing::Backend backend("a", directory_ / "a.sock", gate.hold());
  publish_with({.limits = {.max_concurrent = 1}});
  std::thread first = ask_in_background();
  ASSERT_TRUE(gate.wait_for(1));
  for (int i = 0; i < 8; ++i) EXPECT_EQ(get("/agents/hello/").status, 429);
  EXPECT_EQ(state()["under_way"], 1);
  edge_->stop();
  first.join();
}

TEST_F(EdgeLimitsTest, RefusesABodyThatIsTooLong) {
  testing::Backend backend("a", directory_ / "a.sock");
  publish_with({.limits = {.max_body_bytes = 5}});
  EXPECT_EQ(get("/agents/hello/", {}, "GET").status, 200);
  const auto refused =
      net::fetch({.method = "POST",
                  .url = "http://127.0.0.1:" + std::to_string(port_) + "/agents/hello/api",
                  .body = "123456",
                  .timeout = Millis(5000)});

  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 413);
  EXPECT_NE(refused->body.find("at most 5 bytes (limits.max_body_bytes)"), std::string::npos);
}

TEST_F(EdgeLimitsTest, EndsAWaitForAReplyByTheTimeoutOfItsSurface) {
  Gate gate;
  testing::Backend backend("a", directory_ / "a.sock", gate.hold());
  publish_with({.limits = {.timeouts = {.rest_ms = 50}}});
  const auto late = get("/agents/hello/api/slow");

  EXPECT_EQ(late.status, 504);
  EXPECT_EQ(late.header("x-pixell-revision"), "1");
  EXPECT_NE(late.body.find("within 50 ms (limits.timeouts)"), std::string::npos);
}

TEST_F(EdgeLimitsTest, ShedsWhatIsOverTheExchangesOfALoop) {
  edge_.reset();
  settings_ = {.threads = 1, .overload = {.max_exchanges = 1}};
  ASSERT_NO_FATAL_FAILURE(start_edge());
  Gate gate;
  testing::Backend backend("a", directory_ / "a.sock", [&](net::ServerStream& stream) {
    if (stream.request().path().ends_with("/health")) return net::send_reply(stream, 200, "", "");
    gate.hold()(stream);
  });
  publish_with({});
  std::thread first = ask_in_background();
  ASSERT_TRUE(gate.wait_for(1));
  const auto shed = get("/agents/hello/");

  EXPECT_EQ(shed.status, 503);
  EXPECT_EQ(shed.header("retry-after"), "1");
  EXPECT_NE(shed.body.find("--max-exchanges"), std::string::npos);
  EXPECT_EQ(get("/agents/hello/health").status, 200);
  EXPECT_EQ(get("/agents").status, 200);
  EXPECT_EQ(body(get("/v1/edge/explain?url=/"))["load"]["shed"]["exchanges"], 2);
  edge_->stop();
  first.join();
}

TEST_F(EdgeLimitsTest, TellsTheAgentWhoAsks) {
  std::mutex mutex;
  net::RequestHead seen;
  testing::Backend backend("a", directory_ / "a.sock", [&](net::ServerStream& stream) {
    {
      std::lock_guard lock(mutex);
      seen = stream.request();
    }
    net::send_reply(stream, 200, "", "");
  });
  publish_with({});
  get("/agents/hello/",
      {{"X-Forwarded-For", "1.1.1.1"},
       {"X-Real-IP", "1.1.1.1"},
       {"X-Pixell-Mirror", "1"},
       {"Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}});

  std::lock_guard lock(mutex);
  const std::string host = "127.0.0.1:" + std::to_string(port_);
  EXPECT_EQ(seen.headers.get("x-forwarded-for"), "127.0.0.1");
  EXPECT_EQ(seen.headers.get("x-forwarded-host"), host);
  EXPECT_EQ(seen.headers.get("x-forwarded-port"), std::to_string(port_));
  EXPECT_EQ(seen.headers.get("forwarded"), "for=127.0.0.1;proto=http;host=\"" + host + "\"");
  EXPECT_FALSE(seen.headers.has("x-real-ip"));
  EXPECT_FALSE(seen.headers.has("x-pixell-mirror"));
  EXPECT_TRUE(is_ulid(seen.headers.get("x-request-id").value_or("")));
  EXPECT_EQ(seen.headers.get("traceparent"),
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
}

TEST_F(EdgeLimitsTest, MirrorsRequestsAndComparesTheReplies) {
  testing::Backend backend("a", directory_ / "a.sock",
                           [](net::ServerStream& s) { net::send_reply(s, 200, "", "same"); });
  std::atomic<bool> is_marked{false};
  testing::Backend mirror("b", directory_ / "b.sock", [&](net::ServerStream& stream) {
    is_marked = stream.request().headers.get("x-pixell-mirror") == "1";
    const bool is_same = stream.request().path().ends_with("/same");
    net::send_reply(stream, is_same ? 200 : 500, "", "same");
  });
  publish_with({.mirror = {.revision = 2, .permille = 1000}},
               {testing::leg(2, 0, {unix_address("b.sock")}, "shadow")});
  EXPECT_EQ(get("/agents/hello/same").status, 200);
  EXPECT_EQ(get("/agents/hello/other").status, 200);

  EXPECT_TRUE(reaches([](const nlohmann::json& now) {
    return now["mirror"]["same"] == 1 && now["mirror"]["differs"]["status"] == 1;
  })) << state();
  EXPECT_TRUE(is_marked);
  EXPECT_EQ(state()["mirror"]["mirrored"], 2);
}

TEST_F(EdgeLimitsTest, AnswersThoughTheMirrorIsNotThere) {
  testing::Backend backend("a", directory_ / "a.sock");
  publish_with({.mirror = {.revision = 2, .permille = 1000}},
               {testing::leg(2, 0, {unix_address("nobody.sock")}, "shadow")});
  EXPECT_EQ(get("/agents/hello/x").status, 200);

  EXPECT_TRUE(reaches([](const nlohmann::json& now) { return now["mirror"]["failed"] == 1; }));
}

}  // namespace
}  // namespace pixell::edge
