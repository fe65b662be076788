#include "cmd/par/package_routes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "model/language.hpp"
#include "par/surface/agent_view.hpp"
#include "par/surface/route_match.hpp"

namespace pixell::cmd {

namespace {

using par::Route;

// The word for a route, and what it says; the agent's own are completed by describe().
std::pair<const char*, const char*> names_of(Route route) {
  switch (route) {
    case Route::Health:
      return {"health", "built in: health of all surfaces"};
    case Route::A2aHealth:
      return {"a2a_health", "built in: health of A2A"};
    case Route::UiHealth:
    case Route::UiPortHealth:
      return {"ui_health", "built in: health of the UI"};
    case Route::AgentHealth:
      return {"agent_health", "built in: health of the agent"};
    case Route::Meta:
      return {"meta", "built in: package, boot, limits"};
    case Route::Metrics:
      return {"metrics", "built in: Prometheus figures"};
    case Route::ServiceInfo:
      return {"service_info", "built in: service information"};
    case Route::AddSlash:
      return {"add_slash", "built in: redirect to the path with a slash"};
    case Route::UiConfig:
      return {"ui_config", "built in: where the UI finds its API"};
    case Route::Grpc:
      return {"grpc", "gRPC pixell.agent.AgentService"};
    case Route::AgentCard:
      return {"agent_card", "A2A over HTTP: agent card"};
    case Route::A2aRpc:
      return {"a2a_rpc", "A2A over HTTP: JSON-RPC"};
    case Route::A2aStream:
      return {"a2a_stream", "A2A over HTTP: events"};
    case Route::A2aRespond:
      return {"a2a_respond", "A2A over HTTP: respond"};
    case Route::Invoke:
      return {"invoke", "entrypoint"};
    case Route::Rest:
      return {"rest", "REST"};
    case Route::HttpServer:
      return {"http_server", "the agent's HTTP server"};
    case Route::UiFile:
      return {"ui_file", "UI"};
    case Route::DoubledBase:
      return {"not_found", "404: the base path twice"};
    case Route::NotFound:
      return {"not_found", "404"};
    case Route::MethodNotAllowed:
      return {"method_not_allowed", "405"};
  }
  std::unreachable();
}

std::string describe(const par::RouteMatch& match, const model::Manifest& manifest) {
  const auto [word, text] = names_of(match.route);
  std::string place = text;
  if (match.route == Route::Rest) place += ": " + manifest.rest->entry;
  if (match.route == Route::Invoke) place += ": " + manifest.entrypoint;
  if (match.route == Route::HttpServer)
    place += fmt::format(": {} (sees {})", model::own_server_of(manifest), match.agent_path);
  if (!match.ui_paths.empty()) {
    const std::string files = fmt::format("files of {}", manifest.ui->path);
    place = match.route == Route::UiFile ? files : fmt::format("{}, else {}", files, place);
  }
  if (match.spa_fallback) place += ", else index.html";
  return place;
}

std::vector<std::string> usual_paths(const par::AgentView& view) {
  const std::string& base = view.base_path;
  std::vector<std::string> paths = {"/health",           base + "/health", base + "/a2a/health",
                                    base + "/ui/health", base + "/meta",   base + "/metrics",
                                    base + "/"};
  if (view.manifest->a2a) paths.push_back("GRPC /pixell.agent.AgentService/*");
  for (const char* path :
       {"GET {}/.well-known/agent.json", "POST {}/a2a", "POST {}/a2a/stream", "POST {}/a2a/respond",
        "POST {}/invoke", "GET {}/api/*", "POST {}/api/*"})
    paths.push_back(fmt::format(fmt::runtime(path), base));
  if (view.manifest->ui)
    for (const char* path : {"/", "/ui-config.json", "/assets/app.js", "/some/page"})
      paths.push_back(base + (view.ui_base.empty() ? "/ui" : view.ui_base) + path);
  paths.push_back("GET " + base + "/*");
  paths.push_back("POST " + base + "/*");
  if (!base.empty()) paths.push_back("/*");
  std::vector<std::string> once;
  for (std::string& path : paths)
    if (std::ranges::find(once, path) == once.end()) once.push_back(std::move(path));
  return once;
}

}  // namespace

std::vector<RouteLine> package_routes(const model::Manifest& manifest, const std::string& base,
                                      const std::vector<std::string>& paths) {
  par::AgentView view;
  view.base_path = base;
  par::describe_surfaces(view, manifest, 0);
  const par::RouteContext context{.base = view.base_path,
                                  .has_ui = par::has_ui(view),
                                  .ui_base = view.ui_base,
                                  .has_rest = view.has_rest,
                                  .has_http_server = view.has_http_server,
                                  .has_metrics = true,
                                  .has_a2a_http = view.has_a2a_http,
                                  .has_entrypoint = view.has_entrypoint};
  std::vector<RouteLine> lines;
  for (const std::string& asked : paths.empty() ? usual_paths(view) : paths) {
    const std::size_t blank = asked.find(' ');
    RouteLine line{.method = blank == std::string::npos ? "GET" : asked.substr(0, blank),
                   .path = blank == std::string::npos ? asked : asked.substr(blank + 1),
                   .route = {},
                   .goes_to = {}};
    const bool is_grpc = line.method == "GRPC";
    const auto match = par::match_route(
        {.method = is_grpc ? std::string_view("POST") : std::string_view(line.method),
         .path = line.path,
         .is_grpc = is_grpc},
        context);
    line.route = names_of(match.route).first;
    line.goes_to = describe(match, manifest);
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace pixell::cmd
