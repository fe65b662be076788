#pragma once

#include <memory>

#include "net/client.hpp"
#include "net/event_loop.hpp"
#include "net/stream.hpp"
#include "par/observe/access_log.hpp"
#include "par/observe/observer.hpp"
#include "par/surface/a2a_events.hpp"
#include "par/surface/agent_view.hpp"
#include "par/surface/open_exchanges.hpp"
#include "par/surface/route_match.hpp"

namespace pixell::par {

class ObservedExchange;

/// Everything par serves, on every listener alike. Decides with match_route() and hands over:
///
///   gRPC ─▶ a2a_grpc          health ─▶ health_routes      meta, B/, ui-config ─▶ builtin_routes
///   /metrics ─▶ observe/metrics_page
///   UI file ─▶ ui_files, ui_serving   agent's HTTP ─▶ rest_proxy   (404 ─▶ index.html of the UI)
///   A2A over HTTP, entrypoint ─▶ a2a_http ─▶ a2a_events
class Routes final : public net::Service {
 public:
  /// The name of the listener on a UI port of its own.
  static constexpr const char* kUiListener = "ui";

  Routes(net::EventLoop& loop, net::HttpClient& client, const AgentView& view, Observer& observer,
         AccessLog& access_log)
      : loop_(loop), client_(client), view_(view), observer_(observer), access_log_(access_log) {}

  std::unique_ptr<net::StreamHandler> on_request(net::ServerStream& stream) override;

  /// The agent was told to stop: streams that it breaks off are ended in order.
  void expect_ends() { open_exchanges_.expect_ends(); }
  /// Ends every stream that has a way to say so: the time to end by themselves is over.
  void end_streams() {
    event_streams_.end_all("the runtime is shutting down");
    open_exchanges_.end_all();
  }

 private:
  using Handler = std::unique_ptr<net::StreamHandler>;
  Handler answer(ObservedExchange& stream);
  Handler answer_surface(ObservedExchange& stream, const RouteMatch& match);
  Handler forward(ObservedExchange& stream, const RouteMatch& match);
  Handler answer_metrics(net::ServerStream& stream);

  net::EventLoop& loop_;
  net::HttpClient& client_;
  const AgentView& view_;
  Observer& observer_;
  AccessLog& access_log_;
  EventStreams event_streams_;
  OpenExchanges open_exchanges_;
};

}  // namespace pixell::par
