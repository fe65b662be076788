#include <fmt/format.h>

#include <algorithm>

#include "engine/ecs/limits.hpp"
#include "engine/ecs/steps.hpp"

namespace pixell::engine::ecs {

using nlohmann::json;

namespace {

constexpr Millis kSecond{1000};

json sorted(json list) {
  std::sort(list.begin(), list.end());
  return list;
}

json network_of(const Settings& settings) {
  return {{"awsvpcConfiguration",
           {{"subnets", settings.subnets},
            {"securityGroups", settings.security_groups},
            {"assignPublicIp", settings.has_public_address ? "ENABLED" : "DISABLED"}}}};
}

json load_balancers_of(const std::vector<Attachment>& attachments) {
  json list = json::array();
  for (const Attachment& each : attachments)
    list.push_back({{"targetGroupArn", each.target_group},
                    {"containerName", kContainer},
                    {"containerPort", each.port}});
  return sorted(std::move(list));
}

// What may be changed of a service, and is the same when it is made.
json changeable(const Work& work, const std::string& task_definition,
                const std::vector<Attachment>& attachments) {
  json parameters = {{"cluster", work.settings.cluster},
                     {"taskDefinition", task_definition},
                     {"desiredCount", work.aim.tasks},
                     {"networkConfiguration", network_of(work.settings)},
                     // Tasks come before others go. The breaker only ends a loop of failing starts:
                     // which revision serves then is not ECS's to decide.
                     {"deploymentConfiguration",
                      {{"minimumHealthyPercent", 100},
                       {"maximumPercent", 200},
                       {"deploymentCircuitBreaker", {{"enable", true}, {"rollback", false}}}}}};
  // An empty list takes them away.
  parameters["loadBalancers"] = load_balancers_of(attachments);
  if (!attachments.empty()) {
    const auto startup = (work.aim.spec.startup_timeout + kSecond - Millis(1)) / kSecond;
    parameters["healthCheckGracePeriodSeconds"] = startup;
  }
  return parameters;
}

Tags service_tags(const Work& work) {
  Tags tags = work.slot_tags();
  tags[kRevisionTag] = std::to_string(work.aim.spec.revision);
  return tags;
}

// The service, if only as what is left of a deleted one for a while, or null.
Result<json> find(const Work& work, const std::string& name) {
  const auto answer =
      work.look("ecs", "DescribeServices",
                {{"cluster", work.settings.cluster}, {"services", {name}}, {"include", {"TAGS"}}});
  if (!answer && answer.error().name == "ClusterNotFoundException")
    return make_error(ErrorCode::FailedPrecondition,
                      fmt::format("the cluster {} is not there: create it, or set PAC_ECS_CLUSTER",
                                  work.settings.cluster));
  if (!answer) return aws::to_error(answer.error());
  const json services = list_at(*answer, "services");
  return services.empty() ? json() : services.front();
}

bool is_alive(const json& service) {
  return service.is_object() && text_at(service, "status") != "INACTIVE";
}

// A key that has to be the same, or the service must be made anew.
Result<void> check_fixed(const json& service, const std::string& name) {
  for (const auto& [field, wanted] :
       {std::pair("launchType", "FARGATE"), std::pair("schedulingStrategy", "REPLICA")})
    if (const std::string is = text_at(service, field); is != wanted)
      return make_error(
          ErrorCode::FailedPrecondition,
          fmt::format("the service {} has {}={}, which AWS cannot change to {}: delete "
                      "the service, and it is made anew",
                      name, field, is.empty() ? "nothing" : is, wanted));
  return {};
}

bool has_same_network(const json& service, const Settings& settings) {
  const json wanted = network_of(settings).at("awsvpcConfiguration");
  const json is = service.value("networkConfiguration", json::object())
                      .value("awsvpcConfiguration", json::object());
  return sorted(list_at(is, "subnets")) == sorted(wanted.at("subnets")) &&
         sorted(list_at(is, "securityGroups")) == sorted(wanted.at("securityGroups")) &&
         text_at(is, "assignPublicIp") == text_at(wanted, "assignPublicIp");
}

bool has_same_load_balancers(const json& service, const json& wanted) {
  json is = json::array();
  for (const json& each : list_at(service, "loadBalancers"))
    is.push_back({{"targetGroupArn", text_at(each, "targetGroupArn")},
                  {"containerName", text_at(each, "containerName")},
                  {"containerPort", each.value("containerPort", 0)}});
  return sorted(is) == list_at(wanted, "loadBalancers");
}

Result<std::string> adopt(const Work& work, const json& service, const std::string& name,
                          json wanted) {
  const Tags tags = read_tags(list_at(service, "tags"));
  if (!is_ours(tags, work.names.installation(), work.aim.spec.app_id))
    return foreign(work, fmt::format("the service {} of {}", name, work.settings.cluster),
                   "PAC_ECS_NAME_PREFIX");
  if (text_at(service, "status") == "DRAINING")
    return Error{.code = ErrorCode::Unavailable,
                 .message = fmt::format("the service {} is still being deleted; it is made anew "
                                        "when that is done",
                                        name),
                 .retry = Retry::Later};
  TRY_VOID(check_fixed(service, name));
  const std::string arn = text_at(service, "serviceArn");
  const bool is_same = text_at(service, "taskDefinition") == wanted.at("taskDefinition") &&
                       service.value("desiredCount", -1) == work.aim.tasks &&
                       has_same_network(service, work.settings) &&
                       has_same_load_balancers(service, wanted);
  if (!is_same) {
    wanted["service"] = name;
    TRY_VOID(plain(work.change("ecs", "UpdateService", name, wanted)));
  }
  const Tags wished = service_tags(work);
  if (!std::includes(tags.begin(), tags.end(), wished.begin(), wished.end()))
    TRY_VOID(plain(work.change("ecs", "TagResource", arn,
                               {{"resourceArn", arn}, {"tags", ecs_tags(wished)}})));
  return arn;
}

}  // namespace

Result<std::string> ensure_service(const Work& work, const std::string& task_definition,
                                   const std::vector<Attachment>& attachments) {
  const std::string name = work.names.service(work.aim.spec.app_id, work.aim.slot);
  const json wanted = changeable(work, task_definition, attachments);
  TRY(json service, find(work, name));
  if (is_alive(service)) return adopt(work, service, name, wanted);
  json request = wanted;
  if (attachments.empty()) request.erase("loadBalancers");
  request["serviceName"] = name;
  request["launchType"] = "FARGATE";
  request["schedulingStrategy"] = "REPLICA";
  request["enableECSManagedTags"] = true;
  // Those of the service change while tasks of two revisions run.
  request["propagateTags"] = "TASK_DEFINITION";
  request["tags"] = ecs_tags(service_tags(work));
  // The same request, sent again after a lost answer, is the same service; but not that of before
  // the last deletion.
  request["clientToken"] = client_token(
      fmt::format("{}/{}/{}/{}", work.names.installation(), name, request.dump(), service.dump()));
  const auto made = work.change("ecs", "CreateService", name, request);
  if (made) return text_at(made->value("service", json::object()), "serviceArn");
  // "Creation of service was not idempotent": somebody was faster, perhaps we with another request.
  if (made.error().name == "InvalidParameterException") {
    TRY(service, find(work, name));
    if (is_alive(service)) return adopt(work, service, name, wanted);
  }
  return aws::to_error(made.error());
}

}  // namespace pixell::engine::ecs
