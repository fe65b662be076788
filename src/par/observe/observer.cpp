#include "par/observe/observer.hpp"

#include <charconv>
#include <chrono>

namespace pixell::par {

namespace {

constexpr std::int64_t kNanosPerMilli = 1'000'000;

std::int64_t nanos(Instant::duration time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time).count();
}

SpanAttribute text(std::string_view key, std::string_view value) {
  return {.key = key, .text = value};
}

SpanAttribute number(std::string_view key, std::int64_t value) {
  return {.key = key, .text = {}, .number = value, .is_number = true};
}

}  // namespace

void Observer::start(const std::string& program, const ObservedAgent& agent) {
  if (!settings_.exports) return;
  std::vector<std::pair<std::string, std::string>> more;
  for (const auto& [name, value] : settings_.resource)
    if (name != "service.name") more.emplace_back(name, value);
  telemetry_.start({.program = program,
                    .env = settings_.exporter_env,
                    .resource = resource_json({{"service.name", settings_.service_name},
                                               {"service.version", PIXELL_VERSION},
                                               {"pixell.agent_app_id", agent.app_id},
                                               {"pixell.deployment_id", agent.deployment_id}},
                                              more)});
}

// Names and attributes as OpenTelemetry's conventions for HTTP and RPC servers have them. The path
// is no part of an HTTP span's name: names are few.
void Observer::request_ended(const RequestSpan& request) {
  const RequestEnd& end = request.end;
  metrics_.request_ended(end);
  if (!request.trace.is_sampled || !telemetry_.is_on()) return;
  const bool is_grpc = !end.grpc_status.empty();
  Span span{.trace_id = request.trace.trace_id,
            .span_id = request.trace.span_id,
            .parent_span_id = request.trace.parent_span_id,
            .trace_state = request.trace.trace_state,
            .name = {},
            .kind = SpanKind::Server,
            .start_ns = request.began * kNanosPerMilli,
            .attributes = {},
            .is_error = end.status >= 500 || end.status == 0,
            .error = {}};
  span.end_ns = span.start_ns + nanos(end.took);
  std::string name(is_grpc && request.path.size() > 1 ? request.path.substr(1) : end.method);
  if (!is_grpc) name.append(" ").append(to_string(end.surface));
  span.name = name;
  span.attributes = {text("http.request.method", end.method),
                     text("url.path", request.path),
                     text("url.scheme", "http"),
                     number("http.response.status_code", end.status),
                     text("pixell.surface", to_string(end.surface)),
                     text("pixell.request_id", request.trace.request_id)};
  if (is_grpc) {
    std::int64_t code = 2;
    std::from_chars(end.grpc_status.data(), end.grpc_status.data() + end.grpc_status.size(), code);
    span.attributes.push_back(text("rpc.system", "grpc"));
    span.attributes.push_back(number("rpc.grpc.status_code", code));
    // What the convention counts as the server's fault.
    span.is_error = span.is_error || code == 2 || code == 4 || code == 12 || code == 13 ||
                    code == 14 || code == 15;
  }
  send(span);
}

void Observer::boot_ended(const std::vector<model::BootPhase>& phases, UnixMillis began,
                          const model::Failure* failure) {
  if (!telemetry_.is_on() || settings_.sampler.ratio <= 0) return;
  Span boot{.kind = SpanKind::Internal, .start_ns = began * kNanosPerMilli};
  ids_.fill(boot.trace_id);
  ids_.fill(boot.span_id);
  boot.name = "boot";
  std::int64_t at = boot.start_ns;
  for (const model::BootPhase& phase : phases) {
    Span span{.kind = SpanKind::Internal, .start_ns = at};
    span.trace_id = boot.trace_id;
    ids_.fill(span.span_id);
    span.parent_span_id = boot.span_id;
    const std::string name = "boot " + phase.name;
    span.name = name;
    at += static_cast<std::int64_t>(phase.millis * double(kNanosPerMilli));
    span.end_ns = at;
    span.is_error = failure != nullptr && &phase == &phases.back();
    send(span);
  }
  boot.end_ns = at;
  if (failure != nullptr) {
    boot.is_error = true;
    boot.error = failure->message;
    boot.attributes = {text("error.type", model::to_string(failure->cause))};
  }
  send(boot);
}

void Observer::send(const Span& span) {
  line_.clear();
  append_span(line_, span);
  telemetry_.send(line_);
}

}  // namespace pixell::par
