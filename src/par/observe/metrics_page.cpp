#include "par/observe/metrics_page.hpp"

#include <fmt/format.h>

#include <utility>

#include "base/prometheus_text.hpp"

namespace pixell::par {

namespace {

constexpr std::array kAllSurfaces = {Surface::Builtin, Surface::Rest, Surface::A2a, Surface::Ui};

void add_requests(PrometheusText& text, const Metrics& metrics) {
  text.family("pixell_requests_total", "counter",
              "Requests that ended, by who answered, method and class of the status code.");
  for (const Surface surface : kAllSurfaces)
    for (std::size_t method = 0; method < kMethods.size(); ++method)
      for (std::size_t status = 0; status < kStatusClasses.size(); ++status)
        if (const std::uint64_t count = metrics.requests(surface, method, status); count > 0)
          text.sample({{"surface", to_string(surface)},
                       {"method", kMethods[method]},
                       {"status_class", kStatusClasses[status]}},
                      count);
  text.family("pixell_grpc_calls_total", "counter", "gRPC calls that ended, by grpc-status.");
  for (std::size_t code = 0; code < kGrpcCodes; ++code)
    if (const std::uint64_t count = metrics.grpc_calls(code); count > 0)
      text.sample({{"code", grpc_code_name(code)}}, count);
  text.family("pixell_requests_in_flight", "gauge", "Requests that run now.");
  text.sample({}, static_cast<double>(metrics.in_flight()));
}

void add_durations(PrometheusText& text, const Metrics& metrics) {
  text.family("pixell_request_duration_seconds", "histogram",
              "Time from a request's head to the end of its answer, by who answered.");
  for (const Surface surface : kAllSurfaces) {
    const Histogram& histogram = metrics.durations(surface);
    const std::string_view name = to_string(surface);
    std::uint64_t count = 0;
    for (std::size_t i = 0; i < kDurationBounds.size(); ++i) {
      count += histogram.buckets[i];
      const std::string bound = fmt::format("{}", static_cast<double>(kDurationBounds[i]) / 1e6);
      text.sample({{"surface", name}, {"le", bound}}, count, "_bucket");
    }
    text.sample({{"surface", name}, {"le", "+Inf"}}, histogram.count, "_bucket");
    text.sample({{"surface", name}}, static_cast<double>(histogram.sum_us) / 1e6, "_sum");
    text.sample({{"surface", name}}, histogram.count, "_count");
  }
}

void add_life(PrometheusText& text, const Metrics& metrics, const MetricsPageFacts& facts) {
  text.family("pixell_build_info", "gauge", "1, labelled with the version of par.");
  text.sample({{"version", PIXELL_VERSION}, {"compiler", __VERSION__}}, 1.0);
  text.family("pixell_phase", "gauge", "1, labelled with where par is in its life.");
  text.sample({{"phase", facts.phase}}, 1.0);
  text.family("pixell_ready", "gauge", "1 when health is 200.");
  text.sample({}, facts.is_ready ? 1.0 : 0.0);
  text.family("pixell_workers", "gauge", "Processes of the agent there should be.");
  text.sample({}, double(facts.workers));
  text.family("pixell_worker_up", "gauge", "Processes of the agent that are up.");
  text.sample({}, double(facts.workers_up));
  text.family("pixell_worker_restarts_total", "counter",
              "Times a process of the agent was started again after it died.");
  text.sample({}, metrics.worker_restarts());
  text.family("pixell_boot_phase_seconds", "gauge", "How long each phase of the boot took.");
  for (const model::BootPhase& phase : facts.boot_phases)
    text.sample({{"phase", phase.name}}, phase.millis / 1000);
  if (facts.boot_ms > 0) {
    text.family("pixell_boot_seconds", "gauge", "From the start of par to ready.");
    text.sample({}, facts.boot_ms / 1000);
  }
}

void add_processes(PrometheusText& text, const MetricsPageFacts& facts) {
  using NamedUsage = std::pair<std::string_view, const std::optional<ProcessUsage>*>;
  const std::array processes = {NamedUsage("par", &facts.par), NamedUsage("worker", &facts.worker)};
  const auto each = [&](std::string_view name, std::string_view type, std::string_view help,
                        auto value_of) {
    text.family(name, type, help);
    for (const auto& [process, usage] : processes)
      if (*usage)
        if (const std::optional<double> value = value_of(**usage))
          text.sample({{"process", process}}, *value);
  };
  using Value = std::optional<double>;
  each("pixell_process_cpu_seconds_total", "counter",
       "User and system time of par and of the agent's processes.",
       [](const ProcessUsage& usage) -> Value { return usage.cpu_seconds; });
  each("pixell_process_resident_memory_bytes", "gauge", "Resident memory.",
       [](const ProcessUsage& usage) -> Value { return double(usage.resident_bytes); });
  each("pixell_process_threads", "gauge", "Threads.",
       [](const ProcessUsage& usage) -> Value { return double(usage.threads); });
  each("pixell_process_open_fds", "gauge",
       "Open file descriptors; absent for a process that par may not look into.",
       [](const ProcessUsage& usage) -> Value {
         return usage.open_fds ? Value(double(*usage.open_fds)) : std::nullopt;
       });
}

void add_spans(PrometheusText& text, const Metrics& metrics) {
  text.family("pixell_spans_total", "counter",
              "Spans by what became of them: sent, failed (the collector did not take them), "
              "dropped (the queue was full).");
  text.sample({{"outcome", "sent"}}, metrics.spans_sent());
  text.sample({{"outcome", "failed"}}, metrics.spans_failed());
  text.sample({{"outcome", "dropped"}}, metrics.spans_dropped());
}

}  // namespace

std::string metrics_page(const Metrics& metrics, const MetricsPageFacts& facts) {
  PrometheusText text;
  add_life(text, metrics, facts);
  add_requests(text, metrics);
  add_durations(text, metrics);
  add_processes(text, facts);
  add_spans(text, metrics);
  return text.take();
}

}  // namespace pixell::par
