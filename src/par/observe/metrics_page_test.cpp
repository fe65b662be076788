#include "par/observe/metrics_page.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pixell::par {
namespace {

using testing::HasSubstr;
using testing::Not;

Metrics with(std::initializer_list<RequestEnd> ends) {
  Metrics metrics;
  for (const RequestEnd& end : ends) {
    metrics.request_began();
    metrics.request_ended(end);
  }
  return metrics;
}

TEST(MetricsPage, CountsRequestsBySurfaceMethodAndClass) {
  const auto metrics =
      with({{.surface = Surface::Rest, .method = "GET", .status = 200},
            {.surface = Surface::Rest, .method = "GET", .status = 204},
            {.surface = Surface::Rest, .method = "BREW", .status = 418},
            {.surface = Surface::A2a, .method = "POST", .status = 200, .grpc_status = "14"},
            {.surface = Surface::A2a, .method = "POST", .status = 0},
            {.surface = Surface::A2a, .method = "POST", .status = 200, .grpc_status = "99"}});

  const std::string page = metrics_page(metrics, {});

  EXPECT_THAT(page, HasSubstr("pixell_requests_total{surface=\"rest\",method=\"GET\","
                              "status_class=\"2xx\"} 2\n"));
  EXPECT_THAT(page, HasSubstr("{surface=\"rest\",method=\"other\",status_class=\"4xx\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("{surface=\"a2a\",method=\"POST\",status_class=\"none\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("pixell_grpc_calls_total{code=\"UNAVAILABLE\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("pixell_grpc_calls_total{code=\"other\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("pixell_requests_in_flight 0\n"));
}

TEST(MetricsPage, HasACumulativeHistogram) {
  using std::chrono::microseconds;
  const auto metrics = with({{.method = "GET", .status = 200, .took = microseconds(1'000)},
                             {.method = "GET", .status = 200, .took = microseconds(1'001)},
                             {.method = "GET", .status = 200, .took = microseconds(70'000'000)}});

  const std::string page = metrics_page(metrics, {});

  const std::string head = "pixell_request_duration_seconds";
  EXPECT_THAT(page, HasSubstr(head + "_bucket{surface=\"builtin\",le=\"0.001\"} 1\n"));
  EXPECT_THAT(page, HasSubstr(head + "_bucket{surface=\"builtin\",le=\"0.0025\"} 2\n"));
  EXPECT_THAT(page, HasSubstr(head + "_bucket{surface=\"builtin\",le=\"60\"} 2\n"));
  EXPECT_THAT(page, HasSubstr(head + "_bucket{surface=\"builtin\",le=\"+Inf\"} 3\n"));
  EXPECT_THAT(page, HasSubstr(head + "_sum{surface=\"builtin\"} 70.002001\n"));
  EXPECT_THAT(page, HasSubstr(head + "_count{surface=\"builtin\"} 3\n"));
}

TEST(MetricsPage, ShowsTheBootAndTheProcesses) {
  Metrics metrics;
  metrics.worker_restarted();
  const std::string page = metrics_page(
      metrics, {.phase = "ready",
                .is_ready = true,
                .workers = 2,
                .workers_up = 1,
                .boot_ms = 1500,
                .boot_phases = {{.name = "fetch", .millis = 250}},
                .par = ProcessUsage{.cpu_seconds = 0.5, .resident_bytes = 4096, .open_fds = 9},
                .worker = ProcessUsage{.cpu_seconds = 2, .resident_bytes = 8192}});

  EXPECT_THAT(page, HasSubstr("pixell_build_info{version=\"" PIXELL_VERSION "\""));
  EXPECT_THAT(page, HasSubstr("pixell_phase{phase=\"ready\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("pixell_ready 1\n"));
  EXPECT_THAT(page, HasSubstr("pixell_worker_restarts_total 1\n"));
  EXPECT_THAT(page, HasSubstr("pixell_boot_phase_seconds{phase=\"fetch\"} 0.25\n"));
  EXPECT_THAT(page, HasSubstr("pixell_boot_seconds 1.5\n"));
  EXPECT_THAT(page, HasSubstr("pixell_process_resident_memory_bytes{process=\"worker\"} 8192\n"));
  EXPECT_THAT(page, HasSubstr("pixell_process_open_fds{process=\"par\"} 9\n"));
  EXPECT_THAT(page, Not(HasSubstr("pixell_process_open_fds{process=\"worker\"}")));
}

}  // namespace
}  // namespace pixell::par
