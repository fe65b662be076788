#include "par/surface/routes.hpp"

#include <unistd.h>

#include <utility>

#include "base/prometheus_text.hpp"
#include "model/health.hpp"
#include "net/reply.hpp"
#include "par/observe/metrics_page.hpp"
#include "par/surface/a2a_grpc.hpp"
#include "par/surface/a2a_http.hpp"
#include "par/surface/builtin_routes.hpp"
#include "par/surface/cors.hpp"
#include "par/surface/health_routes.hpp"
#include "par/surface/observed_exchange.hpp"
#include "par/surface/rest_proxy.hpp"
#include "par/surface/ui_files.hpp"
#include "par/surface/ui_serving.hpp"
#include "par/worker/agent.hpp"

namespace pixell::par {

namespace {

using Handler = std::unique_ptr<net::StreamHandler>;

Handler send(net::ServerStream& stream, const JsonAnswer& answer) {
  net::Headers headers;
  if (answer.status == 503) headers.add("retry-after", "1");
  net::send_json(stream, answer.status, answer.body, headers);
  return net::ignore_body();
}

Handler refuse_for_now(net::ServerStream& stream, const AgentView& view) {
  const JsonAnswer answer = not_ready_answer(view);
  net::send_json(stream, answer.status, answer.body, not_ready_marks(to_string(view.phase)));
  return net::ignore_body();
}

Handler not_found(net::ServerStream& stream) {
  return send(stream, {.status = 404, .body = R"({"detail":"Not Found"})"});
}

Handler add_slash(net::ServerStream& stream) {
  const net::RequestHead& request = stream.request();
  std::string location(request.path());
  location += '/';
  if (!request.query().empty()) location.append("?").append(request.query());
  net::Headers headers;
  headers.add("location", location);
  net::send_reply(stream, 307, "", "", headers);
  return net::ignore_body();
}

RouteContext context_of(const AgentView& view, bool has_metrics) {
  return {.base = view.base_path,
          .multiplexed = view.multiplexed,
          .has_ui = has_ui(view),
          .ui_base = view.ui_base,
          .has_rest = view.has_rest,
          .has_http_server = view.has_http_server,
          .has_metrics = has_metrics,
          .has_a2a_http = view.has_a2a_http,
          .has_entrypoint = view.has_entrypoint,
          .rest_claims = view.rest_claims};
}

// Whose request it is, for the figures; a UI file that is found says so itself.
Surface surface_of(Route route) {
  switch (route) {
    case Route::Grpc:
    case Route::AgentCard:
    case Route::A2aRpc:
    case Route::A2aStream:
    case Route::A2aRespond:
    case Route::Invoke:
      return Surface::A2a;
    case Route::Rest:
    case Route::HttpServer:
      return Surface::Rest;
    case Route::UiConfig:
    case Route::UiFile:
      return Surface::Ui;
    default:
      return Surface::Builtin;
  }
}

// The engine asks every few seconds; that is no traffic.
bool is_probe(const net::RequestHead& request) {
  return request.path() == "/health" && request.headers.get("user-agent") == model::kProbeUserAgent;
}

RouteRequest request_of(const net::ServerStream& stream) {
  const net::RequestHead& request = stream.request();
  const auto accept = request.headers.get("accept");
  return {.method = request.method,
          .path = request.path(),
          .is_grpc = request.is_grpc(),
          .accepts_html = accept && accept->find("text/html") != std::string_view::npos,
          .on_ui_port = stream.peer().listener == Routes::kUiListener};
}

}  // namespace

Handler Routes::on_request(net::ServerStream& stream) {
  if (is_probe(stream.request()))
    return send(stream, health_answer(view_, true, loop_.clock().unix_now()));
  auto exchange = std::make_unique<ObservedExchange>(stream, loop_.clock(), observer_,
                                                     open_exchanges_, access_log_);
  exchange->handle_with(answer(*exchange));
  return exchange;
}

Handler Routes::answer(ObservedExchange& stream) {
  if (is_preflight(stream.request())) {
    answer_preflight(stream);
    return net::ignore_body();
  }
  const RouteMatch match =
      match_route(request_of(stream), context_of(view_, observer_.has_metrics()));
  stream.set_surface(surface_of(match.route));
  // The path without B of the two that each health endpoint has; the same path when B is empty.
  const bool is_plain =
      !view_.base_path.empty() &&
      strip_prefix(stream.request().path(), view_.base_path) == stream.request().path();
  const UnixMillis now = loop_.clock().unix_now();
  switch (match.route) {
    case Route::Health:
      return answer_health(loop_, client_, view_, stream, !is_plain);
    case Route::AgentHealth:
      return send(stream, agent_health_answer(view_, match.agent_id));
    case Route::A2aHealth:
      return answer_a2a_health(loop_, client_, view_, stream, is_plain);
    case Route::UiHealth:
      return send(stream, ui_health_answer(view_, now));
    case Route::UiPortHealth:
      return send(stream, ui_port_health_answer(view_));
    case Route::Meta:
      return send(stream, meta_answer(view_));
    case Route::Metrics:
      return answer_metrics(stream);
    case Route::ServiceInfo:
      return send(stream, service_info_answer());
    case Route::AddSlash:
      return add_slash(stream);
    case Route::Grpc:
      return answer_grpc(loop_, client_, view_, stream, stream.trace());
    default:
      // Before the first ready nobody can say what the package will answer.
      if (!view_.is_open) return refuse_for_now(stream, view_);
      return answer_surface(stream, match);
  }
}

Handler Routes::answer_metrics(net::ServerStream& stream) {
  MetricsPageFacts facts{.phase = std::string(to_string(view_.phase)),
                         .is_ready = view_.is_ready,
                         .workers = view_.agent->workers(),
                         .workers_up = view_.agent->workers_up(),
                         .boot_ms = view_.boot_ms,
                         .boot_phases = view_.boot_phases,
                         .par = read_process_usage(::getpid()),
                         .worker = read_process_usage(view_.agent->pids())};
  net::send_reply(stream, 200, PrometheusText::kContentType,
                  metrics_page(observer_.metrics(), facts));
  return net::ignore_body();
}

Handler Routes::answer_surface(ObservedExchange& stream, const RouteMatch& match) {
  if (match.route == Route::UiConfig) return send(stream, ui_config_answer(view_));
  if (match.route == Route::DoubledBase) return not_found(stream);
  if (match.route == Route::MethodNotAllowed)
    return send(stream, {.status = 405, .body = R"({"detail":"Method Not Allowed"})"});
  if (is_a2a_http(match.route)) {
    if (!is_agent_up(view_)) return refuse_for_now(stream, view_);
    return answer_a2a_http({loop_, view_, event_streams_, stream.trace()}, stream, match.route);
  }
  if (view_.ui_files != nullptr) {
    for (const std::string& path : match.ui_paths)
      if (auto file = view_.ui_files->find(path, loop_.now())) {
        stream.set_surface(Surface::Ui);
        return serve_ui_file(loop_, stream, std::move(file));
      }
  }
  if (match.route == Route::Rest || match.route == Route::HttpServer) return forward(stream, match);
  if (match.spa_fallback && view_.ui_files != nullptr) {
    if (auto index = view_.ui_files->find("", loop_.now())) {
      stream.set_surface(Surface::Ui);
      return serve_ui_file(loop_, stream, std::move(index));
    }
  }
  return not_found(stream);
}

Handler Routes::forward(ObservedExchange& stream, const RouteMatch& match) {
  if (!is_agent_up(view_)) return refuse_for_now(stream, view_);
  const net::RequestHead& request = stream.request();
  AgentRequest forwarded{.is_for_own_server = match.route == Route::HttpServer,
                         .target = request.target,
                         .page_on_404 = match.spa_fallback ? view_.ui_files : nullptr,
                         .trace = &stream.trace()};
  if (forwarded.is_for_own_server) {
    forwarded.target = match.agent_path;
    if (!request.query().empty()) forwarded.target.append("?").append(request.query());
  }
  return proxy_to_agent(loop_, client_, stream, *view_.agent, std::move(forwarded));
}

}  // namespace pixell::par
