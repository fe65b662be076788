#include "api/event_query.hpp"

#include <nlohmann/json.hpp>

#include "api/limits.hpp"
#include "api/resource_bodies.hpp"

namespace pixell::api {

store::EventFilter read_event_filter(Parameters& parameters) {
  return {.after = parameters.number("after", 0, 0, kMaxWireNumber),
          .app_id = parameters.text("app"),
          .kind = parameters.text("kind")};
}

Reply events_reply(const std::vector<store::Event>& events, std::int64_t after) {
  return json_reply(200, {{"events", list_body(events, event_body)},
                          {"last_sequence", events.empty() ? after : events.back().sequence}});
}

}  // namespace pixell::api
