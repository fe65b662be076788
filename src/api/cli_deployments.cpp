#include <nlohmann/json.hpp>

#include "api/deployment_body.hpp"
#include "api/handlers.hpp"
#include "api/lookups.hpp"

// What the published tools ask about deployments.

namespace pixell::api {

namespace {

constexpr std::int64_t kManyQueued = 100;

}  // namespace

Reply get_deployment_for_cli(const ApiContext& context, Call& call) {
  const auto deployment = find_deployment(context, call.params[0]);
  if (!deployment) return deployment.error();
  return json_reply(200,
                    {{"deployment", cli_deployment_body(*deployment, context.clock.unix_now())}});
}

Reply queue_stats(const ApiContext& context, Call&) {
  const auto stats = context.store.queue_stats();
  if (!stats) return problem(context, stats.error());
  const bool is_backed_up = stats->queued > kManyQueued;
  return json_reply(
      200, {{"stats",
             {{"queued", stats->queued},
              {"processing", stats->processing},
              {"completed", stats->completed},
              {"failed", stats->failed},
              {"total", stats->queued + stats->processing + stats->completed + stats->failed}}},
            {"health",
             {{"status", is_backed_up ? "warning" : "healthy"},
              {"message", is_backed_up ? "more than 100 deployments wait"
                                       : "deployments are taken up as they come"}}},
            {"metrics",
             {{"avgProcessingTimeSeconds", stats->average_processing_seconds},
              {"lastUpdated", iso8601(stats->last_updated)}}}});
}

}  // namespace pixell::api
