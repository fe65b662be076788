#include <nlohmann/json.hpp>

#include "api/event_query.hpp"
#include "api/handlers.hpp"
#include "api/limits.hpp"

namespace pixell::api {

Reply list_events(const ApiContext& context, Call& call) {
  Parameters parameters(call);
  store::EventFilter filter = read_event_filter(parameters);
  filter.limit = parameters.limit();
  if (auto wrong = parameters.wrong()) return std::move(*wrong);
  const auto events = context.store.events(filter);
  if (!events) return problem(context, events.error());
  return events_reply(*events, filter.after);
}

}  // namespace pixell::api
