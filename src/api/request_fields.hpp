#pragma once

#include "api/fields.hpp"
#include "model/agent_app.hpp"
#include "model/rollout.hpp"
#include "model/traffic.hpp"

// The larger parts of requests, read member by member.

namespace pixell::api {

/// The strategy under "strategy"; the usual one when it is absent.
model::Strategy read_strategy(Fields& fields);

/// The time allowed that `name` asks for in seconds, else the usual time and what the stages of the
/// strategy take.
Millis read_time_allowed(Fields& fields, std::string_view name, const model::Strategy& strategy);

/// A tag under "tag"; empty when it is absent.
std::string read_tag(Fields& fields);

/// A whole Traffic, checked by itself: whether its revisions exist is the store's to say.
model::Traffic read_traffic(Fields& fields);

/// A whole Routing, checked by itself: whose names they are, and which legs there are, is the
/// store's to say.
model::Routing read_routing(Fields& fields);

/// The settings with what the request changes, scaling as a whole and null for none; a finding when
/// it changes nothing.
model::AppSettings read_settings(Fields& fields, const model::AppSettings& now);

}  // namespace pixell::api
