#include "engine/ecs/rules.hpp"

#include <algorithm>
#include <charconv>

#include "engine/ecs/limits.hpp"

namespace pixell::engine::ecs {

using nlohmann::json;

std::string balancer_of(std::string listener) {
  if (const std::size_t at = listener.find(":listener/"); at != std::string::npos)
    listener.replace(at, std::string_view(":listener/").size(), ":loadbalancer/");
  return listener.substr(0, listener.rfind('/'));
}

json actions_of(const std::vector<Leg>& legs) {
  json groups = json::array();
  for (const Leg& leg : legs)
    groups.push_back({{"TargetGroupArn", leg.arn}, {"Weight", leg.weight}});
  return json::array({{{"Type", "forward"}, {"ForwardConfig", {{"TargetGroups", groups}}}}});
}

std::vector<Leg> legs_in(const json& rule) {
  std::vector<Leg> legs;
  for (const json& action : list_at(rule, "Actions"))
    for (const json& each :
         list_at(action.value("ForwardConfig", json::object()), "TargetGroups")) {
      Leg leg{.arn = text_at(each, "TargetGroupArn"), .weight = 1};
      // A rule with one group may have none.
      const std::string weight = text_at(each, "Weight");
      std::from_chars(weight.data(), weight.data() + weight.size(), leg.weight);
      legs.push_back(std::move(leg));
    }
  return legs;
}

Result<std::vector<json>> rules_of(const Work& work, const std::string& listener) {
  std::vector<json> rules;
  TRY_VOID(work.pages("elbv2", "DescribeRules", {{"ListenerArn", listener}}, [&](const json& page) {
    for (const json& each : list_at(page, "Rules"))
      if (text_at(each, "Priority") != "default") rules.push_back(each);
    return true;
  }));
  return rules;
}

Result<std::map<std::string, Tags>> tags_of(const Work& work,
                                            const std::vector<std::string>& arns) {
  std::map<std::string, Tags> all;
  for (std::size_t from = 0; from < arns.size(); from += kMaxTagged) {
    const auto begin = arns.begin() + std::ptrdiff_t(from);
    const std::vector<std::string> batch(
        begin, begin + std::ptrdiff_t(std::min(kMaxTagged, arns.size() - from)));
    TRY(const json answer, plain(work.look("elbv2", "DescribeTags", {{"ResourceArns", batch}})));
    for (const json& each : list_at(answer, "TagDescriptions"))
      all[text_at(each, "ResourceArn")] = read_tags(list_at(each, "Tags"));
  }
  return all;
}

Result<json> find_target_group(const Work& work, const std::string& name) {
  const auto answer = work.look("elbv2", "DescribeTargetGroups", {{"Names", {name}}});
  if (!answer && answer.error().name == "TargetGroupNotFound") return json();
  if (!answer) return aws::to_error(answer.error());
  const json groups = list_at(*answer, "TargetGroups");
  return groups.empty() ? json() : groups.front();
}

Result<bool> has_healthy_target(const Work& work, const std::string& target_group) {
  TRY(const json answer,
      plain(work.look("elbv2", "DescribeTargetHealth", {{"TargetGroupArn", target_group}})));
  for (const json& each : list_at(answer, "TargetHealthDescriptions"))
    if (text_at(each.value("TargetHealth", json::object()), "State") == "healthy") return true;
  return false;
}

}  // namespace pixell::engine::ecs
