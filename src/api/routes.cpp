#include <array>

#include "api/handlers.hpp"

namespace pixell::api {

std::span<const RouteEntry> routes() {
  using enum BodyUse;
  static constexpr std::array kRoutes = {
      RouteEntry{"POST", "/deployments", create_deployment, Text},
      RouteEntry{"GET", "/api/deployments/queue/stats", queue_stats},
      RouteEntry{"GET", "/api/deployments/{deployment}", get_deployment_for_cli},
      RouteEntry{"POST", "/api/agent-apps/{app}/packages/deploy", deploy_package},
      RouteEntry{"GET", "/api/agent-apps/{app}/packages", list_packages_for_cli},
      RouteEntry{"POST", "/api/agent-apps/{app}/packages", upload_package_for_cli},
      RouteEntry{"DELETE", "/api/agent-apps/{app}/packages/{package}", delete_package_for_cli},
      RouteEntry{"GET", "/v1/apps", list_apps},
      RouteEntry{"GET", "/v1/apps/{app}", get_app},
      RouteEntry{"PATCH", "/v1/apps/{app}", update_app, Text},
      RouteEntry{"DELETE", "/v1/apps/{app}", delete_app},
      RouteEntry{"GET", "/v1/apps/{app}/traffic", get_traffic},
      RouteEntry{"PUT", "/v1/apps/{app}/traffic", set_traffic, Text},
      RouteEntry{"GET", "/v1/apps/{app}/routing", get_routing},
      RouteEntry{"PUT", "/v1/apps/{app}/routing", set_routing, Text},
      RouteEntry{"POST", "/v1/apps/{app}/rollback", roll_back, Text},
      RouteEntry{"GET", "/v1/apps/{app}/deployments", list_app_deployments},
      RouteEntry{"POST", "/v1/apps/{app}/deployments", deploy, Text},
      RouteEntry{"GET", "/v1/apps/{app}/revisions", list_revisions},
      RouteEntry{"GET", "/v1/apps/{app}/revisions/{revision}", get_revision},
      RouteEntry{"DELETE", "/v1/apps/{app}/revisions/{revision}", delete_revision},
      RouteEntry{"GET", "/v1/apps/{app}/packages", list_packages},
      RouteEntry{"POST", "/v1/apps/{app}/packages", upload_package},
      RouteEntry{"GET", "/v1/apps/{app}/packages/{package}", get_package},
      RouteEntry{"DELETE", "/v1/apps/{app}/packages/{package}", delete_package},
      RouteEntry{"GET", "/v1/apps/{app}/logs", get_app_log},
      RouteEntry{"GET", "/v1/deployments", list_deployments},
      RouteEntry{"GET", "/v1/deployments/{deployment}", get_deployment},
      RouteEntry{"POST", "/v1/deployments/{deployment}/{command}", command_rollout, Text},
      RouteEntry{"GET", "/v1/instances", list_instances},
      RouteEntry{"GET", "/v1/instances/{instance}", get_instance},
      RouteEntry{"GET", "/v1/instances/{instance}/logs", get_instance_log},
      RouteEntry{"GET", "/v1/instances/{instance}/usage", get_instance_usage},
      RouteEntry{"GET", "/v1/events", list_events},
      RouteEntry{"GET", "/v1/watch", watch},
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
