#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <optional>
#include <thread>

#include "edge/limits.hpp"
#include "edge/testing/edge_fixture.hpp"
#include "model/health.hpp"
#include "net/grpc.hpp"
#include "net/testing/raw_peer.hpp"
#include "net/testing/wire_fixture.hpp"

// What becomes of requests whose target fails, is not ready, or is not there.

namespace pixell::edge {
namespace {

using namespace testing;
using ::testing::HasSubstr;
namespace fixture = net::fixture;

Backend::Answer says(int status, std::string_view mark = {}) {
  return [=](net::ServerStream& stream) {
    net::Headers more;
    if (!mark.empty()) more.add(mark, "worker");
    net::send_json(stream, status, R"({"detail":"by the agent"})", more);
  };
}

// Counts the requests, then answers, or breaks off.
Backend::Answer counts(std::atomic<int>& count, Backend::Answer answer = says(200)) {
  return [&count, answer = std::move(answer)](net::ServerStream& stream) {
    if (stream.request().path() != "/health") ++count;
    answer(stream);
  };
}

void breaks_off(net::ServerStream& stream) { stream.reset(net::ResetCode::InternalError); }

class EdgeTargets : public EdgeTest {
 protected:
  model::Route route_to(std::vector<std::string> sockets) {
    for (std::string& socket : sockets) socket = unix_address(socket);
    return hello({leg(1, 1000, sockets)});
  }
  int status_of(const std::string& method) { return get("/agents/hello/x", {}, method).status; }

  // A client has its reply a little before its request is over.
  void wait_until_none_runs() {
    wait_until([this] { return edge_->targets().outstanding == 0; });
  }
  static void wait_until(const std::function<bool()>& condition) {
    const Instant late = system_clock().now() + Millis(20'000);
    while (!condition()) {
      ASSERT_LT(system_clock().now(), late);
      std::this_thread::yield();
    }
  }

  std::atomic<int> first_ = 0;
  std::atomic<int> second_ = 0;
};

TEST_F(EdgeTargets, ShareTheRequestsThatRun) {
  Backend one("one", directory_ / "one.sock", counts(first_));
  Backend two("two", directory_ / "two.sock", counts(second_));
  publish(route_to({"one.sock", "two.sock"}));

  for (int i = 0; i < 100; ++i) ASSERT_EQ(status_of("GET"), 200);

  EXPECT_EQ(first_ + second_, 100);
  EXPECT_GT(first_, 20);
  EXPECT_GT(second_, 20);
  wait_until_none_runs();
  EXPECT_EQ(edge_->targets().targets, 2);
}

TEST_F(EdgeTargets, ThatRefuseLeaveAndEachRequestIsServedByTheOther) {
  Backend one("one", directory_ / "one.sock");
  publish(route_to({"one.sock", "nobody.sock"}));

  for (int i = 0; i < 50; ++i) ASSERT_EQ(status_of(i % 2 == 0 ? "GET" : "POST"), 200);

  EXPECT_EQ(edge_->targets().ejected, 1);
  EXPECT_GE(edge_->targets().ejections, 1);
  const auto instances = body(get("/v1/edge/explain?url=/agents/hello"))["legs"][0]["instances"];
  EXPECT_EQ(instances[0]["ejected"], false);
  EXPECT_EQ(instances[1]["ejected"], true);
  wait_until_none_runs();
}

TEST_F(EdgeTargets, ThatBreakOffLoseOnlyWhatMustNotBeRepeated) {
  Backend one("one", directory_ / "one.sock", counts(first_, breaks_off));
  Backend two("two", directory_ / "two.sock", counts(second_));
  publish(route_to({"one.sock", "two.sock"}));

  for (int i = 0; i < 20; ++i) ASSERT_EQ(status_of("GET"), 200);
  EXPECT_GE(first_, 1);
  EXPECT_EQ(second_, 20);
}

TEST_F(EdgeTargets, SeeARequestThatEndsItsTakerTwiceAtMost) {
  Backend one("one", directory_ / "one.sock", counts(first_, breaks_off));
  Backend two("two", directory_ / "two.sock", counts(first_, breaks_off));
  Backend three("three", directory_ / "three.sock", counts(first_, breaks_off));
  publish(route_to({"one.sock", "two.sock", "three.sock"}));

  EXPECT_EQ(status_of("GET"), 502);
  EXPECT_EQ(first_, kMaxLostTries);
  first_ = 0;
  EXPECT_EQ(status_of("POST"), 502);
  EXPECT_EQ(first_, 1);
}

TEST_F(EdgeTargets, ThatAreNotReadyPassEveryRequestOn) {
  Backend one("one", directory_ / "one.sock", counts(first_, says(503, model::kNotReadyHeader)));
  Backend two("two", directory_ / "two.sock", counts(second_));
  publish(route_to({"one.sock", "two.sock"}));

  for (int i = 0; i < 20; ++i) ASSERT_EQ(status_of(i % 2 == 0 ? "GET" : "POST"), 200);

  EXPECT_GE(first_, 1);
  EXPECT_EQ(second_, 20);
}

TEST_F(EdgeTargets, ThatLostTheAgentPassSafeRequestsOn) {
  Backend one("one", directory_ / "one.sock", counts(first_, says(502, model::kAgentLostHeader)));
  publish(route_to({"one.sock"}));
  const auto lost = get("/agents/hello/x", {}, "POST");
  EXPECT_EQ(lost.status, 502);
  EXPECT_THAT(lost.body, HasSubstr("by the agent"));
  EXPECT_EQ(lost.header(std::string(model::kAgentLostHeader)), std::nullopt);
  Backend two("two", directory_ / "two.sock", counts(second_));
  publish(route_to({"one.sock", "two.sock"}));

  for (int i = 0; i < 20; ++i) ASSERT_EQ(status_of("GET"), 200);
}

TEST_F(EdgeTargets, KeepTheirErrorsWhichAreTheAgentsAnswer) {
  Backend one("one", directory_ / "one.sock", counts(first_, says(500)));
  Backend two("two", directory_ / "two.sock", counts(first_, says(503)));
  publish(route_to({"one.sock", "two.sock"}));

  for (int i = 0; i < 20; ++i) ASSERT_GE(status_of("GET"), 500);

  EXPECT_EQ(first_, 20) << "each was sent once";
  EXPECT_EQ(edge_->targets().ejections, 0);
}

TEST_F(EdgeTargets, AreKnownOverTables) {
  Backend one("one", directory_ / "one.sock");
  publish(route_to({"one.sock", "nobody.sock"}));
  while (edge_->targets().ejected == 0) ASSERT_EQ(status_of("GET"), 200);

  publish(route_to({"nobody.sock", "one.sock"}));

  EXPECT_EQ(edge_->targets().ejected, 1);
  publish(route_to({"one.sock"}));
  EXPECT_EQ(edge_->targets().ejected, 0);
  EXPECT_EQ(edge_->targets().targets, 1);
}

class EdgeParking : public EdgeTargets {
 protected:
  EdgeParking() { settings_.parking.time = Millis(20'000); }

  // A request under way on a thread of its own.
  std::future<net::FetchReply> begin(std::string method = "GET",
                                     std::string path = "/agents/hello/x") {
    return std::async(std::launch::async, [this, method, path] {
      const auto reply = net::fetch({.method = method,
                                     .url = "http://127.0.0.1:" + std::to_string(port_) + path,
                                     .headers = {},
                                     .body = method == "POST" ? "the body" : "",
                                     .timeout = Millis(30'000)});
      EXPECT_TRUE(reply) << reply.error().message;
      return reply ? *reply : net::FetchReply{};
    });
  }
  void wait_until_parked(std::int64_t count) {
    wait_until([&] { return edge_->parked().waiting == count; });
  }
};

TEST_F(EdgeParking, HoldsRequestsUntilTheAppHasATarget) {
  publish(hello({leg(1, 1000, {})}));
  auto reading = begin();
  auto writing = begin("POST");
  wait_until_parked(2);
  Backend one("one", directory_ / "one.sock");

  publish(2, "one.sock");

  EXPECT_EQ(reading.get().header("x-pixell-revision"), "2");
  EXPECT_EQ(writing.get().status, 200);
  EXPECT_EQ(edge_->parked().parked, 2);
  EXPECT_EQ(edge_->parked().waiting, 0);
}

TEST_F(EdgeParking, HoldsRequestsWhoseTargetsRefuseUntilOneAnswers) {
  publish(1, "one.sock");
  std::vector<std::future<net::FetchReply>> waiting;
  for (int i = 0; i < 5; ++i) waiting.push_back(begin(i % 2 == 0 ? "GET" : "POST"));
  wait_until_parked(5);

  Backend one("one", directory_ / "one.sock");

  for (auto& each : waiting) EXPECT_EQ(each.get().status, 200);
  wait_until_none_runs();
}

TEST_F(EdgeParking, HoldsARequestThatWasLostOnceUntilItsTargetIsBack) {
  auto one = std::make_unique<Backend>("one", directory_ / "one.sock", [&](auto& stream) {
    if (first_++ == 0)
      breaks_off(stream);
    else
      says(503, model::kNotReadyHeader)(stream);
  });
  publish(1, "one.sock");
  auto waiting = begin();
  wait_until_parked(1);
  one.reset();
  const auto before = edge_->parked().parked;
  // What nobody takes is not lost once more.
  wait_until([&] {
    return edge_->parked().parked >= before + 2 ||
           waiting.wait_for(Millis(0)) == std::future_status::ready;
  });

  one = std::make_unique<Backend>("one", directory_ / "one.sock");

  EXPECT_EQ(waiting.get().status, 200);
}

TEST_F(EdgeParking, HoldsRequestsWhileTheAgentIsRestarted) {
  std::atomic<bool> is_up = false;
  Backend one("one", directory_ / "one.sock", [&](net::ServerStream& stream) {
    says(is_up ? 200 : 503, is_up ? "" : model::kNotReadyHeader)(stream);
  });
  publish(1, "one.sock");
  auto waiting = begin("POST");
  wait_until_parked(1);

  is_up = true;

  EXPECT_EQ(waiting.get().status, 200);
}

TEST_F(EdgeParking, TellsThoseThatWaitWhenTheirAppIsRemoved) {
  publish(hello({leg(1, 1000, {})}));
  auto waiting = begin();
  wait_until_parked(1);

  auto table = RouteTable::build({.generation = ++generation_, .routes = {}});
  ASSERT_TRUE(edge_->publish(*table));

  const auto reply = waiting.get();
  EXPECT_EQ(reply.status, 404);
  EXPECT_THAT(reply.body, HasSubstr("no agent 'hello' is deployed here"));
}

TEST_F(EdgeParking, ForgetsAClientThatLeaves) {
  publish(hello({leg(1, 1000, {})}));
  {
    fixture::Driver driver;
    net::HttpClient client(driver.loop());
    fixture::Answer answer(driver);
    net::ClientStream& stream =
        client.open({"127.0.0.1:" + std::to_string(port_)}, net::Protocol::Http1,
                    fixture::request("GET", "/agents/hello/x"), answer);
    stream.finish();
    EXPECT_TRUE(fixture::eventually(driver, [&] { return edge_->parked().waiting == 1; }));
    stream.reset(net::ResetCode::Cancel);
    driver.settle();
  }

  wait_until_parked(0);
  EXPECT_EQ(edge_->parked().timed_out, 0);
}

class EdgeShortParking : public EdgeParking {
 protected:
  EdgeShortParking() { settings_.parking.time = Millis(100); }
};

TEST_F(EdgeShortParking, AnswersAtTheDeadlineThenAtOnce) {
  publish(hello({leg(1, 1000, {})}));

  const auto late = get("/agents/hello/x");
  net::FetchReply down;
  while (edge_->parked().refused == 0) down = get("/agents/hello/x");

  EXPECT_EQ(late.status, 503);
  EXPECT_EQ(late.header("retry-after"), "1");
  EXPECT_THAT(late.body, HasSubstr("agent 'hello' got no ready instance within"));
  EXPECT_EQ(down.status, 503);
  EXPECT_THAT(down.body, HasSubstr("look at its instances"));
  EXPECT_GE(edge_->parked().timed_out, 1);
}

TEST_F(EdgeShortParking, AnswersGrpcWithUnavailable) {
  publish(hello({leg(1, 1000, {})}));
  fixture::Driver driver;
  net::HttpClient client(driver.loop());
  net::RequestHead head = fixture::request("POST", "/pixell.agent.AgentService/Ping");
  head.headers.add("content-type", "application/grpc");
  head.headers.add("te", "trailers");
  head.headers.add("x-agent-id", "hello");
  fixture::Answer answer(driver);

  client.open({"127.0.0.1:" + std::to_string(port_)}, net::Protocol::Http2, head, answer).finish();

  ASSERT_TRUE(driver.until([&] { return answer.is_over(); }));
  EXPECT_EQ(answer.head->headers.get("grpc-status"), "14");
  EXPECT_EQ(answer.head->headers.get("retry-after"), "1");
}

TEST_F(EdgeShortParking, ForgetsThatAnAppWasDownOnceItAnswers) {
  publish(1, "one.sock");
  while (edge_->parked().refused == 0) EXPECT_EQ(status_of("GET"), 503);
  {
    Backend one("one", directory_ / "one.sock");
    EXPECT_EQ(status_of("GET"), 200);
  }
  // The other loop may not know yet; each hears of it by a reply of its own.
  const auto parked = edge_->parked().parked;
  while (edge_->parked().parked == parked) EXPECT_EQ(status_of("GET"), 503);
}

}  // namespace
}  // namespace pixell::edge
