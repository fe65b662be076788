#include "engine/ecs/discovery_sync.hpp"

#include <fmt/format.h>

#include <map>

#include "engine/ecs/steps.hpp"

namespace pixell::engine::ecs {

using nlohmann::json;

namespace {

constexpr const char* kCloudMap = "servicediscovery";

using Attributes = std::map<std::string, std::string>;
using Instances = std::map<std::string, Attributes>;  // by id

// The namespace, which has to be there.
Result<std::string> namespace_of(const Work& work) {
  if (work.settings.discovery.empty())
    return make_error(ErrorCode::FailedPrecondition,
                      "PAC_ECS_NAMESPACE is not set: give the name of a namespace of Cloud Map");
  TRY(std::string id, find_namespace(work));
  if (!id.empty()) return id;
  return make_error(ErrorCode::FailedPrecondition,
                    fmt::format("the namespace {0} is not there: create it with `aws "
                                "servicediscovery create-http-namespace --name {0}`, or do not set "
                                "PAC_ECS_NAMESPACE",
                                work.settings.discovery));
}

Result<std::string> ensure_discovery(const Work& work) {
  TRY(const std::string space, namespace_of(work));
  const std::string name = work.names.discovery(work.aim.spec.app_id);
  TRY(json service, find_discovery(work, space));
  if (service.is_null()) {
    const auto made = work.change(
        kCloudMap, "CreateService", name,
        {{"Name", name},
         {"NamespaceId", space},
         {"Type", "HTTP"},
         {"CreatorRequestId",
          client_token(fmt::format("{}/{}/{}", work.names.installation(), space, name))},
         {"Tags", other_tags(work.app_tags())}});
    if (made) return text_at(made->value("Service", json::object()), "Id");
    if (made.error().name != "ServiceAlreadyExists") return aws::to_error(made.error());
    TRY(service, find_discovery(work, space));
    if (service.is_null()) return aws::to_error(made.error());
  }
  TRY(const bool has_our_tags, is_our_discovery(work, service));
  if (!has_our_tags)
    return foreign(work, fmt::format("the service {} of Cloud Map", name), "PAC_ECS_NAMESPACE");
  return text_at(service, "Id");
}

Attributes attributes_of(const Work& work, const RunningTask& task) {
  return {{"AWS_INSTANCE_IPV4", task.address},
          {"AWS_INSTANCE_PORT", std::to_string(kRestPort)},
          {"A2A_PORT", std::to_string(kGrpcPort)},
          {"AGENT_APP_ID", work.aim.spec.app_id},
          {"REVISION", task.revision.empty() ? "unknown" : task.revision},
          {"SLOT", std::string(to_string(task.slot))}};
}

Result<void> register_task(const Work& work, const std::string& service, const std::string& id,
                           const Attributes& attributes) {
  const json parameters = {{"ServiceId", service}, {"InstanceId", id}, {"Attributes", attributes}};
  json request = parameters;
  request["CreatorRequestId"] = client_token(parameters.dump());
  auto made = work.change(kCloudMap, "RegisterInstance", id, request);
  if (made) return {};
  Error error = aws::to_error(made.error());
  // One change of an instance at a time: the one before is not done.
  if (made.error().name == "DuplicateRequest") error.retry = Retry::Later;
  return error;
}

}  // namespace

Result<DiscoveryChange> DiscoverySync::mirror(const Aim& aim, std::stop_token stop) {
  const Work work{.aws = aws_,
                  .journal = journal_,
                  .settings = settings_,
                  .names = names_,
                  .aim = aim,
                  .stop = std::move(stop)};
  DiscoveryChange change;
  TRY(change.service, ensure_discovery(work));
  TRY(const std::vector<RunningTask> tasks, running_tasks(work));
  TRY(Instances left, discovery_instances(work, change.service));
  for (const RunningTask& task : tasks) {
    const Attributes wanted = attributes_of(work, task);
    const auto node = left.extract(task.id);
    if (!node.empty() && node.mapped() == wanted) continue;
    TRY_VOID(register_task(work, change.service, task.id, wanted));
    ++change.registered;
  }
  for (const auto& [id, attributes] : left) {
    TRY_VOID(deregister_task(work, change.service, id));
    ++change.deregistered;
  }
  return change;
}

}  // namespace pixell::engine::ecs
