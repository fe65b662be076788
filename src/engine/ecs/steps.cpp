#include "engine/ecs/steps.hpp"

#include <fmt/format.h>

#include <array>
#include <string_view>

namespace pixell::engine::ecs {

using nlohmann::json;

namespace {

aws::AwsError of_journal(const Step& step, const Error& error) {
  return {.code = error.code,
          .call = step.action,
          .name = {},
          .message = "the step could not be recorded: " + error.message,
          .request_id = {},
          .remedy = error.retry == Retry::Later ? aws::Remedy::Wait : aws::Remedy::None};
}

/// Where the answer to an action has the ARN of what was made.
struct Made {
  std::string_view action;
  const char* arn;
};
constexpr std::array kMade{
    Made{"secretsmanager CreateSecret", "/ARN"},
    Made{"ecs RegisterTaskDefinition", "/taskDefinition/taskDefinitionArn"},
    Made{"ecs CreateService", "/service/serviceArn"},
    Made{"elbv2 CreateTargetGroup", "/TargetGroups/0/TargetGroupArn"},
    Made{"elbv2 CreateRule", "/Rules/0/RuleArn"},
    Made{"servicediscovery CreateService", "/Service/Arn"},
};

std::string arn_in(const json& answer, const std::string& action) {
  for (const Made& each : kMade) {
    if (each.action != action) continue;
    const json::json_pointer at(each.arn);
    if (answer.contains(at) && answer.at(at).is_string()) return answer.at(at).get<std::string>();
  }
  return {};
}

}  // namespace

aws::Answer<json> Work::look(const char* service, const char* action,
                             const json& parameters) const {
  return aws.call(service, action, parameters, {.lane = aim.lane, .stop = stop});
}

Result<void> Work::pages(const char* service, const char* action, const json& parameters,
                         const std::function<bool(const json&)>& each) const {
  return plain(aws.pages(service, action, parameters, {.lane = aim.lane, .stop = stop}, each));
}

aws::Answer<json> Work::change(const char* service, const char* action, const std::string& resource,
                               const json& parameters) const {
  const Step recorded = step(service, action, resource);
  if (const auto begun = journal.begin(recorded); !begun)
    return std::unexpected(of_journal(recorded, begun.error()));
  auto answer = aws.call(service, action, parameters, {.lane = aim.lane, .stop = stop});
  if (!answer) return answer;
  if (const auto ended = journal.end(recorded, arn_in(*answer, recorded.action)); !ended)
    return std::unexpected(of_journal(recorded, ended.error()));
  return answer;
}

Step Work::step(const char* service, const char* action, const std::string& resource) const {
  return {.app_id = aim.spec.app_id,
          .action = fmt::format("{} {}", service, action),
          .resource = resource};
}

const std::string& Work::listener() const {
  return aim.listener.empty() ? settings.listeners.front() : aim.listener;
}

Tags Work::app_tags() const {
  return {{kInstallationTag, names.installation()}, {kAppTag, aim.spec.app_id}};
}

Tags Work::slot_tags() const {
  Tags tags = app_tags();
  tags[kSlotTag] = to_string(aim.slot);
  return tags;
}

std::string text_at(const json& object, const char* name) {
  if (!object.is_object()) return {};
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

json list_at(const json& object, const char* name) {
  if (!object.is_object()) return json::array();
  const auto found = object.find(name);
  return found != object.end() && found->is_array() ? *found : json::array();
}

Error foreign(const Work& work, const std::string& what, const char* variable) {
  return make_error(
      ErrorCode::FailedPrecondition,
      fmt::format("{} is there, but not of the app {} of this installation: delete it, tag it with "
                  "{}={} and {}={} to have it adopted, or set {} to something else",
                  what, work.aim.spec.app_id, kInstallationTag, work.names.installation(), kAppTag,
                  work.aim.spec.app_id, variable));
}

Error foreign_stays(const Work& work, const std::string& what) {
  return make_error(
      ErrorCode::FailedPrecondition,
      fmt::format("{} is there, but not of the app {} of this installation, and stays: rename or "
                  "delete it, or tag it with {}={} and {}={} to have it removed",
                  what, work.aim.spec.app_id, kInstallationTag, work.names.installation(), kAppTag,
                  work.aim.spec.app_id));
}

Result<void> close_steps(const Work& work) {
  TRY(const std::vector<Step> open, work.journal.open(work.aim.spec.app_id));
  for (const Step& each : open)
    if (each != work.step("elbv2", kDeleteTargetGroup, each.resource))
      TRY_VOID(work.journal.end(each, {}));
  return {};
}

}  // namespace pixell::engine::ecs
