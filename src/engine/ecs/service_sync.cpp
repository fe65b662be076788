#include "engine/ecs/service_sync.hpp"

#include <fmt/format.h>

#include "engine/ecs/limits.hpp"
#include "engine/ecs/steps.hpp"

namespace pixell::engine::ecs {

namespace {

struct Balanced {
  std::vector<Attachment> attachments;
  std::vector<std::string> in_use;
  bool is_switching = false;
};

Result<void> check(const Aim& aim, const Settings& settings) {
  const auto refused = [](const char* name, int value, int least, int most) {
    return make_error(ErrorCode::InvalidArgument,
                      fmt::format("{}={}: give {} to {}", name, value, least, most));
  };
  if (aim.tasks < 0 || aim.tasks > kMaxTasksOfService)
    return refused("tasks", aim.tasks, 0, kMaxTasksOfService);
  const bool has_rules = settings.routing == Routing::Alb;
  if (has_rules && (aim.rule_priority < 1 || aim.rule_priority >= kMaxRulePriority))
    return refused("rule_priority", aim.rule_priority, 1, kMaxRulePriority - 1);
  return {};
}

// Target group, then rule: AWS takes a service only with target groups that a load balancer uses.
Result<Balanced> ensure_routes(const Work& work) {
  Balanced all;
  if (work.settings.routing != Routing::Alb) return all;
  for (const Surface surface : {Surface::Rest, Surface::Grpc}) {
    TRY(const std::string target_group, ensure_target_group(work, surface));
    TRY(const Forwarding forwarding, ensure_rule(work, surface, target_group));
    const int port = surface == Surface::Rest ? kRestPort : kGrpcPort;
    for (const std::string& each : forwarding.in_use) {
      all.attachments.push_back({.target_group = each, .port = port});
      all.in_use.push_back(each);
    }
    all.is_switching |= forwarding.is_switching;
  }
  return all;
}

}  // namespace

Result<ServicePlace> ServiceSync::ensure(const Aim& aim, std::stop_token stop) {
  TRY_VOID(check(aim, settings_));
  const Work work{.aws = aws_,
                  .journal = journal_,
                  .settings = settings_,
                  .names = names_,
                  .aim = aim,
                  .stop = std::move(stop)};
  ServicePlace place;
  TRY(const SecretPlace secret, ensure_secret(work));
  place.secret = secret.arn;
  TRY_VOID(ensure_log_group(work));
  TRY(place.task_definition, ensure_task_definition(work, secret));
  TRY(const Balanced routes, ensure_routes(work));
  place.is_switching = routes.is_switching;
  TRY(place.service, ensure_service(work, place.task_definition, routes.attachments));
  // Only now does the service not register its tasks there any more.
  TRY(const bool is_deleted, delete_retired(work, routes.in_use));
  place.is_switching |= !is_deleted;
  TRY_VOID(close_steps(work));
  return place;
}

}  // namespace pixell::engine::ecs
