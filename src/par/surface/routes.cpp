#include "par/surface/routes.hpp"

#include <utility>

#include "net/reply.hpp"
#include "par/surface/a2a_grpc.hpp"
#include "par/surface/builtin_routes.hpp"
#include "par/surface/cors.hpp"
#include "par/surface/health_routes.hpp"
#include "par/surface/observed_exchange.hpp"
#include "par/surface/rest_proxy.hpp"
#include "par/surface/ui_files.hpp"

namespace pixell::par {

namespace {

using Handler = std::unique_ptr<net::StreamHandler>;

Handler send(net::ServerStream& stream, const JsonAnswer& answer) {
  net::Headers headers;
  if (answer.status == 503) headers.add("retry-after", "1");
  net::send_json(stream, answer.status, answer.body, headers);
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

RouteContext context_of(const AgentView& view) {
  return {.base = view.base_path,
          .multiplexed = view.multiplexed,
          .has_ui = has_ui(view),
          .ui_base = view.ui_base,
          .has_rest = view.has_rest,
          .has_http_server = view.has_http_server};
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
  auto exchange = std::make_unique<ObservedExchange>(stream, loop_.clock(), log_);
  exchange->handle_with(answer(*exchange));
  return exchange;
}

Handler Routes::answer(net::ServerStream& stream) {
  if (is_preflight(stream.request())) {
    answer_preflight(stream);
    return net::ignore_body();
  }
  const RouteMatch match = match_route(request_of(stream), context_of(view_));
  // The path without B of the two that each health endpoint has; the same path when B is empty.
  const bool is_plain =
      !view_.base_path.empty() &&
      strip_prefix(stream.request().path(), view_.base_path) == stream.request().path();
  const UnixMillis now = loop_.clock().unix_now();
  switch (match.route) {
    case Route::Health:
      return send(stream, health_answer(view_, !is_plain, now));
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
    case Route::ServiceInfo:
      return send(stream, service_info_answer());
    case Route::AddSlash:
      return add_slash(stream);
    case Route::Grpc:
      return answer_grpc(loop_, client_, view_, stream);
    default:
      // Before the first ready nobody can say what the package will answer.
      if (!view_.is_open) return send(stream, not_ready_answer(view_));
      return answer_surface(stream, match);
  }
}

Handler Routes::answer_surface(net::ServerStream& stream, const RouteMatch& match) {
  if (match.route == Route::UiConfig) return send(stream, ui_config_answer(view_));
  if (match.route == Route::DoubledBase) return not_found(stream);
  if (match.route == Route::MethodNotAllowed)
    return send(stream, {.status = 405, .body = R"({"detail":"Method Not Allowed"})"});
  if (view_.ui_files != nullptr) {
    for (const std::string& path : match.ui_paths)
      if (auto file = view_.ui_files->find(path))
        return serve_ui_file(loop_, stream, std::move(*file));
  }
  if (match.route == Route::Rest || match.route == Route::HttpServer) return forward(stream, match);
  if (match.spa_fallback && view_.ui_files != nullptr) {
    if (auto index = view_.ui_files->find(""))
      return serve_ui_file(loop_, stream, std::move(*index));
  }
  return not_found(stream);
}

Handler Routes::forward(net::ServerStream& stream, const RouteMatch& match) {
  if (!is_agent_up(view_)) return send(stream, not_ready_answer(view_));
  const net::RequestHead& request = stream.request();
  AgentRequest forwarded{.upstream = view_.rest_socket,
                         .target = request.target,
                         .page_on_404 = match.spa_fallback ? view_.ui_files : nullptr};
  if (match.route == Route::HttpServer) {
    forwarded.upstream = view_.http_socket;
    forwarded.target = match.agent_path;
    if (!request.query().empty()) forwarded.target.append("?").append(request.query());
  }
  return proxy_to_agent(loop_, client_, stream, std::move(forwarded));
}

}  // namespace pixell::par
