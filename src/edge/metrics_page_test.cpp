#include "edge/metrics_page.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing/fake_clock.hpp"
#include "edge/limits.hpp"
#include "edge/testing/routes.hpp"

namespace pixell::edge {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using ::testing::Not;

class EdgeMetricsPage : public ::testing::Test {
 protected:
  std::vector<TrafficMeter::Cells> use(std::vector<model::Route> routes) {
    table_ = table_with(std::move(routes));
    return meter_.cells_for(*table_);
  }
  std::string page(const EdgeFacts& facts = {}) { return metrics_page(sum_of_apps(meter_), facts); }

  FakeClock clock_;
  TrafficMeter meter_{2, clock_};
  std::shared_ptr<const RouteTable> table_;
};

TEST_F(EdgeMetricsPage, AddsUpTheLoopsByAppRevisionAndSurface) {
  const auto cells = use({hello({leg(7, 1000, {})})});
  for (const auto& loop : cells) {
    TrafficCell& cell = loop.of(table_->routes()[0].legs[0]);
    cell.begin();
    cell.replied({.surface = Surface::A2a, .status = 200, .latency = Millis(3)});
    cell.moved(Surface::A2a, 5, 50);
    cell.end();
  }
  TrafficCell& cell = *cells[0].legs[0];
  cell.begin();
  cell.replied({.status = 503, .latency = Millis(100'000), .is_error = true});
  cell.begin();
  cell.left(Surface::Rest);
  cell.end();

  const std::string text = page();

  const std::string labels = R"(app="hello",revision="7",surface=)";
  for (const std::string& line : {"requests_total{" + labels + R"("a2a",status_class="2xx"} 2)",
                                  "requests_total{" + labels + R"("rest",status_class="5xx"} 1)",
                                  "requests_total{" + labels + R"("rest",status_class="none"} 1)",
                                  "request_errors_total{" + labels + R"("rest"} 1)",
                                  "request_body_bytes_total{" + labels + R"("a2a"} 10)",
                                  "reply_body_bytes_total{" + labels + R"("a2a"} 100)",
                                  "reply_seconds_bucket{" + labels + R"("a2a",le="0.002"} 0)",
                                  "reply_seconds_bucket{" + labels + R"("a2a",le="0.004"} 2)",
                                  "reply_seconds_bucket{" + labels + R"("a2a",le="+Inf"} 2)",
                                  "reply_seconds_sum{" + labels + R"("a2a"} 0.006)",
                                  "reply_seconds_count{" + labels + R"("a2a"} 2)",
                                  "reply_seconds_bucket{" + labels + R"("rest",le="65.536"} 0)",
                                  "reply_seconds_bucket{" + labels + R"("rest",le="+Inf"} 1)",
                                  std::string(R"(requests_in_flight{app="hello",revision="7"} 1)")})
    EXPECT_THAT(text, HasSubstr("\npixell_edge_" + line + "\n"));
  EXPECT_THAT(text, Not(HasSubstr(R"(surface="ui")"))) << "nobody asked for it";
}

TEST_F(EdgeMetricsPage, TellsWhatElseHappensToAnAppsRequests) {
  const auto cells = use({hello({leg(7, 1000, {})})});
  for (const auto& loop : cells) {
    EdgeCounters& counters = *loop.apps[0];
    ++counters.waiting;
    counters.parked += 2;
    ++counters.limited;
    ++counters.retries;
    ++counters.upstream_reused;
    ++counters.ejections;
  }

  const std::string text = page();

  for (const char* line :
       {R"(requests_waiting{app="hello"} 2)", R"(requests_parked_total{app="hello"} 4)",
        R"(requests_refused_total{app="hello",reason="limited"} 2)",
        R"(retries_total{app="hello"} 2)", R"(ejections_total{app="hello"} 2)",
        R"(upstream_requests_total{app="hello",connection="reused"} 2)"})
    EXPECT_THAT(text, HasSubstr("\npixell_edge_" + std::string(line) + "\n"));
  EXPECT_THAT(text, Not(HasSubstr(R"(reason="shed")")));
}

TEST_F(EdgeMetricsPage, TellsWhatBecameOfTheCopiesForAMirror) {
  model::Route route = hello({leg(7, 1000, {}), leg(8, 0, {}, "next")});
  route.routing.mirror = {.revision = 8, .permille = 1000};
  const auto cells = use({route});
  cells[0].legs[0]->begin();
  const auto table = RouteTable::build({.generation = 1, .routes = {route}});
  ASSERT_TRUE(table);
  AppStates states;
  const auto in_force = states.in_force(**table, Instant());
  in_force[0].mirror->mirrored = 2;
  in_force[0].mirror->differs_status = 1;
  AppSums sums = sum_of_apps(meter_);

  add_mirrors(sums, states);

  const std::string text = metrics_page(sums, {});
  EXPECT_THAT(text, HasSubstr("\npixell_edge_mirrored_total{app=\"hello\",outcome=\"sent\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("{app=\"hello\",outcome=\"differed\"} 1\n"));
}

TEST_F(EdgeMetricsPage, TellsOfEachLoopsConnectionsAndHandshakes) {
  LoopFacts loop;
  loop.server.of(net::Carries::Http2, true) = {.accepted = 5, .open = 2};
  loop.server.handshakes.add(Millis(3));
  loop.server.handshakes.add(Millis(60'000));
  loop.server.of(net::HandshakeFailure::OurCertificate) = 3;

  const std::string text = metrics_page({}, {.loops = {loop, std::nullopt}});

  for (const char* line : {R"(connections_accepted_total{loop="0",protocol="http2",tls="true"} 5)",
                           R"(connections_accepted_total{loop="0",protocol="http1",tls="false"} 0)",
                           R"(connections_open{loop="0",protocol="http2",tls="true"} 2)",
                           R"(tls_handshake_seconds_bucket{loop="0",le="0.002"} 0)",
                           R"(tls_handshake_seconds_bucket{loop="0",le="0.005"} 1)",
                           R"(tls_handshake_seconds_bucket{loop="0",le="+Inf"} 2)",
                           R"(tls_handshake_seconds_sum{loop="0"} 60.003)",
                           R"(tls_handshake_seconds_count{loop="0"} 2)",
                           R"(tls_handshakes_failed_total{loop="0",reason="our_certificate"} 3)",
                           R"(tls_handshakes_failed_total{loop="0",reason="timeout"} 0)"})
    EXPECT_THAT(text, HasSubstr("\npixell_edge_" + std::string(line) + "\n"));
  EXPECT_THAT(text, Not(HasSubstr(R"(loop="1")"))) << "it did not answer";
}

TEST_F(EdgeMetricsPage, CallsALegacyServiceByThatName) {
  model::Route route = hello({});
  route.routing.legacy.address = "127.0.0.1:9000";
  const auto cells = use({route});
  cells[0].legs[0]->begin();

  EXPECT_THAT(page(), HasSubstr(R"(requests_in_flight{app="hello",revision="legacy"} 1)"));
  EXPECT_TRUE(meter_.changed().empty()) << "control judges revisions only";
}

TEST_F(EdgeMetricsPage, HasNoSamplesOfAppsThatNobodyAskedFor) {
  use({hello({leg(7, 1000, {})})});

  EXPECT_THAT(page(), Not(HasSubstr("hello")));
}

TEST_F(EdgeMetricsPage, ShowsNoMoreAppsThanFit) {
  std::vector<model::Route> routes;
  for (std::size_t i = 0; i < kMaxMeteredApps + 3; ++i) {
    routes.push_back(hello({}));
    routes.back().app_id = fmt::format("app-{}", i);
  }
  const auto cells = use(std::move(routes));
  for (EdgeCounters* counters : cells[0].apps) ++counters->limited;

  EXPECT_EQ(sum_of_apps(meter_).shown.size(), kMaxMeteredApps);
  EXPECT_THAT(page(), HasSubstr("\npixell_edge_apps_not_shown 3\n"));
}

TEST_F(EdgeMetricsPage, TellsOfRoutesLoopsAndProcess) {
  const std::string text =
      page({.generation = 12,
            .routes = 3,
            .routes_age_seconds = 1.5,
            .is_from_file = true,
            .loops = {LoopFacts{.lag_seconds = 0.25, .connections = 9, .log_lines_dropped = 4},
                      std::nullopt},
            .process = ProcessUsage{
                .cpu_seconds = 2.5, .resident_bytes = 4096, .threads = 5, .open_fds = 17}});

  for (const char* line :
       {"routes 3", "routes_generation 12", "routes_age_seconds 1.5", "routes_from_file 1",
        R"(loop_lag_seconds{loop="0"} 0.25)", R"(connections{loop="0"} 9)",
        R"(log_lines_dropped_total{loop="0"} 4)", "process_cpu_seconds_total 2.5",
        "process_resident_memory_bytes 4096", "process_open_fds 17"})
    EXPECT_THAT(text, HasSubstr("\npixell_edge_" + std::string(line) + "\n"));
  EXPECT_THAT(text, Not(HasSubstr(R"(loop="1")"))) << "it did not answer";
}

}  // namespace
}  // namespace pixell::edge
