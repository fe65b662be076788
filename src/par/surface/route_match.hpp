#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pixell::par {

/// What a request is for. Decided from its head alone; docs of the order are on match_route().
enum class Route {
  Health,        ///< /health, B/health
  A2aHealth,     ///< /a2a/health, B/a2a/health
  UiHealth,      ///< /ui/health, B/ui/health
  UiPortHealth,  ///< /health on the port of its own that the UI has when not multiplexed
  AgentHealth,   ///< /agents/{id}/health, B/agents/{id}/health
  Meta,          ///< B/meta
  Metrics,       ///< /metrics, B/metrics, unless they are turned off
  ServiceInfo,   ///< B/, unless a page is asked for and UI or own server may have one
  AddSlash,      ///< B and other mounts without their slash
  UiConfig,      ///< ui-config.json under a UI mount
  Grpc,          ///< any gRPC call
  AgentCard,     ///< .well-known/agent.json of an agent with A2A, here and below /a2a
  A2aRpc,        ///< POST B, B/a2a: JSON-RPC
  A2aStream,     ///< POST B/stream, B/a2a/stream: JSON-RPC answered with events
  A2aRespond,    ///< POST B/respond, B/a2a/respond: the parameters of the method `respond`
  Invoke,        ///< POST B/invoke: the manifest's entrypoint
  Rest,          ///< the agent's REST application, path unchanged
  HttpServer,    ///< the agent's own HTTP server, path without B and B/a2a
  UiFile,        ///< nothing but a UI file can answer
  DoubledBase,   ///< B/B/…: not found
  NotFound,
  MethodNotAllowed,
};

/// The parts of a request that matter.
struct RouteRequest {
  std::string_view method;
  std::string_view path;  ///< as sent, without query
  bool is_grpc = false;
  bool accepts_html = false;  ///< Accept names text/html
  bool on_ui_port = false;    ///< came in on the separate UI port
};

/// What is configured.
struct RouteContext {
  std::string_view base;  ///< B
  bool multiplexed = true;
  bool has_ui = false;
  std::string_view ui_base;  ///< ui.basePath with leading, without trailing slash; empty for "/"
  bool has_rest = false;
  bool has_http_server = false;
  bool has_metrics = false;
  bool has_a2a_http = false;
  bool has_entrypoint = false;
  /// "METHOD /path" without B: what of the A2A paths the REST application serves itself.
  std::span<const std::string> rest_claims = {};
};

struct RouteMatch {
  Route route = Route::NotFound;
  std::string agent_id;  ///< AgentHealth: the id asked for
  /// Paths under the UI folder ("" = index.html), still percent-encoded: the first that is a file
  /// answers before the agent is asked.
  std::vector<std::string> ui_paths;
  /// After a 404 of the agent, or no agent: index.html answers (single-page applications).
  bool spa_fallback = false;
  std::string agent_path;  ///< HttpServer, Grpc: the path passed on
};

/// Decides. Order: gRPC; built-in endpoints (GET and HEAD only: other methods on their paths go to
/// the agent); B/B/…; A2A over HTTP and the entrypoint, but for paths the REST application claims;
/// mounts without slash; ui-config.json; UI files that exist, then the agent, then
/// index.html; not found. With both a REST application and an own HTTP server, /api, /docs, /redoc
/// and /openapi.json are REST's and the rest is the server's. Pure.
RouteMatch match_route(const RouteRequest& request, const RouteContext& context);

/// `path` without `prefix` when it is under it ("/" when nothing is left), else `path`.
std::string_view strip_prefix(std::string_view path, std::string_view prefix);

}  // namespace pixell::par
