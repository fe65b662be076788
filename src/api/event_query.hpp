#pragma once

#include <vector>

#include "api/api.hpp"
#include "api/parameters.hpp"

namespace pixell::api {

/// Which events the query asks for: after, app, kind.
store::EventFilter read_event_filter(Parameters& parameters);

/// {"events", "last_sequence"}: the sequence of the last one, else `after`.
Reply events_reply(const std::vector<store::Event>& events, std::int64_t after);

}  // namespace pixell::api
