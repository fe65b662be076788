#include "edge/metrics_page.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/prometheus_text.hpp"
#include "edge/limits.hpp"

namespace pixell::edge {

namespace {

constexpr std::array<std::string_view, 6> kStatusClasses = {"none", "1xx", "2xx",
                                                            "3xx",  "4xx", "5xx"};
// Every second bound of model::LatencyCounts: 1 ms, 2 ms, 4 ms, …
constexpr std::size_t kBoundStep = 2;

void add(SurfaceSum& sum, const SurfaceCounters& counters) {
  for (std::size_t i = 0; i < sum.by_class.size(); ++i)
    sum.by_class[i] += counters.by_class[i].value();
  for (std::size_t i = 0; i < sum.latency.size(); ++i)
    sum.latency[i] += counters.latency[i].value();
  sum.errors += counters.errors.value();
  sum.latency_us += counters.latency_us.value();
  sum.bytes_in += counters.bytes_in.value();
  sum.bytes_out += counters.bytes_out.value();
}

RevisionSum sum_of(std::int64_t revision, std::span<const TrafficCell> cells) {
  RevisionSum sum{.revision = revision};
  for (const TrafficCell& cell : cells) sum.active += cell.active();
  for (const Surface surface : kSurfaces) {
    SurfaceSum one{.surface = surface};
    bool is_used = false;
    for (const TrafficCell& cell : cells)
      if (const SurfaceCounters* counters = cell.counters(surface)) {
        add(one, *counters);
        is_used = true;
      }
    if (is_used) sum.surfaces.push_back(one);
  }
  return sum;
}

struct CounterName {
  LoopCounter EdgeCounters::*counter;
  std::int64_t AppSum::*sum;
};
constexpr std::array<CounterName, 10> kCounters = {{
    {&EdgeCounters::waiting, &AppSum::waiting},
    {&EdgeCounters::parked, &AppSum::parked},
    {&EdgeCounters::park_expired, &AppSum::park_expired},
    {&EdgeCounters::limited, &AppSum::limited},
    {&EdgeCounters::shed, &AppSum::shed},
    {&EdgeCounters::too_large, &AppSum::too_large},
    {&EdgeCounters::ejections, &AppSum::ejections},
    {&EdgeCounters::retries, &AppSum::retries},
    {&EdgeCounters::upstream_opened, &AppSum::upstream_opened},
    {&EdgeCounters::upstream_reused, &AppSum::upstream_reused},
}};

// Nothing when the app has no counts.
std::optional<AppSum> sum_of(const TrafficMeter::AppView& app) {
  AppSum sum{.app_id = std::string(app.app_id)};
  bool is_used = false;
  for (const CounterName& name : kCounters) {
    for (const EdgeCounters& counters : app.counters)
      sum.*name.sum += (counters.*name.counter).value();
    is_used = is_used || sum.*name.sum != 0;
  }
  for (const auto& [revision, cells] : app.revisions) {
    RevisionSum one = sum_of(revision, cells);
    if (one.active != 0 || !one.surfaces.empty()) sum.revisions.push_back(std::move(one));
  }
  if (!is_used && sum.revisions.empty()) return std::nullopt;
  return sum;
}

std::uint64_t count_of(std::int64_t value) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(value, 0));
}

std::string revision_text(std::int64_t revision) {
  return revision == kLegacyRevision ? "legacy" : fmt::format("{}", revision);
}

// One family with a sample for each revision's surface.
template <class Samples>
void each_surface(const AppSums& apps, Samples samples) {
  for (const AppSum& app : apps.shown)
    for (const RevisionSum& revision : app.revisions) {
      const std::string number = revision_text(revision.revision);
      for (const SurfaceSum& surface : revision.surfaces)
        samples(PrometheusText::Label{"app", app.app_id}, PrometheusText::Label{"revision", number},
                PrometheusText::Label{"surface", to_string(surface.surface)}, surface);
    }
}

using Label = PrometheusText::Label;

void add_requests(PrometheusText& text, const AppSums& apps) {
  text.family("pixell_edge_requests_total", "counter",
              "Requests by app, revision, surface and class of the status that the client got; "
              "none: it left before the reply.");
  each_surface(apps, [&](Label app, Label revision, Label surface, const SurfaceSum& sum) {
    for (std::size_t i = 0; i < kStatusClasses.size(); ++i)
      if (sum.by_class[i] > 0)
        text.sample({app, revision, surface, {"status_class", kStatusClasses[i]}},
                    count_of(sum.by_class[i]));
  });
  text.family("pixell_edge_request_errors_total", "counter",
              "Requests that failed because of the agent: 5xx, a failing grpc-status, or cut off.");
  each_surface(apps, [&](Label app, Label revision, Label surface, const SurfaceSum& sum) {
    text.sample({app, revision, surface}, count_of(sum.errors));
  });
  text.family("pixell_edge_request_body_bytes_total", "counter",
              "Bytes of the bodies of requests that went to the agent.");
  each_surface(apps, [&](Label app, Label revision, Label surface, const SurfaceSum& sum) {
    text.sample({app, revision, surface}, count_of(sum.bytes_in));
  });
  text.family("pixell_edge_reply_body_bytes_total", "counter",
              "Bytes of the bodies of replies that came from the agent.");
  each_surface(apps, [&](Label app, Label revision, Label surface, const SurfaceSum& sum) {
    text.sample({app, revision, surface}, count_of(sum.bytes_out));
  });
  text.family("pixell_edge_requests_in_flight", "gauge", "Requests that run now.");
  for (const AppSum& app : apps.shown)
    for (const RevisionSum& revision : app.revisions)
      text.sample({{"app", app.app_id}, {"revision", revision_text(revision.revision)}},
                  static_cast<double>(revision.active));
}

void add_latencies(PrometheusText& text, const AppSums& apps) {
  text.family("pixell_edge_reply_seconds", "histogram",
              "Time from a request's head to the head of its reply.");
  each_surface(apps, [&](Label app, Label revision, Label surface, const SurfaceSum& sum) {
    std::uint64_t count = 0;
    for (std::size_t i = 0; i < model::kLatencyBounds; ++i) {
      count += count_of(sum.latency[i]);
      if (i % kBoundStep != 0) continue;
      const std::string bound =
          fmt::format("{}", static_cast<double>(model::latency_bound_us(i)) / 1e6);
      text.sample({app, revision, surface, {"le", bound}}, count, "_bucket");
    }
    count += count_of(sum.latency[model::kLatencyBounds]);
    text.sample({app, revision, surface, {"le", "+Inf"}}, count, "_bucket");
    text.sample({app, revision, surface}, static_cast<double>(sum.latency_us) / 1e6, "_sum");
    text.sample({app, revision, surface}, count, "_count");
  });
}

struct Part {
  std::string_view value;  // of the family's label; empty = it has none
  std::int64_t AppSum::*sum;
};
struct Family {
  std::string_view name, type, help, label;
  std::vector<Part> parts;
};

void add_counters(PrometheusText& text, const AppSums& apps) {
  const std::vector<Family> families = {
      {"pixell_edge_requests_waiting",
       "gauge",
       "Requests that wait now until an instance of the app is there.",
       "",
       {{"", &AppSum::waiting}}},
      {"pixell_edge_requests_parked_total",
       "counter",
       "Requests that had to wait until an instance of the app was there.",
       "",
       {{"", &AppSum::parked}}},
      {"pixell_edge_requests_refused_total",
       "counter",
       "Requests that the edge refused, by why: limited (429, the app's limits), too_large (413), "
       "shed (503, the edge had too much to do), no_instance (503, none came in time).",
       "reason",
       {{"limited", &AppSum::limited},
        {"too_large", &AppSum::too_large},
        {"shed", &AppSum::shed},
        {"no_instance", &AppSum::park_expired}}},
      {"pixell_edge_ejections_total",
       "counter",
       "Times an instance was taken out because it failed.",
       "",
       {{"", &AppSum::ejections}}},
      {"pixell_edge_retries_total",
       "counter",
       "Requests that were sent once more.",
       "",
       {{"", &AppSum::retries}}},
      {"pixell_edge_upstream_requests_total",
       "counter",
       "Requests by the connection to the instance that they used: opened for them, or reused.",
       "connection",
       {{"opened", &AppSum::upstream_opened}, {"reused", &AppSum::upstream_reused}}},
      {"pixell_edge_mirrored_total",
       "counter",
       "Copies of requests for a mirrored revision: sent; of these failed (no reply) and differed "
       "(another reply than the client's); dropped (not sent: too large, or too many under way).",
       "outcome",
       {{"sent", &AppSum::mirrored},
        {"failed", &AppSum::mirror_failed},
        {"differed", &AppSum::mirror_differed},
        {"dropped", &AppSum::mirror_dropped}}}};
  for (const Family& family : families) {
    text.family(family.name, family.type, family.help);
    for (const AppSum& app : apps.shown)
      for (const Part& part : family.parts) {
        if (app.*part.sum == 0) continue;
        if (part.value.empty())
          text.sample({{"app", app.app_id}}, count_of(app.*part.sum));
        else
          text.sample({{"app", app.app_id}, {family.label, part.value}}, count_of(app.*part.sum));
      }
  }
}

void add_routes(PrometheusText& text, const AppSums& apps, const EdgeFacts& facts) {
  text.family("pixell_edge_build_info", "gauge", "1, labelled with the version of pac.");
  text.sample({{"version", PIXELL_VERSION}, {"compiler", __VERSION__}}, 1.0);
  text.family("pixell_edge_routes", "gauge", "Apps in the table of routes.");
  text.sample({}, static_cast<std::uint64_t>(facts.routes));
  text.family("pixell_edge_routes_generation", "gauge", "The generation of the routes in force.");
  text.sample({}, count_of(facts.generation));
  text.family("pixell_edge_routes_age_seconds", "gauge", "Since the routes were put in force.");
  text.sample({}, facts.routes_age_seconds);
  text.family("pixell_edge_routes_from_file", "gauge",
              "1 while the routes are the saved ones, because control was not reached yet.");
  text.sample({}, facts.is_from_file ? 1.0 : 0.0);
  text.family("pixell_edge_apps_not_shown", "gauge",
              "Apps with requests that this page has no samples of: it has too many.");
  text.sample({}, static_cast<std::uint64_t>(apps.not_shown));
}

void add_loops(PrometheusText& text, const EdgeFacts& facts) {
  const auto each = [&](std::string_view name, std::string_view type, std::string_view help,
                        auto value_of) {
    text.family(name, type, help);
    for (std::size_t i = 0; i < facts.loops.size(); ++i)
      if (facts.loops[i]) text.sample({{"loop", fmt::format("{}", i)}}, value_of(*facts.loops[i]));
  };
  each("pixell_edge_loop_lag_seconds", "gauge",
       "How long a job waited just now for its turn on the loop; absent when it did not answer.",
       [](const LoopFacts& loop) { return loop.lag_seconds; });
  each("pixell_edge_connections", "gauge", "Connections of clients that are open.",
       [](const LoopFacts& loop) { return static_cast<double>(loop.connections); });
  each("pixell_edge_exchanges", "gauge", "Exchanges with clients that run, the API's included.",
       [](const LoopFacts& loop) { return static_cast<double>(loop.exchanges); });
  each("pixell_edge_log_lines_dropped_total", "counter", "Access lines that nobody took in time.",
       [](const LoopFacts& loop) { return count_of(loop.log_lines_dropped); });
}

double seconds_of(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

// Samples for each loop that answered: `add_of(loop's label, its tally)`.
template <class AddOf>
void each_server(const EdgeFacts& facts, AddOf add_of) {
  for (std::size_t i = 0; i < facts.loops.size(); ++i)
    if (facts.loops[i]) add_of(Label{"loop", fmt::format("{}", i)}, facts.loops[i]->server);
}

void add_handshakes(PrometheusText& text, const EdgeFacts& facts) {
  text.family(
      "pixell_edge_tls_handshake_seconds", "histogram",
      "Time from a client's first byte to the end of its TLS handshake, of those finished.");
  each_server(facts, [&](const Label& loop, const net::ServerTally& server) {
    const net::HandshakeTimes& times = server.handshakes;
    std::uint64_t count = 0;
    for (std::size_t i = 0; i < net::kHandshakeBounds.size(); ++i) {
      count += count_of(times.counts[i]);
      const std::string bound = fmt::format("{}", seconds_of(net::kHandshakeBounds[i]));
      text.sample({loop, {"le", bound}}, count, "_bucket");
    }
    text.sample({loop, {"le", "+Inf"}}, count_of(times.number), "_bucket");
    text.sample({loop}, seconds_of(times.total), "_sum");
    text.sample({loop}, count_of(times.number), "_count");
  });
  text.family("pixell_edge_tls_handshakes_failed_total", "counter",
              "TLS handshakes that were not finished, by why.");
  each_server(facts, [&](const Label& loop, const net::ServerTally& server) {
    for (const net::HandshakeFailure failure : net::kHandshakeFailures)
      text.sample({loop, {"reason", to_string(failure)}}, count_of(server.of(failure)));
  });
}

void add_servers(PrometheusText& text, const EdgeFacts& facts) {
  const auto each_kind = [&](auto number_of) {
    each_server(facts, [&](const Label& loop, const net::ServerTally& server) {
      for (const net::Carries carries : net::kCarried)
        for (const bool is_encrypted : {false, true}) {
          text.sample(
              {loop, {"protocol", to_string(carries)}, {"tls", is_encrypted ? "true" : "false"}},
              count_of(number_of(server.of(carries, is_encrypted))));
        }
    });
  };
  text.family("pixell_edge_connections_accepted_total", "counter",
              "Connections of clients, by protocol and whether they are encrypted; upgraded: from "
              "http1, to a WebSocket for example.");
  each_kind([](const net::ConnectionTally& tally) { return tally.accepted; });
  text.family("pixell_edge_connections_open", "gauge",
              "Those of them that are open; without the ones that have not sent anything yet.");
  each_kind([](const net::ConnectionTally& tally) { return tally.open; });
  add_handshakes(text, facts);
}

void add_process(PrometheusText& text, const ProcessUsage& usage) {
  text.family("pixell_edge_process_cpu_seconds_total", "counter", "User and system time.");
  text.sample({}, usage.cpu_seconds);
  text.family("pixell_edge_process_resident_memory_bytes", "gauge", "Resident memory.");
  text.sample({}, usage.resident_bytes);
  text.family("pixell_edge_process_threads", "gauge", "Threads.");
  text.sample({}, usage.threads);
  if (!usage.open_fds) return;
  text.family("pixell_edge_process_open_fds", "gauge", "Open file descriptors.");
  text.sample({}, *usage.open_fds);
}

}  // namespace

void add_mirrors(AppSums& apps, const AppStates& states) {
  const auto read = [](const MirrorTally::Count& count) {
    return count.load(std::memory_order_relaxed);
  };
  for (AppSum& app : apps.shown) {
    const std::shared_ptr<const MirrorTally> tally = states.mirror_of(app.app_id);
    if (tally == nullptr) continue;
    app.mirrored = read(tally->mirrored);
    app.mirror_dropped = read(tally->dropped);
    app.mirror_failed = read(tally->failed);
    app.mirror_differed = read(tally->differs_status) + read(tally->differs_body);
  }
}

AppSums sum_of_apps(const TrafficMeter& meter) {
  AppSums sums;
  meter.visit([&](const TrafficMeter::AppView& app) {
    std::optional<AppSum> sum = sum_of(app);
    if (!sum) return;
    if (sums.shown.size() < kMaxMeteredApps)
      sums.shown.push_back(std::move(*sum));
    else
      ++sums.not_shown;
  });
  return sums;
}

std::string metrics_page(const AppSums& apps, const EdgeFacts& facts) {
  PrometheusText text;
  add_routes(text, apps, facts);
  add_loops(text, facts);
  add_servers(text, facts);
  add_requests(text, apps);
  add_latencies(text, apps);
  add_counters(text, apps);
  if (facts.process) add_process(text, *facts.process);
  return text.take();
}

}  // namespace pixell::edge
