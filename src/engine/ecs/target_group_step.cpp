#include <fmt/format.h>

#include <algorithm>

#include "engine/ecs/difference.hpp"
#include "engine/ecs/limits.hpp"
#include "engine/ecs/rules.hpp"
#include "engine/ecs/steps.hpp"

namespace pixell::engine::ecs {

using nlohmann::json;

namespace {

// What AWS cannot change of a target group; it is in its name as well.
json fixed_of(const Settings& settings, Surface surface) {
  const bool is_grpc = surface == Surface::Grpc;
  return {{"Protocol", "HTTP"},
          {"ProtocolVersion", is_grpc ? "GRPC" : "HTTP1"},
          {"Port", is_grpc ? kGrpcPort : kRestPort},
          {"TargetType", "ip"},
          {"VpcId", settings.vpc}};
}

json health_of(Surface surface) {
  const bool is_grpc = surface == Surface::Grpc;
  json matcher = is_grpc ? json{{"GrpcCode", "0"}} : json{{"HttpCode", "200"}};
  return {{"HealthCheckProtocol", "HTTP"},
          {"HealthCheckPort", "traffic-port"},
          {"HealthCheckPath", is_grpc ? "/grpc.health.v1.Health/Check" : "/health"},
          {"HealthCheckIntervalSeconds", kTargetIntervalSeconds},
          {"HealthCheckTimeoutSeconds", kTargetTimeoutSeconds},
          {"HealthyThresholdCount", kHealthyTargets},
          {"UnhealthyThresholdCount", kUnhealthyTargets},
          {"Matcher", std::move(matcher)}};
}

Result<json> create(const Work& work, const std::string& name, json fixed, Surface surface) {
  fixed["Name"] = name;
  fixed["Tags"] = other_tags(work.slot_tags());
  fixed.update(health_of(surface));
  const auto made = work.change("elbv2", "CreateTargetGroup", name, fixed);
  // Somebody was faster: what there is now decides.
  if (!made && made.error().name == "DuplicateTargetGroupName")
    return find_target_group(work, name);
  if (!made) return aws::to_error(made.error());
  const json groups = list_at(*made, "TargetGroups");
  return groups.empty() ? json() : groups.front();
}

Result<void> check_ours(const Work& work, const std::string& name, const std::string& arn) {
  TRY(const json answer, plain(work.look("elbv2", "DescribeTags", {{"ResourceArns", {arn}}})));
  for (const json& each : list_at(answer, "TagDescriptions"))
    if (is_ours(read_tags(list_at(each, "Tags")), work.names.installation(), work.aim.spec.app_id))
      return {};
  return foreign(work, "the target group " + name, "PAC_ECS_TARGET_GROUP_PREFIX");
}

// Its name says what is fixed, unless somebody made it by hand.
Result<void> check_fixed(const json& group, const json& fixed, const std::string& name) {
  for (const auto& [field, wanted] : fixed.items()) {
    const std::string is = text_at(group, field.c_str());
    const std::string should = wanted.is_string() ? wanted.get<std::string>() : wanted.dump();
    if (is != should)
      return make_error(ErrorCode::FailedPrecondition,
                        fmt::format("the target group {} has {}={}, which AWS cannot change to {}: "
                                    "take it out of its rules and delete it, and it is made anew",
                                    name, field, is.empty() ? "nothing" : is, should));
  }
  return {};
}

}  // namespace

std::string target_group_name(const Work& work, Slot slot, Surface surface) {
  return work.names.target_group(work.aim.spec.app_id, slot, surface,
                                 fixed_of(work.settings, surface).dump());
}

Result<std::string> ensure_target_group(const Work& work, Surface surface) {
  const json fixed = fixed_of(work.settings, surface);
  const std::string name = target_group_name(work, work.aim.slot, surface);
  TRY(json group, find_target_group(work, name));
  if (group.is_null()) {
    TRY(group, create(work, name, fixed, surface));
  }
  const std::string arn = text_at(group, "TargetGroupArn");
  TRY_VOID(check_ours(work, name, arn));
  TRY_VOID(check_fixed(group, fixed, name));
  if (const json health = health_of(surface); !differences(group, health).empty()) {
    json request = health;
    request["TargetGroupArn"] = arn;
    TRY_VOID(plain(work.change("elbv2", "ModifyTargetGroup", arn, request)));
  }
  return arn;
}

Result<void> shorten_drain(const Work& work, const std::string& target_group) {
  const json delay = {{"Key", "deregistration_delay.timeout_seconds"}, {"Value", kDrainSeconds}};
  TRY_VOID(plain(work.change("elbv2", "ModifyTargetGroupAttributes", target_group,
                             {{"TargetGroupArn", target_group}, {"Attributes", {delay}}})));
  return {};
}

Result<bool> delete_target_group(const Work& work, const std::string& arn) {
  // AWS has nothing against deleting what is gone.
  const auto gone = work.change("elbv2", kDeleteTargetGroup, arn, {{"TargetGroupArn", arn}});
  if (!gone && gone.error().name == "TargetGroupNotFound") {
    TRY_VOID(work.journal.end(work.step("elbv2", kDeleteTargetGroup, arn), {}));
    return true;
  }
  if (!gone && gone.error().name != "ResourceInUse") return aws::to_error(gone.error());
  return gone.has_value();
}

Result<bool> delete_retired(const Work& work, const std::vector<std::string>& in_use) {
  TRY(const std::vector<Step> open, work.journal.open(work.aim.spec.app_id));
  bool is_done = true;
  for (const Step& each : open) {
    if (each != work.step("elbv2", kDeleteTargetGroup, each.resource)) continue;
    // It came back: settings were changed, and changed again.
    if (std::find(in_use.begin(), in_use.end(), each.resource) != in_use.end()) {
      TRY_VOID(work.journal.end(each, {}));
      continue;
    }
    TRY(const bool is_gone, delete_target_group(work, each.resource));
    is_done &= is_gone;
  }
  return is_done;
}

}  // namespace pixell::engine::ecs
