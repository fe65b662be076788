#include "aws/policy.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "aws/services.hpp"

namespace pixell::aws {

using nlohmann::ordered_json;

namespace {

// AWS's own for one account in China and in the government's regions.
std::string_view partition_of(std::string_view region) {
  if (region.starts_with("cn-")) return "aws-cn";
  if (region.starts_with("us-gov-")) return "aws-us-gov";
  return "aws";
}

using Words = std::vector<std::pair<std::string, std::string>>;

Words words_of(const PolicyScope& scope) {
  const std::string partition(partition_of(scope.region));
  const auto arn = [&](std::string_view service) {
    return fmt::format("arn:{}:{}:{}:{}", partition, service, scope.region, scope.account);
  };
  return {{"{partition}", partition},
          {"{region}", scope.region},
          {"{account}", scope.account},
          {"{ecs}", arn("ecs")},
          {"{elb}", arn("elasticloadbalancing")},
          {"{logs}", arn("logs")},
          {"{secrets}", arn("secretsmanager")},
          {"{discovery}", arn("servicediscovery")},
          {"{cluster}", scope.cluster},
          {"{prefix}", scope.name_prefix},
          {"{target_prefix}", scope.target_group_prefix},
          {"{log_group}", scope.log_group},
          {"{bucket}", scope.bucket},
          {"{repository}", scope.repository},
          {"{task_role}", scope.task_role},
          {"{execution_role}", scope.execution_role},
          {"{tag}", scope.installation_tag},
          {"{installation}", scope.installation},
          {"{like}", scope.installation == "*" ? "StringLike" : "StringEquals"}};
}

std::string filled(std::string_view shape, const Words& words) {
  std::string text(shape);
  for (const auto& [word, value] : words)
    for (std::size_t at = text.find(word); at != std::string::npos;
         at = text.find(word, at + value.size()))
      text.replace(at, word.size(), value);
  return text;
}

ordered_json one_or_list(const ordered_json& list) {
  return list.size() == 1 ? list.front() : list;
}

ordered_json resources_of(const StatementShape& shape, const Words& words) {
  ordered_json list = ordered_json::array();
  for (std::size_t at = 0; at < shape.resources.size();) {
    const std::size_t end = std::min(shape.resources.find(' ', at), shape.resources.size());
    list.push_back(filled(shape.resources.substr(at, end - at), words));
    at = end + 1;
  }
  return one_or_list(list);
}

// IAM knows a service by the name that requests are signed with.
std::string iam_name(const Permission& permission) {
  const Service* service = find_service(permission.service);
  return fmt::format("{}:{}", service == nullptr ? permission.service : service->signing_name,
                     permission.action);
}

}  // namespace

ordered_json policy_document(Role role, const PolicyScope& scope) {
  const Words words = words_of(scope);
  ordered_json list = ordered_json::array();
  for (const StatementShape& shape : statements()) {
    if (shape.role != role || (shape.needs_load_balancer && !scope.has_load_balancer)) continue;
    ordered_json actions = ordered_json::array();
    for (const Permission& each : permissions())
      if (each.statement == shape.id) actions.push_back(iam_name(each));
    ordered_json statement = {{"Sid", shape.id},
                              {"Effect", "Allow"},
                              {"Action", one_or_list(actions)},
                              {"Resource", resources_of(shape, words)}};
    if (!shape.condition.empty())
      statement["Condition"] = ordered_json::parse(filled(shape.condition, words));
    list.push_back(std::move(statement));
  }
  return {{"Version", "2012-10-17"}, {"Statement", std::move(list)}};
}

}  // namespace pixell::aws
