#include <array>

#include "api/handlers.hpp"

namespace pixell::api {

std::span<const RouteEntry> routes() {
  static constexpr std::array kRoutes = {
      RouteEntry{"POST", "/deployments", create_deployment},
      RouteEntry{"GET", "/api/deployments/queue/stats", queue_stats},
      RouteEntry{"GET", "/api/deployments/{deployment}", get_deployment},
      RouteEntry{"POST", "/api/agent-apps/{app}/packages/deploy", deploy_package},
      RouteEntry{"GET", "/v1/apps", list_apps},
      RouteEntry{"GET", "/v1/apps/{app}", get_app},
      RouteEntry{"GET", "/v1/instances/{instance}/logs", get_instance_log},
      RouteEntry{"GET", "/v1/system", system},
      RouteEntry{"GET", "/healthz", health},
      RouteEntry{"GET", "/metrics", metrics},
      RouteEntry{"GET", "/openapi.json", openapi},
      RouteEntry{"GET", "/internal/routes", pull_routes},
      RouteEntry{"POST", "/internal/edges/{edge}/measurements", take_measurements},
  };
  return kRoutes;
}

}  // namespace pixell::api
