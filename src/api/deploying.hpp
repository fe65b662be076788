#pragma once

#include "api/api.hpp"
#include "store/store.hpp"

namespace pixell::api {

/// Records a deployment under the request's Idempotency-Key, so that a crash before the answer was
/// kept does not deploy twice: a repeat gets the deployment as it was accepted. Else the answer:
/// 409 for conflicts, 404 for a revision that is not there.
OrReply<store::AcceptedDeployment> accept(const ApiContext& context, const Call& call,
                                          store::NewDeployment wanted);

/// The 202 of /v1 for a deployment, with its Location.
Reply deployment_accepted(const ApiContext& context, const model::Deployment& deployment);

}  // namespace pixell::api
