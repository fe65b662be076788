#include "engine/ecs/planning_services.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace pixell::engine::ecs {

using nlohmann::json;

namespace {

// What a resource that is not there yet has as its ARN or id.
constexpr std::string_view kPlanned = "planned://";

// Makes what is not there, and changes what is.
constexpr const char* kPut = "put";

/// What an action changes, and how its answer looks.
struct Shape {
  std::string_view action;
  const char* kind;
  const char* identity;       ///< the parameter that says which resource
  const char* known_as = "";  ///< what a description of it calls that
  const char* arn = "";       ///< where the answer has what was made
};
constexpr std::array kShapes{
    Shape{"secretsmanager CreateSecret", "create", "Name", "", "/ARN"},
    Shape{"secretsmanager PutSecretValue", "update", "SecretId"},
    Shape{"secretsmanager RestoreSecret", "update", "SecretId"},
    Shape{"logs CreateLogGroup", "create", "logGroupName"},
    Shape{"logs PutRetentionPolicy", "update", "logGroupName"},
    Shape{"ecs RegisterTaskDefinition", "replace", "family", "family",
          "/taskDefinition/taskDefinitionArn"},
    Shape{"ecs CreateService", "create", "serviceName", "", "/service/serviceArn"},
    Shape{"ecs UpdateService", "update", "service", "serviceName"},
    Shape{"ecs TagResource", "update", "resourceArn", "serviceArn"},
    Shape{"elbv2 CreateTargetGroup", "create", "Name", "", "/TargetGroups/0/TargetGroupArn"},
    Shape{"elbv2 ModifyTargetGroup", "update", "TargetGroupArn", "TargetGroupArn"},
    Shape{"elbv2 ModifyTargetGroupAttributes", "update", "TargetGroupArn"},
    Shape{"elbv2 DeleteTargetGroup", "delete", "TargetGroupArn"},
    Shape{"elbv2 CreateRule", "create", "Priority", "", "/Rules/0/RuleArn"},
    Shape{"elbv2 ModifyRule", "update", "RuleArn", "RuleArn"},
    Shape{"application-autoscaling RegisterScalableTarget", kPut, "ResourceId", "ResourceId"},
    Shape{"application-autoscaling PutScalingPolicy", kPut, "PolicyName", "PolicyName"},
};

// Of a request these say which resource or which request it is. Requests with values of a
// deployment are not compared at all: nothing describes what they change.
constexpr std::array kNotCompared{"cluster",        "service", "resourceArn", "RuleArn",
                                  "TargetGroupArn", "family",  "clientToken", "SecretId"};

const Shape* shape_of(std::string_view action) {
  const auto found = std::find_if(kShapes.begin(), kShapes.end(),
                                  [&](const Shape& each) { return each.action == action; });
  return found == kShapes.end() ? nullptr : &*found;
}

std::string text_of(const json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

bool is_planned(const json& value) { return value.dump().find(kPlanned) != std::string::npos; }

json tags_in(const json& parameters) {
  for (const char* name : {"Tags", "tags"})
    if (const auto found = parameters.find(name); found != parameters.end()) return *found;
  return json::array();
}

// Services that speak XML answer with texts.
json as_texts(const json& parameters) {
  json texts = json::object();
  for (const auto& [name, value] : parameters.items())
    texts[name] = value.is_primitive() ? json(text_of(value)) : value;
  return texts;
}

// The fullest description in an answer of what is called so: a rule names its target groups too.
const json* described_in(const json& answer, const std::string& known_as,
                         const std::string& identity) {
  const json* fullest = nullptr;
  if (answer.is_object() && answer.value(known_as, json()) == identity) fullest = &answer;
  if (!answer.is_structured()) return fullest;
  for (const json& each : answer) {
    const json* below = described_in(each, known_as, identity);
    if (below != nullptr && (fullest == nullptr || below->size() > fullest->size()))
      fullest = below;
  }
  return fullest;
}

}  // namespace

std::vector<json> PlanningServices::asked(std::string_view action) const {
  std::vector<json> all;
  for (const auto& [name, parameters] : asked_)
    if (name == action) all.push_back(parameters);
  return all;
}

json PlanningServices::found(const std::string& known_as, const std::string& identity) const {
  if (known_as.empty()) return {};
  for (auto answer = seen_.rbegin(); answer != seen_.rend(); ++answer)
    if (const json* object = described_in(*answer, known_as, identity)) {
      json whole = *object;
      // Of a task definition they stand beside it.
      if (!whole.contains("tags") && answer->contains("tags")) whole["tags"] = answer->at("tags");
      return whole;
    }
  return {};
}

json PlanningServices::record(std::string_view service, std::string_view action,
                              const json& parameters) {
  const std::string name = fmt::format("{} {}", service, action);
  asked_.emplace_back(name, parameters);
  const Shape* shape = shape_of(name);
  PlannedChange change{.action = name, .resource = {}, .kind = "update", .differences = {}};
  if (shape != nullptr && parameters.contains(shape->identity))
    change.resource = text_of(parameters.at(shape->identity));
  if (shape != nullptr) change.kind = shape->kind;
  const json before = shape == nullptr ? json() : found(shape->known_as, change.resource);
  if (change.kind == kPut) change.kind = before.is_null() ? "create" : "update";
  if (before.is_null() && change.kind == "replace") change.kind = "create";
  json wanted = parameters;
  for (const char* each : kNotCompared) wanted.erase(each);
  if (!before.is_null()) change.differences = differences(before, wanted);
  changes_.push_back(std::move(change));

  json answer = json::object();
  if (shape == nullptr || *shape->arn == '\0') return answer;
  const std::string arn = fmt::format("{}{}/{}", kPlanned, service, changes_.back().resource);
  tags_[arn] = tags_in(parameters);
  answer[json::json_pointer(shape->arn)] = arn;
  if (name == "elbv2 CreateTargetGroup") answer["TargetGroups"][0].update(as_texts(parameters));
  return answer;
}

aws::Answer<json> PlanningServices::look_at_planned(std::string_view service,
                                                    std::string_view action, const json& parameters,
                                                    const Options& options) {
  if (action != "DescribeTags") return json::object();
  json described = json::array();
  json others = json::array();
  for (const json& arn : parameters.at("ResourceArns")) {
    if (const auto planned = tags_.find(text_of(arn)); planned != tags_.end())
      described.push_back({{"ResourceArn", arn}, {"Tags", planned->second}});
    else
      others.push_back(arn);
  }
  if (others.empty()) return json{{"TagDescriptions", described}};
  auto answer = Services::call(service, action, {{"ResourceArns", others}}, options);
  if (!answer) return answer;
  for (const json& each : described) (*answer)["TagDescriptions"].push_back(each);
  return answer;
}

aws::Answer<json> PlanningServices::call(std::string_view service, std::string_view action,
                                         const json& parameters, const Options& options) {
  const aws::Action* row = aws::find_action(service, action);
  if (row != nullptr && row->action_class != "read") return record(service, action, parameters);
  if (is_planned(parameters)) return look_at_planned(service, action, parameters, options);
  auto answer = Services::call(service, action, parameters, options);
  if (answer) seen_.push_back(*answer);
  return answer;
}

}  // namespace pixell::engine::ecs
