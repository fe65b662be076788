#include <nlohmann/json.hpp>

#include "api/handlers.hpp"
#include "api/limits.hpp"
#include "api/lookups.hpp"
#include "api/parameters.hpp"
#include "api/resource_bodies.hpp"

namespace pixell::api {

Reply list_instances(const ApiContext& context, Call& call) {
  Parameters parameters(call);
  const std::size_t limit = parameters.limit();
  const std::string phase =
      parameters.choice("phase", {"starting", "ready", "draining", "stopped", "failed"});
  store::InstanceFilter filter{.revision = parameters.number("revision", 0, 1, kMaxWireNumber),
                               .phase = model::parse_instance_phase(phase),
                               .after_id = parameters.cursor(),
                               .limit = limit + 1};
  if (auto wrong = parameters.wrong()) return std::move(*wrong);
  auto app = app_in_query(context, call);
  if (!app) return std::move(app).error();
  filter.app_id = std::move(*app);
  auto instances = context.store.instances(filter);
  if (!instances) return problem(context, instances.error());
  const std::string next = next_page(*instances, limit, [](const auto& each) { return each.id; });
  return page_reply("instances", list_body(*instances, instance_body), next);
}

Reply get_instance(const ApiContext& context, Call& call) {
  const auto instance = context.store.instance(call.params[0]);
  if (!instance) return problem(context, instance.error());
  return json_reply(200, {{"instance", instance_body(*instance)}});
}

Reply get_instance_usage(const ApiContext& context, Call& call) {
  const auto usage = context.read_usage(call.params[0]);
  if (!usage) return problem(context, usage.error());
  return json_reply(200, {{"usage", model::to_json(*usage)}});
}

}  // namespace pixell::api
