#include <algorithm>

#include "engine/ecs/limits.hpp"
#include "engine/ecs/steps.hpp"

namespace pixell::engine::ecs {

using nlohmann::json;

namespace {

std::string last_part(const std::string& arn) { return arn.substr(arn.rfind('/') + 1); }

std::string address_of(const json& task) {
  for (const json& attachment : list_at(task, "attachments"))
    for (const json& detail : list_at(attachment, "details"))
      if (text_at(detail, "name") == "privateIPv4Address") return text_at(detail, "value");
  return {};
}

// The filter of ListTasks is by name; the group says which service started the task.
bool does_serve(const json& task, const std::string& service) {
  if (text_at(task, "lastStatus") != "RUNNING" || text_at(task, "group") != "service:" + service)
    return false;
  for (const json& each : list_at(task, "containers"))
    if (text_at(each, "name") == kContainer) return text_at(each, "healthStatus") == "HEALTHY";
  return false;
}

Result<json> arns_of(const Work& work, const std::string& service) {
  json arns = json::array();
  const auto listed = work.aws.pages(
      "ecs", "ListTasks",
      {{"cluster", work.settings.cluster}, {"serviceName", service}, {"desiredStatus", "RUNNING"}},
      {.lane = work.aim.lane, .stop = work.stop}, [&](const json& page) {
        for (const json& each : list_at(page, "taskArns")) arns.push_back(each);
        return true;
      });
  // The second slot is there only now and then.
  if (!listed && listed.error().name != "ServiceNotFoundException")
    return aws::to_error(listed.error());
  return arns;
}

// Adds what serves of a batch of tasks.
Result<void> add_serving(const Work& work, const json& arns, Slot slot,
                         std::vector<RunningTask>& running) {
  const std::string service = work.names.service(work.aim.spec.app_id, slot);
  TRY(const json answer,
      plain(
          work.look("ecs", "DescribeTasks",
                    {{"cluster", work.settings.cluster}, {"tasks", arns}, {"include", {"TAGS"}}})));
  for (const json& task : list_at(answer, "tasks")) {
    RunningTask found{.id = last_part(text_at(task, "taskArn")),
                      .address = address_of(task),
                      .revision = read_tags(list_at(task, "tags"))[kRevisionTag],
                      .slot = slot};
    if (does_serve(task, service) && !found.address.empty()) running.push_back(std::move(found));
  }
  return {};
}

}  // namespace

Result<std::vector<RunningTask>> running_tasks(const Work& work) {
  std::vector<RunningTask> running;
  for (const Slot slot : {Slot::A, Slot::B}) {
    TRY(const json arns, arns_of(work, work.names.service(work.aim.spec.app_id, slot)));
    for (std::size_t from = 0; from < arns.size(); from += kMaxDescribedTasks) {
      json batch = json::array();
      for (std::size_t i = from; i < std::min(arns.size(), from + kMaxDescribedTasks); ++i)
        batch.push_back(arns[i]);
      TRY_VOID(add_serving(work, batch, slot, running));
    }
  }
  return running;
}

}  // namespace pixell::engine::ecs
