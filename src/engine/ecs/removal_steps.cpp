#include "engine/ecs/removal_steps.hpp"

#include <fmt/format.h>

#include <set>

#include "engine/ecs/limits.hpp"
#include "engine/ecs/rules.hpp"

namespace pixell::engine::ecs {

using nlohmann::json;

namespace {

/// One of our rules.
struct OurRule {
  std::string arn;
  std::vector<Leg> legs;
};

Result<std::vector<OurRule>> our_rules(const Work& work) {
  std::vector<OurRule> ours;
  for (const std::string& listener : work.settings.listeners) {
    TRY(const std::vector<json> rules, rules_of(work, listener));
    std::vector<std::string> arns;
    for (const json& rule : rules) arns.push_back(text_at(rule, "RuleArn"));
    TRY(const auto tags, tags_of(work, arns));
    for (const json& rule : rules) {
      const auto found = tags.find(text_at(rule, "RuleArn"));
      if (found != tags.end() &&
          is_ours(found->second, work.names.installation(), work.aim.spec.app_id))
        ours.push_back({.arn = found->first, .legs = legs_in(rule)});
    }
  }
  return ours;
}

// Those of our target groups that rules and services lead to, and those of today's names.
Result<std::set<std::string>> our_groups(const Work& work, const std::vector<OurRule>& rules) {
  std::set<std::string> named;
  for (const OurRule& rule : rules)
    for (const Leg& leg : rule.legs) named.insert(leg.arn);
  for (const Slot each : {Slot::A, Slot::B}) {
    TRY(const json service, find_service(work, each));
    for (const json& balancer : list_at(service, "loadBalancers"))
      named.insert(text_at(balancer, "targetGroupArn"));
    if (work.settings.routing != Routing::Alb) continue;
    for (const Surface surface : {Surface::Rest, Surface::Grpc}) {
      TRY(const json group, find_target_group(work, target_group_name(work, each, surface)));
      if (!group.is_null()) named.insert(text_at(group, "TargetGroupArn"));
    }
  }
  std::set<std::string> ours;
  // One by one where one of them may be gone, which a service may outlive.
  for (const std::string& arn : named) {
    const auto answer = work.look("elbv2", "DescribeTags", {{"ResourceArns", {arn}}});
    if (!answer && answer.error().name == "TargetGroupNotFound") continue;
    if (!answer) return aws::to_error(answer.error());
    for (const json& each : list_at(*answer, "TagDescriptions"))
      if (is_ours(read_tags(list_at(each, "Tags")), work.names.installation(),
                  work.aim.spec.app_id))
        ours.insert(arn);
  }
  return ours;
}

// A secret, or null: not there, or being deleted.
Result<json> find_secret(const Work& work, const std::string& name) {
  const auto found = work.look("secretsmanager", "DescribeSecret", {{"SecretId", name}});
  if (!found && found.error().name == "ResourceNotFoundException") return json();
  if (!found) return aws::to_error(found.error());
  const bool is_deleted = found->contains("DeletedDate") && !found->at("DeletedDate").is_null();
  return is_deleted ? json() : *found;
}

}  // namespace

Result<json> find_service(const Work& work, Slot slot) {
  const std::string name = work.names.service(work.aim.spec.app_id, slot);
  const auto answer =
      work.look("ecs", "DescribeServices",
                {{"cluster", work.settings.cluster}, {"services", {name}}, {"include", {"TAGS"}}});
  // With the cluster all of its services are gone.
  if (!answer && answer.error().name == "ClusterNotFoundException") return json();
  if (!answer) return aws::to_error(answer.error());
  for (const json& service : list_at(*answer, "services")) {
    if (text_at(service, "status") == "INACTIVE") continue;
    if (is_ours(read_tags(list_at(service, "tags")), work.names.installation(),
                work.aim.spec.app_id))
      return service;
    return foreign_stays(work, fmt::format("the service {} of {}", name, work.settings.cluster));
  }
  return json();
}

Result<void> delete_rule(const Work& work, const std::string& arn) {
  const auto gone = work.change("elbv2", "DeleteRule", arn, {{"RuleArn", arn}});
  if (!gone && gone.error().name != "RuleNotFound") return aws::to_error(gone.error());
  return {};
}

Result<void> delete_rules(const Work& work) {
  TRY(const std::vector<OurRule> rules, our_rules(work));
  TRY(const std::set<std::string> groups, our_groups(work, rules));
  // Once they are in no rule and no service, only the journal knows that they have to go.
  for (const std::string& group : groups)
    TRY_VOID(work.journal.begin(work.step("elbv2", kDeleteTargetGroup, group)));
  for (const OurRule& rule : rules) TRY_VOID(delete_rule(work, rule.arn));
  return {};
}

Result<void> take_tasks_back(const Work& work) {
  TRY(const std::string space, find_namespace(work));
  if (space.empty()) return {};
  TRY(const json service, find_discovery(work, space));
  if (service.is_null()) return {};
  TRY(const bool has_our_tags, is_our_discovery(work, service));
  if (!has_our_tags)
    return foreign_stays(work, fmt::format("the service {} of Cloud Map",
                                           work.names.discovery(work.aim.spec.app_id)));
  const std::string id = text_at(service, "Id");
  TRY(const auto instances, discovery_instances(work, id));
  for (const auto& [task, attributes] : instances) TRY_VOID(deregister_task(work, id, task));
  return {};
}

Result<bool> delete_discovery(const Work& work) {
  TRY_VOID(take_tasks_back(work));
  TRY(const std::string space, find_namespace(work));
  if (space.empty()) return true;
  TRY(const json service, find_discovery(work, space));
  if (service.is_null()) return true;
  const std::string id = text_at(service, "Id");
  const auto gone = work.change("servicediscovery", "DeleteService", id, {{"Id", id}});
  if (gone || gone.error().name == "ServiceNotFound") return true;
  // It deregisters later than it answers.
  if (gone.error().name == "ResourceInUse") return false;
  return aws::to_error(gone.error());
}

Result<bool> deregister_definitions(const Work& work) {
  const std::string family = work.names.app(work.aim.spec.app_id);
  std::vector<std::string> arns;
  TRY_VOID(work.pages("ecs", "ListTaskDefinitions",
                      {{"familyPrefix", family}, {"status", "ACTIVE"}}, [&](const json& page) {
                        for (const json& each : list_at(page, "taskDefinitionArns")) {
                          const std::string arn = each.is_string() ? each.get<std::string>() : "";
                          const std::size_t end = arn.rfind(':');
                          if (end != std::string::npos &&
                              arn.substr(0, end).ends_with("/" + family))
                            arns.push_back(arn);
                        }
                        return true;
                      }));
  std::size_t deregistered = 0;
  for (const std::string& arn : arns) {
    if (deregistered == kDeregisteredAtOnce) return false;
    TRY(const json described, plain(work.look("ecs", "DescribeTaskDefinition",
                                              {{"taskDefinition", arn}, {"include", {"TAGS"}}})));
    if (!is_ours(read_tags(list_at(described, "tags")), work.names.installation(),
                 work.aim.spec.app_id))
      continue;
    TRY_VOID(plain(work.change("ecs", "DeregisterTaskDefinition", arn, {{"taskDefinition", arn}})));
    ++deregistered;
  }
  return true;
}

Result<void> delete_secret(const Work& work) {
  const std::string name = work.names.app(work.aim.spec.app_id);
  TRY(const json found, find_secret(work, name));
  if (found.is_null()) return {};
  if (!is_ours(read_tags(list_at(found, "Tags")), work.names.installation(), work.aim.spec.app_id))
    return foreign_stays(work, "the secret " + name);
  json request = {{"SecretId", text_at(found, "ARN")}};
  if (work.settings.secret_recovery_days == 0)
    request["ForceDeleteWithoutRecovery"] = true;
  else
    request["RecoveryWindowInDays"] = work.settings.secret_recovery_days;
  const auto gone = work.change("secretsmanager", "DeleteSecret", name, request);
  if (gone) return {};
  // Repeated after a lost answer, it is refused because of what it did.
  TRY(const json left, find_secret(work, name));
  if (left.is_null()) return {};
  return aws::to_error(gone.error());
}

}  // namespace pixell::engine::ecs
