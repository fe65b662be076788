#include "engine/ecs/scaling_target.hpp"

#include <fmt/format.h>

#include "engine/ecs/limits.hpp"

namespace pixell::engine::ecs {

using nlohmann::json;

namespace {

constexpr const char* kService = "application-autoscaling";
constexpr const char* kPolicy = "pixell-target-tracking";

// The cluster may be set by its ARN.
std::string resource_of(const Work& work) {
  const std::string& cluster = work.settings.cluster;
  return fmt::format("service/{}/{}", cluster.substr(cluster.rfind('/') + 1),
                     work.names.service(work.aim.spec.app_id, work.aim.slot));
}

json place_of(const std::string& resource) {
  return {{"ServiceNamespace", "ecs"},
          {"ResourceId", resource},
          {"ScalableDimension", "ecs:service:DesiredCount"}};
}

json with(json object, const json& more) {
  object.update(more);
  return object;
}

// The target, or null.
Result<json> find_target(const Work& work, const std::string& resource) {
  TRY(const json answer, plain(work.look(kService, "DescribeScalableTargets",
                                         {{"ServiceNamespace", "ecs"},
                                          {"ResourceIds", {resource}},
                                          {"ScalableDimension", "ecs:service:DesiredCount"}})));
  const json targets = list_at(answer, "ScalableTargets");
  return targets.empty() ? json() : targets.front();
}

// Our policy, or null.
Result<json> find_policy(const Work& work, const std::string& resource) {
  TRY(const json answer, plain(work.look(kService, "DescribeScalingPolicies",
                                         with(place_of(resource), {{"PolicyNames", {kPolicy}}}))));
  for (const json& each : list_at(answer, "ScalingPolicies"))
    if (text_at(each, "PolicyName") == kPolicy) return each;
  return json();
}

json target_of(const model::Scaling& scaling, bool is_suspended) {
  return {{"MinCapacity", scaling.min_instances},
          {"MaxCapacity", scaling.max_instances},
          {"SuspendedState",
           {{"DynamicScalingInSuspended", is_suspended},
            {"DynamicScalingOutSuspended", is_suspended},
            {"ScheduledScalingSuspended", is_suspended}}}};
}

json tracking_of(const model::Scaling& scaling) {
  const char* metric = scaling.metric == model::ScalingMetric::Cpu
                           ? "ECSServiceAverageCPUUtilization"
                           : "ECSServiceAverageMemoryUtilization";
  return {{"TargetValue", double(scaling.percent)},
          {"PredefinedMetricSpecification", {{"PredefinedMetricType", metric}}},
          {"ScaleOutCooldown", kScaleOutCooldownSeconds},
          {"ScaleInCooldown", kScaleInCooldownSeconds},
          {"DisableScaleIn", false}};
}

// Whether `is` has all of `wanted`, whatever it has besides.
bool has_all(const json& is, const json& wanted) {
  if (!is.is_object()) return false;
  for (const auto& [name, value] : wanted.items()) {
    const auto found = is.find(name);
    if (found == is.end()) return false;
    if (value.is_object() ? !has_all(*found, value) : *found != value) return false;
  }
  return true;
}

}  // namespace

Result<void> ensure_scaling(const Work& work, const model::Scaling& scaling, bool is_suspended) {
  const std::string resource = resource_of(work);
  const json place = place_of(resource);
  TRY(const json target, find_target(work, resource));
  if (const json wanted = target_of(scaling, is_suspended); !has_all(target, wanted)) {
    json request = with(place, wanted);
    // Of one that is there they are not changed so.
    if (target.is_null()) request["Tags"] = work.slot_tags();
    TRY_VOID(plain(work.change(kService, "RegisterScalableTarget", resource, request)));
  }
  TRY(const json policy, find_policy(work, resource));
  const json wanted = tracking_of(scaling);
  if (policy.is_object() &&
      has_all(policy.value("TargetTrackingScalingPolicyConfiguration", json::object()), wanted))
    return {};
  const json request = with(place, {{"PolicyName", kPolicy},
                                    {"PolicyType", "TargetTrackingScaling"},
                                    {"TargetTrackingScalingPolicyConfiguration", wanted}});
  TRY_VOID(plain(work.change(kService, "PutScalingPolicy", resource, request)));
  return {};
}

Result<void> remove_scaling(const Work& work) {
  const std::string resource = resource_of(work);
  const json place = place_of(resource);
  TRY(const json policy, find_policy(work, resource));
  if (policy.is_object())
    TRY_VOID(plain(work.change(kService, "DeleteScalingPolicy", resource,
                               with(place, {{"PolicyName", kPolicy}}))));
  TRY(const json target, find_target(work, resource));
  if (target.is_null()) return {};
  const auto gone = work.change(kService, "DeregisterScalableTarget", resource, place);
  if (!gone && gone.error().name != "ObjectNotFoundException") return aws::to_error(gone.error());
  return {};
}

}  // namespace pixell::engine::ecs
