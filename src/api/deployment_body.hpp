#pragma once

#include <nlohmann/json_fwd.hpp>

#include "api/api.hpp"
#include "model/agent_app.hpp"
#include "store/store.hpp"

namespace pixell::api {

/// A deployment as /v1 shows it: with its strategy, how far it is, and its own state.
nlohmann::json deployment_body(const model::Deployment& deployment, UnixMillis now);

/// A deployment as `GET /api/deployments/{id}` shows it. `error` and `failure` are there only when
/// it failed, `progress` always as an object; one that was rolled back counts as failed.
nlohmann::json cli_deployment_body(const model::Deployment& deployment, UnixMillis now);

/// The 202 of an accepted deployment for the published tools: `deployment`, `tracking`, and
/// `package` when it is known.
Reply accepted_reply(const Call& call, const store::AcceptedDeployment& accepted);

}  // namespace pixell::api
