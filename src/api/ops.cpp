#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "api/handlers.hpp"
#include "api/openapi_json.hpp"

namespace pixell::api {

Reply health(const ApiContext& context, Call&) {
  // The store is what the control plane cannot do without.
  if (const auto checked = context.store.check(); !checked)
    return problem(503, "the store cannot be used: " + checked.error().message);
  return json_reply(
      200, {{"ok", true}, {"version", PIXELL_VERSION}, {"timestamp", context.clock.unix_now()}});
}

Reply metrics(const ApiContext& context, Call&) {
  const auto stats = context.store.queue_stats();
  if (!stats) return problem(context, stats.error());
  const auto apps = context.store.apps({});
  if (!apps) return problem(context, apps.error());
  const auto instances = context.store.instances({});
  if (!instances) return problem(context, instances.error());
  const auto open = context.store.deployments({.only_open = true});
  if (!open) return problem(context, open.error());
  std::size_t ready = 0;
  for (const auto& instance : *instances) ready += instance.phase == model::InstancePhase::Ready;
  std::size_t paused = 0;
  for (const auto& deployment : *open) paused += deployment.rollout.is_paused;
  return {.status = 200,
          .body = fmt::format("# TYPE pixell_deployments gauge\n"
                              "pixell_deployments{{state=\"queued\"}} {}\n"
                              "pixell_deployments{{state=\"processing\"}} {}\n"
                              "pixell_deployments{{state=\"completed\"}} {}\n"
                              "pixell_deployments{{state=\"failed\"}} {}\n"
                              "pixell_deployments{{state=\"rolled_back\"}} {}\n"
                              "# TYPE pixell_open_rollouts gauge\n"
                              "pixell_open_rollouts{{paused=\"false\"}} {}\n"
                              "pixell_open_rollouts{{paused=\"true\"}} {}\n"
                              "# TYPE pixell_agent_apps gauge\npixell_agent_apps {}\n"
                              "# TYPE pixell_instances gauge\n"
                              "pixell_instances{{phase=\"ready\"}} {}\n"
                              "pixell_instances{{phase=\"other\"}} {}\n",
                              stats->queued, stats->processing, stats->completed,
                              stats->failed - stats->rolled_back, stats->rolled_back,
                              open->size() - paused, paused, apps->size(), ready,
                              instances->size() - ready),
          .content_type = "text/plain; version=0.0.4"};
}

Reply system(const ApiContext& context, Call&) {
  const auto description = context.describe_system();
  if (!description) return problem(context, description.error());
  return json_reply(200, *description);
}

Reply openapi(const ApiContext&, Call&) {
  return {.status = 200, .body = std::string(kOpenapiJson)};
}

}  // namespace pixell::api
