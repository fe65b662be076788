#include "api/lookups.hpp"

namespace pixell::api {

OrReply<model::AgentApp> find_app(const ApiContext& context, std::string_view id) {
  auto app = context.store.app(id);
  if (!app) return std::unexpected(problem(context, app.error()));
  return std::move(*app);
}

OrReply<model::Deployment> find_deployment(const ApiContext& context, std::string_view id) {
  auto deployment = context.store.deployment(id);
  if (!deployment) return std::unexpected(problem(context, deployment.error()));
  return std::move(*deployment);
}

OrReply<std::string> id_for_upload(const ApiContext& context, std::string_view id) {
  const auto app = context.store.app(id);
  if (app) return app->id;
  if (app.error().code != ErrorCode::NotFound)
    return std::unexpected(problem(context, app.error()));
  if (const auto checked = model::check_app_id(id); !checked)
    return std::unexpected(invalid_request({{"app", checked.error().message}}));
  return std::string(id);
}

OrReply<std::string> id_of_app(const ApiContext& context, std::string_view id) {
  auto app = find_app(context, id);
  if (!app) return std::unexpected(std::move(app).error());
  return std::move(app->id);
}

OrReply<std::string> app_in_query(const ApiContext& context, const Call& call) {
  const std::string id = call.query("app");
  return id.empty() ? OrReply<std::string>(id) : id_of_app(context, id);
}

OrReply<std::optional<model::Deployment>> open_rollout(const ApiContext& context,
                                                       std::string_view app_id) {
  auto open = context.store.deployments({.app_id = std::string(app_id), .only_open = true});
  if (!open) return std::unexpected(problem(context, open.error()));
  for (model::Deployment& deployment : *open)
    if (deployment.state == model::DeploymentState::Processing)
      return std::optional(std::move(deployment));
  if (open->empty()) return std::optional<model::Deployment>();
  return std::optional(std::move(open->back()));
}

}  // namespace pixell::api
