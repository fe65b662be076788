#include <gtest/gtest.h>

#include <numeric>

#include "edge/testing/edge_fixture.hpp"
#include "net/grpc.hpp"
#include "net/testing/wire_fixture.hpp"

// What the edge adds to the replies of agents, and what it counts of them.

namespace pixell::edge {
namespace {

using namespace testing;
namespace fixture = net::fixture;

class EdgeAgents : public EdgeTest {
 protected:
  // A finished gRPC call to Ping of `agent`.
  std::unique_ptr<fixture::Answer> call(std::string_view agent) {
    net::RequestHead head = fixture::request("POST", "/pixell.agent.AgentService/Ping");
    head.headers.add("content-type", "application/grpc");
    head.headers.add("te", "trailers");
    head.headers.add("x-agent-id", agent);
    auto answer = std::make_unique<fixture::Answer>(driver_);
    client_.open({"127.0.0.1:" + std::to_string(port_)}, net::Protocol::Http2, head, *answer)
        .finish();
    EXPECT_TRUE(driver_.until([&] { return answer->is_over(); }));
    return answer;
  }
  // What was counted until now. Publishing again makes the loops finish what they were at.
  model::RevisionTraffic counted(const model::Route& route) {
    publish(route);
    const auto all = edge_->traffic().changed();
    EXPECT_EQ(all.size(), 1u);
    return all.empty() ? model::RevisionTraffic() : all[0];
  }
  static Backend::Answer status(int status) {
    return [status](net::ServerStream& stream) { net::send_json(stream, status, "{}"); };
  }
  static Backend::Answer grpc_status(ErrorCode code) {
    return [code](net::ServerStream& stream) {
      stream.send_head({}, false);
      stream.finish(net::grpc_trailers(code, "said so"));
    };
  }

  fixture::Driver driver_;
  net::HttpClient client_{driver_.loop()};
};

TEST_F(EdgeAgents, NameTheirRevisionOnErrorsTheEdgeMakes) {
  Backend breaks("breaks", directory_ / "breaks.sock",
                 [](net::ServerStream& stream) { stream.reset(net::ResetCode::InternalError); });
  publish(hello({leg(1, 1000, {unix_address("breaks.sock")}),
                 leg(2, 0, {unix_address("nobody.sock")}, "away"), leg(3, 0, {}, "empty")}));

  const auto broken = get("/agents/hello/x");
  const auto away = get("/agents/hello@away/x");
  const auto empty = get("/agents/hello@empty/x");

  EXPECT_EQ(broken.status, 502);
  EXPECT_EQ(broken.header("x-pixell-revision"), "1");
  EXPECT_EQ(away.status, 503);
  EXPECT_EQ(away.header("x-pixell-revision"), "2");
  EXPECT_EQ(away.header("retry-after"), "1");
  EXPECT_EQ(empty.status, 503);
  EXPECT_EQ(empty.header("x-pixell-revision"), "3");
  EXPECT_EQ(get("/agents/hello@nope/x").header("x-pixell-revision"), std::nullopt);
}

TEST_F(EdgeAgents, NameTheirRevisionOnEventStreams) {
  Backend streams("streams", directory_ / "streams.sock", [](net::ServerStream& stream) {
    net::ResponseHead head;
    head.headers.add("content-type", "text/event-stream");
    stream.send_head(head, false);
    stream.send_data("data: 1\n\n");
    stream.finish();
  });
  publish(4, "streams.sock");

  const auto reply = get("/agents/hello/events");

  EXPECT_EQ(reply.header("x-pixell-revision"), "4");
  EXPECT_EQ(reply.body, "data: 1\n\n");
}

TEST_F(EdgeAgents, NameTheirRevisionInGrpc) {
  Backend pings("pings", directory_ / "pings.sock", grpc_status(static_cast<ErrorCode>(0)));
  publish(hello({leg(5, 1000, {unix_address("pings.sock")}),
                 leg(6, 0, {unix_address("nobody.sock")}, "away"),
                 leg(5, 0, {unix_address("pings.sock")}, "same")}));

  const auto answered = call("hello");
  const auto tagged = call("abcd2345@same");
  const auto away = call("hello@away");

  EXPECT_EQ(answered->head->headers.get("x-pixell-revision"), "5");
  EXPECT_EQ(answered->trailers.get("grpc-status"), "0");
  EXPECT_EQ(tagged->head->headers.get("x-pixell-revision"), "5");
  EXPECT_EQ(away->head->headers.get("grpc-status"), "14");
  EXPECT_EQ(away->head->headers.get("x-pixell-revision"), "6");
}

TEST_F(EdgeAgents, KeepAClientByItsCookie) {
  Backend one("one", directory_ / "one.sock");
  Backend two("two", directory_ / "two.sock");
  publish(hello({leg(1, 500, {unix_address("one.sock")}), leg(2, 500, {unix_address("two.sock")}),
                 leg(2, 0, {unix_address("two.sock")}, "next")},
                {.by = model::StickyBy::Cookie, .name = "who"}));

  const auto first = get("/agents/abcd2345/x");

  const std::string cookie = first.header("set-cookie").value_or("");
  const std::string pair = cookie.substr(0, cookie.find(';'));
  EXPECT_EQ(pair.substr(0, 4), "who=");
  EXPECT_EQ(cookie.substr(pair.size()), "; Path=/agents/abcd2345; HttpOnly; SameSite=Lax");
  for (int i = 0; i < 20; ++i) {
    const auto next = get("/agents/abcd2345/x", {{"Cookie", pair}});
    ASSERT_EQ(next.header("x-pixell-revision"), first.header("x-pixell-revision"));
    ASSERT_EQ(next.header("set-cookie"), std::nullopt);
  }
  EXPECT_EQ(get("/agents/hello@next/x").header("set-cookie"), std::nullopt);
}

TEST_F(EdgeAgents, GetTheirCookieWithAnErrorToo) {
  publish(hello({leg(1, 1000, {unix_address("nobody.sock")})},
                {.by = model::StickyBy::Cookie, .name = ""}));

  const auto reply = get("/agents/hello");

  EXPECT_EQ(reply.status, 503);
  EXPECT_TRUE(reply.header("set-cookie").value_or("").starts_with("pixell_sticky="));
}

TEST_F(EdgeAgents, AreCountedByTheHeadOfTheirReplies) {
  Backend fine("fine", directory_ / "fine.sock", status(404));
  Backend fails("fails", directory_ / "fails.sock", status(500));
  const auto route = hello({leg(7, 1000, {unix_address("fine.sock")}),
                            leg(7, 0, {unix_address("fails.sock")}, "fails"),
                            leg(7, 0, {unix_address("nobody.sock")}, "away")});
  publish(route);

  get("/agents/hello/x");
  get("/agents/hello@fails/x");
  get("/agents/hello@away/x");
  get("/agents/hello@nope/x");

  const auto traffic = counted(route);
  EXPECT_EQ(traffic.app_id, "hello");
  EXPECT_EQ(traffic.revision, 7);
  EXPECT_EQ(traffic.requests, 3);
  EXPECT_EQ(traffic.errors, 2);
  EXPECT_EQ(std::accumulate(traffic.latency_counts.begin(), traffic.latency_counts.end(),
                            std::int64_t{0}),
            3);
}

TEST_F(EdgeAgents, AreCountedWhenTheyBreakOffBehindTheHead) {
  Backend breaks("breaks", directory_ / "breaks.sock", [](net::ServerStream& stream) {
    stream.send_head({}, false);
    stream.send_data("half");
    stream.reset(net::ResetCode::InternalError);
  });
  const auto route = hello({leg(7, 1000, {unix_address("breaks.sock")})});
  publish(route);
  fixture::Answer answer(driver_);

  client_
      .open({"127.0.0.1:" + std::to_string(port_)}, net::Protocol::Http1,
            fixture::request("GET", "/agents/hello/x"), answer)
      .finish();
  ASSERT_TRUE(driver_.until([&] { return answer.is_over(); }));

  const auto traffic = counted(route);
  EXPECT_EQ(traffic.requests, 1);
  EXPECT_EQ(traffic.errors, 1);
}

struct GrpcCase {
  const char* name;
  ErrorCode status;
  int errors;
};

class EdgeGrpc : public EdgeAgents, public ::testing::WithParamInterface<GrpcCase> {};

TEST_P(EdgeGrpc, StatusCountsWhenTheAgentIsToBlame) {
  Backend pings("pings", directory_ / "pings.sock", grpc_status(GetParam().status));
  const auto route = hello({leg(7, 1000, {unix_address("pings.sock")})});
  publish(route);

  call("hello");

  const auto traffic = counted(route);
  EXPECT_EQ(traffic.requests, 1);
  EXPECT_EQ(traffic.errors, GetParam().errors);
}

INSTANTIATE_TEST_SUITE_P(Table, EdgeGrpc,
                         ::testing::Values(GrpcCase{"ok", static_cast<ErrorCode>(0), 0},
                                           GrpcCase{"not_found", ErrorCode::NotFound, 0},
                                           GrpcCase{"invalid", ErrorCode::InvalidArgument, 0},
                                           GrpcCase{"unknown", ErrorCode::Unknown, 1},
                                           GrpcCase{"deadline", ErrorCode::DeadlineExceeded, 1},
                                           GrpcCase{"internal", ErrorCode::Internal, 1},
                                           GrpcCase{"unavailable", ErrorCode::Unavailable, 1},
                                           GrpcCase{"data_loss", ErrorCode::DataLoss, 1}),
                         [](const auto& row) { return row.param.name; });

TEST_F(EdgeAgents, AreNotBlamedForAClientThatLeaves) {
  std::atomic<bool> has_come = false;
  Backend waits("waits", directory_ / "waits.sock", [&](net::ServerStream&) {
    has_come = true;
    has_come.notify_all();
  });
  const auto route = hello({leg(7, 1000, {unix_address("waits.sock")})});
  publish(route);
  fixture::Answer answer(driver_);
  net::ClientStream& stream =
      client_.open({"127.0.0.1:" + std::to_string(port_)}, net::Protocol::Http1,
                   fixture::request("GET", "/agents/hello/x"), answer);
  stream.finish();
  driver_.settle();
  has_come.wait(false);

  stream.reset(net::ResetCode::Cancel);
  driver_.settle();
  edge_->stop();

  const auto traffic = edge_->traffic().changed();
  ASSERT_EQ(traffic.size(), 1u);
  EXPECT_EQ(traffic[0].requests, 1);
  EXPECT_EQ(traffic[0].errors, 0);
}

TEST_F(EdgeAgents, AreExplainedToThisMachineOnly) {
  publish(hello({leg(1, 1000, {unix_address("one.sock")})}));

  const auto reply = get("/v1/edge/explain?url=/agents/hello/x");

  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(body(reply)["chosen_revision"], 1);
  EXPECT_EQ(body(reply)["generation"], generation_);
  EXPECT_TRUE(body(reply)["applied_at"].is_string());
  EXPECT_EQ(get("/v1/edge/explain?url=/x", {{"Host", "example.org"}}).status, 404);
  EXPECT_EQ(get("/v1/edge/explain?url=/x", {}, "DELETE").status, 405);
  const auto wrong = get("/v1/edge/explain");
  EXPECT_EQ(wrong.status, 400);
  EXPECT_NE(body(wrong)["detail"].get<std::string>().find("give url="), std::string::npos);
}

}  // namespace
}  // namespace pixell::edge
