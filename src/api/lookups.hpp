#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api/api.hpp"
#include "model/agent_app.hpp"

// What a request names, or the answer that it is not there.

namespace pixell::api {

/// By full or short id.
OrReply<model::AgentApp> find_app(const ApiContext& context, std::string_view id);
OrReply<model::Deployment> find_deployment(const ApiContext& context, std::string_view id);

/// The full id of an app that is there.
OrReply<std::string> id_of_app(const ApiContext& context, std::string_view id);

/// The full id of an app that is there, or the id a new app shall have; 400 when it cannot be one.
OrReply<std::string> id_for_upload(const ApiContext& context, std::string_view id);

/// The full id of the app that the query parameter `app` names; empty when there is none.
OrReply<std::string> app_in_query(const ApiContext& context, const Call& call);

/// The deployment of an app that is under way: the one that is worked on, else the first in the
/// queue.
OrReply<std::optional<model::Deployment>> open_rollout(const ApiContext& context,
                                                       std::string_view app_id);

}  // namespace pixell::api
