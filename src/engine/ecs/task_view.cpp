#include "engine/ecs/task_view.hpp"

#include <charconv>
#include <nlohmann/json.hpp>

#include "engine/ecs/limits.hpp"
#include "engine/ecs/steps.hpp"

namespace pixell::engine::ecs {

using nlohmann::json;

namespace {

constexpr std::string_view kGroupOfService = "service:";
constexpr double kMillisPerSecond = 1000;

// AWS's JSON 1.1 writes times as seconds since 1970, with a fraction.
UnixMillis time_at(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number()
             ? UnixMillis(found->get<double>() * kMillisPerSecond)
             : 0;
}

std::string address_of(const json& task) {
  for (const json& attachment : list_at(task, "attachments"))
    for (const json& detail : list_at(attachment, "details"))
      if (text_at(detail, "name") == "privateIPv4Address") return text_at(detail, "value");
  return {};
}

std::int64_t number_of(const std::string& text) {
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

void read_container(const json& task, TaskFacts& facts) {
  for (const json& each : list_at(task, "containers")) {
    if (text_at(each, "name") != kContainer) continue;
    facts.is_healthy = text_at(each, "healthStatus") == "HEALTHY";
    facts.container_reason = text_at(each, "reason");
    if (const auto code = each.find("exitCode"); code != each.end() && code->is_number_integer())
      facts.exit_code = code->get<int>();
  }
}

}  // namespace

bool TaskFacts::serves() const { return status == "RUNNING" && is_healthy && !address.empty(); }

bool TaskFacts::was_scaled_in() const {
  return is_leaving() && stop_code == "ServiceSchedulerInitiated" &&
         stopped_reason.find("Scaling activity") != std::string::npos;
}

std::string task_id(const std::string& arn) { return arn.substr(arn.rfind('/') + 1); }

TaskFacts task_facts(const json& task) {
  TaskFacts facts;
  if (!task.is_object()) return facts;
  facts.arn = text_at(task, "taskArn");
  if (const std::string group = text_at(task, "group"); group.starts_with(kGroupOfService))
    facts.service = group.substr(kGroupOfService.size());
  facts.definition = text_at(task, "taskDefinitionArn");
  facts.status = text_at(task, "lastStatus");
  facts.wanted = text_at(task, "desiredStatus");
  facts.address = address_of(task);
  facts.stop_code = text_at(task, "stopCode");
  facts.stopped_reason = text_at(task, "stoppedReason");
  facts.created_at = time_at(task, "createdAt");
  facts.stopped_at = time_at(task, "stoppedAt");
  read_container(task, facts);
  Tags tags = read_tags(list_at(task, "tags"));
  facts.installation = tags[kInstallationTag];
  facts.app_id = tags[kAppTag];
  facts.instance = tags[kInstanceTag];
  facts.revision = number_of(tags[kRevisionTag]);
  return facts;
}

ServiceFacts service_facts(const json& service) {
  ServiceFacts facts;
  if (!service.is_object()) return facts;
  facts.name = text_at(service, "serviceName");
  facts.is_active = text_at(service, "status") == "ACTIVE";
  facts.definition = text_at(service, "taskDefinition");
  facts.desired = service.value("desiredCount", 0);
  for (const json& each : list_at(service, "deployments")) {
    if (text_at(each, "status") != "PRIMARY") continue;
    facts.has_failed = text_at(each, "rolloutState") == "FAILED";
    facts.failure = text_at(each, "rolloutStateReason");
  }
  for (const json& each : list_at(service, "events")) {
    if (facts.events.size() == kEventLines) break;
    facts.events.push_back(text_at(each, "message"));
  }
  return facts;
}

}  // namespace pixell::engine::ecs
