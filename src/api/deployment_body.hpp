#pragma once

#include <nlohmann/json_fwd.hpp>

#include "api/api.hpp"
#include "model/agent_app.hpp"
#include "store/store.hpp"

namespace pixell::api {

/// A deployment as `GET /api/deployments/{id}` shows it. `error` and `failure` are there only when
/// it failed, `progress` always as an object.
nlohmann::json deployment_body(const model::Deployment& deployment, UnixMillis now);

/// The 202 of an accepted deployment: `deployment`, `tracking`, and `package` when it is known.
Reply accepted_reply(const Call& call, const store::AcceptedDeployment& accepted);

/// Turns a refused accept_deployment() into the answer clients expect (409 for conflicts).
Reply refused_deployment(const ApiContext& context, const Error& error);

}  // namespace pixell::api
