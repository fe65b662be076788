#include "engine/ecs/plan.hpp"

#include <algorithm>

#include "engine/ecs/limits.hpp"
#include "engine/ecs/rules.hpp"
#include "engine/ecs/scaling_target.hpp"
#include "engine/ecs/steps.hpp"
#include "engine/ecs/task_definition.hpp"
#include "engine/ecs/transient_journal.hpp"
#include "engine/ecs/vcpu_quota.hpp"

namespace pixell::engine::ecs {

using nlohmann::json;

namespace {

/// Counts what there is.
class Counting {
 public:
  Counting(PlanningServices& aws, std::stop_token stop)
      : aws_(aws), options_{.lane = aws::Lane::Deploy, .region = {}, .stop = std::move(stop)} {}

  Result<std::int64_t> listed(const char* service, const char* action, const json& parameters,
                              const char* list) {
    std::int64_t count = 0;
    const auto answer = aws_.pages(service, action, parameters, options_, [&](const json& page) {
      count += static_cast<std::int64_t>(list_at(page, list).size());
      return true;
    });
    // A load balancer that has none yet.
    if (!answer && answer.error().name != "TargetGroupNotFound")
      return aws::to_error(answer.error());
    return count;
  }

  Result<std::int64_t> services(const std::string& cluster) {
    TRY(const json answer,
        plain(aws_.call("ecs", "DescribeClusters", {{"clusters", {cluster}}}, options_)));
    for (const json& each : list_at(answer, "clusters"))
      return each.value("activeServicesCount", std::int64_t{0});
    return 0;
  }

 private:
  PlanningServices& aws_;
  aws::Services::Options options_;
};

Result<void> count_load_balancer(Counting& counting, const PlanningServices& aws, Plan& plan) {
  const std::vector<json> rules = aws.asked("elbv2 CreateRule");
  const auto groups = static_cast<std::int64_t>(aws.asked("elbv2 CreateTargetGroup").size());
  if (rules.empty()) return {};
  const std::string listener = text_at(rules.front(), "ListenerArn");
  Quota of_rules{.name = "rules of the load balancer",
                 .added = static_cast<std::int64_t>(rules.size()),
                 .most = kQuotaRules};
  TRY(of_rules.used,
      counting.listed("elbv2", "DescribeRules", {{"ListenerArn", listener}}, "Rules"));
  of_rules.used = std::max<std::int64_t>(0, of_rules.used - 1);  // not the default one
  Quota of_groups{
      .name = "target groups of the load balancer", .added = groups, .most = kQuotaTargetGroups};
  TRY(of_groups.used,
      counting.listed("elbv2", "DescribeTargetGroups", {{"LoadBalancerArn", balancer_of(listener)}},
                      "TargetGroups"));
  plan.quotas.push_back(std::move(of_rules));
  plan.quotas.push_back(std::move(of_groups));
  return {};
}

// What the service runs already is what its new tasks take the place of.
Result<void> count_processors(PlanningServices& aws, const PlanParts& parts, const Aim& aim,
                              Plan& plan, const std::stop_token& stop) {
  if (aws.asked("ecs CreateService").empty() && aws.asked("ecs UpdateService").empty()) return {};
  TRY(const TaskSize size, fargate_size(aim.spec.resources));
  TRY(const VcpuUse use, count_vcpus(aws, parts.settings.cluster,
                                     parts.names.service(aim.spec.app_id, aim.slot), stop));
  const std::int64_t added = size.cpu_units * aim.tasks - use.of_service;
  if (added <= 0) return {};
  plan.quotas.push_back({.name = "vCPUs of Fargate On-Demand, by tasks of the cluster",
                         .used = use.running,
                         .added = added,
                         .most = use.most,
                         .unit = kUnitsOfVcpu,
                         .note = use.note});
  return {};
}

// Only of what would be made: a plan that makes nothing needs no room.
Result<void> count(PlanningServices& aws, const PlanParts& parts, const Aim& aim, Plan& plan,
                   const std::stop_token& stop) {
  Counting counting(aws, stop);
  if (!aws.asked("ecs CreateService").empty()) {
    TRY(const std::int64_t services, counting.services(parts.settings.cluster));
    plan.quotas.push_back(
        {.name = "services of the cluster", .used = services, .added = 1, .most = kQuotaServices});
    plan.quotas.push_back({.name = "tasks of the service",
                           .used = 0,
                           .added = aim.tasks,
                           .most = kMaxTasksOfService});
  }
  TRY_VOID(count_processors(aws, parts, aim, plan, stop));
  TRY_VOID(count_load_balancer(counting, aws, plan));
  if (aws.asked("secretsmanager CreateSecret").empty()) return {};
  TRY(const std::int64_t secrets,
      counting.listed("secretsmanager", "ListSecrets", json::object(), "SecretList"));
  plan.quotas.push_back({.name = "secrets of the account in this region",
                         .used = secrets,
                         .added = 1,
                         .most = kQuotaSecrets});
  return {};
}

}  // namespace

Result<Plan> plan_service(const PlanParts& parts, const Aim& aim,
                          const std::optional<model::Scaling>& scaling, std::stop_token stop) {
  PlanningServices services(parts.outside, parts.environment);
  TransientJournal journal;
  ServiceSync sync(services, journal, parts.settings, parts.names);
  TRY_VOID(sync.ensure(aim, stop));
  if (scaling) {
    const Work work{services, journal, parts.settings, parts.names, aim, stop};
    TRY_VOID(ensure_scaling(work, *scaling, false));
  }
  Plan plan;
  plan.changes = services.changes();
  TRY_VOID(count(services, parts, aim, plan, stop));
  return plan;
}

Result<Slot> slot_of(const PlanParts& parts, const std::string& app_id, std::int64_t revision,
                     std::stop_token stop) {
  aws::Services services(parts.outside, parts.environment);
  const std::string first = parts.names.service(app_id, Slot::A);
  const std::string second = parts.names.service(app_id, Slot::B);
  TRY(const json answer, plain(services.call("ecs", "DescribeServices",
                                             {{"cluster", parts.settings.cluster},
                                              {"services", {first, second}},
                                              {"include", {"TAGS"}}},
                                             {.region = {}, .stop = std::move(stop)})));
  bool has_first = false;
  for (const json& each : list_at(answer, "services")) {
    if (text_at(each, "status") == "INACTIVE") continue;
    const Slot slot = text_at(each, "serviceName") == second ? Slot::B : Slot::A;
    has_first |= slot == Slot::A;
    if (read_tags(list_at(each, "tags"))[kRevisionTag] == std::to_string(revision)) return slot;
  }
  return has_first ? Slot::B : Slot::A;
}

namespace {

// Whole numbers without a point.
json number(std::int64_t amount, std::int64_t unit) {
  return amount % unit == 0 ? json(amount / unit) : json(double(amount) / double(unit));
}

}  // namespace

json to_json(const Plan& plan) {
  json shown = {{"quotas", json::array()}, {"changes", json::array()}};
  for (const Quota& each : plan.quotas) {
    json quota = {{"name", each.name},
                  {"used", number(each.used, each.unit)},
                  {"added", number(each.added, each.unit)},
                  {"most", number(each.most, each.unit)},
                  {"is_enough", each.is_enough()}};
    if (!each.note.empty()) quota["note"] = each.note;
    shown["quotas"].push_back(std::move(quota));
  }
  for (const PlannedChange& each : plan.changes) {
    json fields = json::array();
    for (const Difference& one : each.differences)
      fields.push_back({{"field", one.field}, {"is", one.is}, {"wanted", one.wanted}});
    shown["changes"].push_back({{"action", each.action},
                                {"resource", each.resource},
                                {"change", each.kind},
                                {"differences", std::move(fields)}});
  }
  return shown;
}

}  // namespace pixell::engine::ecs
