#include "par/surface/route_match.hpp"

#include <algorithm>
#include <array>

namespace pixell::par {

namespace {

bool is_under(std::string_view path, std::string_view prefix) {
  return path.starts_with(prefix) && (path.size() == prefix.size() || path[prefix.size()] == '/');
}

// "/agents/{id}/health" → id, else empty.
std::string_view agent_of_health(std::string_view path) {
  constexpr std::string_view kHead = "/agents/", kTail = "/health";
  if (!path.starts_with(kHead) || !path.ends_with(kTail) ||
      path.size() <= kHead.size() + kTail.size())
    return {};
  const auto id = path.substr(kHead.size(), path.size() - kHead.size() - kTail.size());
  return id.find('/') == std::string_view::npos ? id : std::string_view();
}

bool has_extension(std::string_view path) {
  return path.substr(path.rfind('/') + 1).find('.') != std::string_view::npos;
}

// Paths that belong to programs: a page must never come back instead of an error.
bool is_program_path(std::string_view rel) {
  constexpr std::array<std::string_view, 3> kPrograms = {"/api", "/a2a", "/.well-known"};
  return std::ranges::any_of(kPrograms, [rel](auto prefix) { return is_under(rel, prefix); });
}

bool is_rest_path(std::string_view rel) {
  constexpr std::array<std::string_view, 4> kRest = {"/api", "/docs", "/redoc", "/openapi.json"};
  return std::ranges::any_of(kRest, [rel](auto prefix) { return is_under(rel, prefix); });
}

// A built-in endpoint, or NotFound. `rel` is the path without B.
RouteMatch match_built_in(const RouteRequest& request, const RouteContext& context,
                          std::string_view rel) {
  if (request.path == "/health" && request.on_ui_port && !context.multiplexed)
    return {.route = Route::UiPortHealth};
  // B/health wins over /agents/{id}/health where both are the same path; its body has both.
  if (rel == "/health" || request.path == "/health") return {.route = Route::Health};
  if (rel == "/a2a/health" || request.path == "/a2a/health") return {.route = Route::A2aHealth};
  if (rel == "/ui/health" || request.path == "/ui/health") return {.route = Route::UiHealth};
  if (context.has_metrics && (rel == "/metrics" || request.path == "/metrics"))
    return {.route = Route::Metrics};
  for (const std::string_view path : {request.path, rel})
    if (const auto id = agent_of_health(path); !id.empty())
      return {.route = Route::AgentHealth, .agent_id = std::string(id)};
  if (!is_under(request.path, context.base)) return {};
  if (rel == "/meta") return {.route = Route::Meta};
  if (request.path == context.base && !context.base.empty()) return {.route = Route::AddSlash};
  return {};
}

// A2A over HTTP and the entrypoint, or NotFound. An own server answers them itself.
RouteMatch match_calls(const RouteRequest& request, const RouteContext& context,
                       std::string_view rel) {
  struct Path {
    std::string_view method, path;
    Route route;
  };
  constexpr std::array<Path, 6> kPaths = {{{"GET", "/.well-known/agent.json", Route::AgentCard},
                                           {"HEAD", "/.well-known/agent.json", Route::AgentCard},
                                           {"POST", "/", Route::A2aRpc},
                                           {"POST", "/stream", Route::A2aStream},
                                           {"POST", "/respond", Route::A2aRespond},
                                           {"POST", "/invoke", Route::Invoke}}};
  if (context.has_http_server) return {};
  const std::string_view path = strip_prefix(rel, "/a2a");
  const auto found = std::ranges::find_if(kPaths, [&](const Path& known) {
    return known.method == request.method && known.path == path;
  });
  if (found == kPaths.end()) return {};
  const bool is_invoke = found->route == Route::Invoke;
  if (is_invoke ? !context.has_entrypoint || path != rel : !context.has_a2a_http) return {};
  std::string claim(request.method == "HEAD" ? "GET" : request.method);
  claim.append(" ").append(rel == "/a2a/" ? "/a2a" : rel);
  if (std::ranges::find(context.rest_claims, claim) != context.rest_claims.end()) return {};
  return {.route = found->route};
}

// Where a path with the base path lies in the UI: under the mount, or under B/ui, which works too.
struct UiPlace {
  bool is_inside = false;
  bool lacks_slash = false;
  bool is_only_ui = false;         // under B/ui: no program calls anything there
  std::vector<std::string> paths;  // below the folder, without leading slash
};

UiPlace place_in_ui(std::string_view rel, const RouteContext& context) {
  UiPlace place;
  for (const std::string_view mount : {context.ui_base, std::string_view("/ui")}) {
    if (!is_under(rel, mount)) continue;
    place.is_inside = true;
    place.is_only_ui = mount == "/ui";
    if (rel.size() == mount.size())
      place.lacks_slash = true;
    else
      place.paths.emplace_back(rel.substr(mount.size() + 1));
  }
  return place;
}

RouteMatch match_agent(const RouteRequest& request, const RouteContext& context,
                       std::string_view rel) {
  RouteMatch match;
  if (context.has_http_server && !(context.has_rest && is_rest_path(rel))) {
    match.route = Route::HttpServer;
    match.agent_path = strip_prefix(rel, "/a2a");
  } else if (context.has_rest) {
    match.route = Route::Rest;
    match.agent_path = request.path;
  }
  return match;
}

}  // namespace

std::string_view strip_prefix(std::string_view path, std::string_view prefix) {
  if (prefix.empty() || !is_under(path, prefix)) return path;
  path.remove_prefix(prefix.size());
  return path.empty() ? std::string_view("/") : path;
}

RouteMatch match_route(const RouteRequest& request, const RouteContext& context) {
  const std::string_view base = context.base;
  const bool is_based = is_under(request.path, base);
  const std::string_view rel = strip_prefix(request.path, base);
  if (request.is_grpc) return {.route = Route::Grpc};

  const bool is_get = request.method == "GET" || request.method == "HEAD";
  const RouteMatch built_in = match_built_in(request, context, rel);
  if (is_get && built_in.route != Route::NotFound) return built_in;
  if (!base.empty() && is_based && is_under(rel, base)) return {.route = Route::DoubledBase};

  if (RouteMatch call = match_calls(request, context, rel); call.route != Route::NotFound)
    return call;
  RouteMatch match = match_agent(request, context, rel);
  const bool is_info = is_based && rel == "/";
  UiPlace ui = is_get && context.has_ui && is_based ? place_in_ui(rel, context) : UiPlace{};
  // The port that the UI has for itself shows it to everybody.
  const bool shows_page = request.accepts_html || (request.on_ui_port && !context.multiplexed);
  // An own server may have a page here; programs, which ask for no page by name, get the JSON.
  const bool has_page =
      ui.is_inside ? shows_page : match.route == Route::HttpServer && request.accepts_html;
  if (is_info && is_get && !has_page) return {.route = Route::ServiceInfo};
  if (ui.lacks_slash) return {.route = Route::AddSlash};
  if (ui.is_inside) {
    if (ui.paths.back() == "ui-config.json") return {.route = Route::UiConfig};
    const bool wants_page =
        request.accepts_html ||
        ((match.route == Route::NotFound || ui.is_only_ui) && !has_extension(rel));
    match.spa_fallback =
        wants_page && !is_program_path(rel) && !is_program_path("/" + ui.paths.back());
    match.ui_paths = std::move(ui.paths);
    if (match.route == Route::NotFound) match.route = Route::UiFile;
  } else if (match.route == Route::NotFound && (built_in.route != Route::NotFound || is_info)) {
    match.route = Route::MethodNotAllowed;
  }
  return match;
}

}  // namespace pixell::par
