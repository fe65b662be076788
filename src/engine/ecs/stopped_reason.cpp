#include "engine/ecs/stopped_reason.hpp"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "engine/ecs/steps.hpp"

namespace pixell::engine::ecs {

using model::Cause;
using nlohmann::json;

namespace {

constexpr int kSignalBase = 128;  // a shell's way to say "ended by signal n"

struct Known {
  std::string_view text;  ///< in AWS's words
  Cause cause;
  std::string_view message;
  std::string_view remedy;
};

constexpr std::string_view kPullRemedy =
    "See that PAC_ECS_IMAGE names an image that is there, that the execution role may pull it "
    "(ecr:GetAuthorizationToken, ecr:BatchGetImage, ecr:GetDownloadUrlForLayer), and that the "
    "subnets reach the registry: NAT, endpoints, or PAC_ECS_PUBLIC_ADDRESS=true.";
constexpr std::string_view kSpaceRemedy =
    "Wait, or ask for less memory and cpu; when it stays, name subnets of other zones in "
    "PAC_ECS_SUBNETS.";

// The first that is in the text counts. Amazon ECS Developer Guide, "Stopped tasks error messages"
// and "Service event messages".
constexpr std::array kTaskWords{
    Known{"OutOfMemory", Cause::OutOfMemory, "the task needed more than its memory",
          "Raise limits.memory_mb of the agent, or let it need less."},
    Known{"exec format error", Cause::WrongArchitecture,
          "the image's program is not for the tasks' processor",
          "Set PAC_ECS_ARCHITECTURE to the image's, or name another image in PAC_ECS_IMAGE."},
    Known{"CannotPullContainer", Cause::ImageNotFound, "AWS could not pull the image", kPullRemedy},
    Known{"CannotPullImage", Cause::ImageNotFound, "AWS could not pull the image", kPullRemedy},
    Known{"secret", Cause::ConfigInvalid, "AWS could not read the deploy-time values for the task",
          "Allow secretsmanager:GetSecretValue on the app's secret to the execution role, see that "
          "the subnets reach Secrets Manager, and deploy again if the revision is older than the "
          "versions that are kept."},
    Known{"log group", Cause::EngineFailed, "AWS could not open the task's log",
          "Allow logs:CreateLogStream and logs:PutLogEvents to the execution role, and see that "
          "the group of PAC_ECS_LOG_GROUP is there."},
    Known{"ResourceInitializationError", Cause::EngineFailed, "AWS could not set up the task",
          "See that the subnets reach ECR, Secrets Manager and CloudWatch Logs: NAT, endpoints, or "
          "PAC_ECS_PUBLIC_ADDRESS=true."},
    Known{"health check", Cause::Unresponsive, "ECS's health check found the agent sick", ""},
    Known{"SpotInterruption", Cause::EngineFailed, "AWS took the machine back (Spot)", ""},
    Known{"TerminationNotice", Cause::EngineFailed, "AWS took the machine away", ""},
    Known{"apacity", Cause::EngineFailed, "AWS had no room for the task", kSpaceRemedy},
    Known{"TaskFailedToStart", Cause::EngineFailed, "AWS could not start the task", ""},
};

constexpr std::array kEventWords{
    Known{"CannotPull", Cause::ImageNotFound, "AWS could not pull the image", kPullRemedy},
    Known{"limit", Cause::EngineFailed, "a quota of the AWS account is used up",
          "Ask AWS for more in Service Quotas (Fargate vCPUs, tasks of a service), or stop what is "
          "not needed."},
    Known{"apacity", Cause::EngineFailed, "AWS has no room for the task", kSpaceRemedy},
    Known{"unable to place", Cause::EngineFailed, "AWS could not place the task", kSpaceRemedy},
    Known{"ubnet", Cause::EngineFailed, "the tasks' network is not as it should be",
          "See that PAC_ECS_SUBNETS are there and have free addresses."},
    Known{"assume", Cause::EngineFailed, "ECS may not use a role",
          "See that ecs-tasks.amazonaws.com may assume PAC_ECS_EXECUTION_ROLE and "
          "PAC_ECS_TASK_ROLE."},
};

template <std::size_t N>
const Known* find_word(const std::array<Known, N>& words, std::string_view text) {
  const auto found = std::find_if(words.begin(), words.end(), [text](const Known& each) {
    return text.find(each.text) != std::string_view::npos;
  });
  return found == words.end() ? nullptr : &*found;
}

// AWS's own words first, the log after them.
std::vector<std::string> evidence_of(const TaskFacts& task, const std::vector<std::string>& log) {
  std::vector<std::string> lines;
  for (const std::string* each : {&task.stopped_reason, &task.container_reason})
    if (!each->empty()) lines.push_back(*each);
  lines.insert(lines.end(), log.begin(), log.end());
  return lines;
}

}  // namespace

int signal_of_exit(int exit_code) {
  return exit_code > kSignalBase && exit_code < kSignalBase + NSIG ? exit_code - kSignalBase : 0;
}

std::optional<model::Failure> failure_in_log(const std::vector<std::string>& lines) {
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
    const json said = json::parse(*line, nullptr, false);
    if (text_at(said, "event") != "Boot failed") continue;
    const auto cause = model::parse_cause(text_at(said, "cause"));
    if (!cause) continue;
    std::vector<std::string> evidence;
    for (const json& each : list_at(said, "evidence"))
      if (each.is_string()) evidence.push_back(each.get<std::string>());
    return model::make_failure(*cause, text_at(said, "message"), std::move(evidence),
                               text_at(said, "remedy"));
  }
  return {};
}

model::Failure failure_of_task(const TaskFacts& task, const std::vector<std::string>& log_end) {
  const std::string words =
      fmt::format("{} {} {}", task.stop_code, task.stopped_reason, task.container_reason);
  const Known* const known = find_word(kTaskWords, words);
  auto own = failure_in_log(log_end);
  // What the agent needed too much of, par itself cannot tell.
  if (own && (known == nullptr || known->cause != Cause::OutOfMemory)) return std::move(*own);
  if (known != nullptr)
    return model::make_failure(known->cause, std::string(known->message),
                               evidence_of(task, log_end), std::string(known->remedy));
  const int signal = task.exit_code ? signal_of_exit(*task.exit_code) : 0;
  if (signal != 0)
    return model::make_failure(
        Cause::Signalled,
        fmt::format("the task was ended by signal {} and par left no report", signal),
        evidence_of(task, log_end));
  if (task.exit_code)
    return model::make_failure(
        Cause::Exited,
        fmt::format("the task ended with code {} and par left no report", *task.exit_code),
        evidence_of(task, log_end));
  return model::make_failure(Cause::EngineFailed, "the task ended before its container ran",
                             evidence_of(task, log_end));
}

model::Failure failure_of_service(const ServiceFacts& service, std::string message) {
  std::vector<std::string> evidence = service.events;
  if (!service.failure.empty()) evidence.push_back(service.failure);
  for (const std::string& each : evidence)
    if (const Known* const known = find_word(kEventWords, each))
      return model::make_failure(known->cause, fmt::format("{}: {}", known->message, message),
                                 evidence, std::string(known->remedy));
  return model::make_failure(Cause::StartupTimeout, std::move(message), std::move(evidence),
                             "Look at the service's events and stopped tasks in ECS.");
}

}  // namespace pixell::engine::ecs
