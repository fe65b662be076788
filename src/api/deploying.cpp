#include "api/deploying.hpp"

#include <nlohmann/json.hpp>

#include "api/conditions.hpp"
#include "api/deployment_body.hpp"

namespace pixell::api {

namespace {

// What it was before anybody worked on it.
model::Deployment as_accepted(const model::Deployment& deployment) {
  model::Deployment accepted = deployment;
  accepted.state = model::DeploymentState::Queued;
  accepted.steps = model::new_deployment_steps();
  accepted.rollout = {};
  accepted.failure.reset();
  accepted.generation = 1;
  accepted.started_at = 0;
  accepted.completed_at = 0;
  return accepted;
}

}  // namespace

OrReply<store::AcceptedDeployment> accept(const ApiContext& context, const Call& call,
                                          store::NewDeployment wanted) {
  wanted.idempotency_key = call.idempotency_key;
  wanted.request_digest = call.request_digest;
  auto accepted = context.store.accept_deployment(wanted);
  if (!accepted) return std::unexpected(refused_write(context, call, accepted.error()));
  if (accepted->is_repeat) accepted->deployment = as_accepted(accepted->deployment);
  return std::move(*accepted);
}

Reply deployment_accepted(const ApiContext& context, const model::Deployment& deployment) {
  Reply reply =
      json_reply(202, {{"deployment", deployment_body(deployment, context.clock.unix_now())}});
  reply.headers.add("location", "/v1/deployments/" + deployment.id);
  return reply;
}

}  // namespace pixell::api
