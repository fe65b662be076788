#pragma once

#include <memory>

#include "base/log.hpp"
#include "net/client.hpp"
#include "net/event_loop.hpp"
#include "net/stream.hpp"
#include "par/surface/agent_view.hpp"
#include "par/surface/route_match.hpp"

namespace pixell::par {

/// Everything par serves, on every listener alike. Decides with match_route() and hands over:
///
///   gRPC ─▶ a2a_grpc          health ─▶ health_routes      meta, B/, ui-config ─▶ builtin_routes
///   UI file ─▶ ui_files       agent's HTTP ─▶ rest_proxy   (404 ─▶ index.html of the UI)
class Routes final : public net::Service {
 public:
  /// The name of the listener on a UI port of its own.
  static constexpr const char* kUiListener = "ui";

  Routes(net::EventLoop& loop, net::HttpClient& client, const AgentView& view, Log log)
      : loop_(loop), client_(client), view_(view), log_(std::move(log)) {}

  std::unique_ptr<net::StreamHandler> on_request(net::ServerStream& stream) override;

 private:
  using Handler = std::unique_ptr<net::StreamHandler>;
  Handler answer(net::ServerStream& stream);
  Handler answer_surface(net::ServerStream& stream, const RouteMatch& match);
  Handler forward(net::ServerStream& stream, const RouteMatch& match);

  net::EventLoop& loop_;
  net::HttpClient& client_;
  const AgentView& view_;
  Log log_;
};

}  // namespace pixell::par
