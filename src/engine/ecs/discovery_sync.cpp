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

Result<void> pages(const Work& work, const char* action, const json& parameters,
                   const std::function<bool(const json&)>& each) {
  return plain(work.aws.pages(kCloudMap, action, parameters,
                              {.lane = work.aim.lane, .stop = work.stop}, each));
}

Result<std::string> find_namespace(const Work& work) {
  if (work.settings.discovery.empty())
    return make_error(ErrorCode::FailedPrecondition,
                      "PAC_ECS_NAMESPACE is not set: give the name of a namespace of Cloud Map");
  std::string id;
  TRY_VOID(pages(work, "ListNamespaces", json::object(), [&](const json& page) {
    for (const json& each : list_at(page, "Namespaces"))
      if (text_at(each, "Name") == work.settings.discovery) id = text_at(each, "Id");
    return id.empty();
  }));
  if (!id.empty()) return id;
  return make_error(ErrorCode::FailedPrecondition,
                    fmt::format("the namespace {0} is not there: create it with `aws "
                                "servicediscovery create-http-namespace --name {0}`, or do not set "
                                "PAC_ECS_NAMESPACE",
                                work.settings.discovery));
}

// The service of that name in the namespace, or null.
Result<json> find_service(const Work& work, const std::string& space, const std::string& name) {
  std::vector<std::string> ids;
  TRY_VOID(
      pages(work, "ListServices",
            {{"Filters", {{{"Name", "NAMESPACE_ID"}, {"Values", {space}}, {"Condition", "EQ"}}}}},
            [&](const json& page) {
              for (const json& each : list_at(page, "Services"))
                if (text_at(each, "Name") == name) ids.push_back(text_at(each, "Id"));
              return true;
            }));
  for (const std::string& id : ids) {
    TRY(const json answer, plain(work.look(kCloudMap, "GetService", {{"Id", id}})));
    json service = answer.value("Service", json::object());
    if (text_at(service, "NamespaceId") == space) return service;
  }
  return json();
}

Result<std::string> ensure_discovery(const Work& work) {
  TRY(const std::string space, find_namespace(work));
  const std::string name = work.names.discovery(work.aim.spec.app_id);
  TRY(json service, find_service(work, space, name));
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
    TRY(service, find_service(work, space, name));
    if (service.is_null()) return aws::to_error(made.error());
  }
  TRY(const json tags, plain(work.look(kCloudMap, "ListTagsForResource",
                                       {{"ResourceARN", text_at(service, "Arn")}})));
  if (!is_ours(read_tags(list_at(tags, "Tags")), work.names.installation(), work.aim.spec.app_id))
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

Result<Instances> registered(const Work& work, const std::string& service) {
  Instances all;
  TRY_VOID(pages(work, "ListInstances", {{"ServiceId", service}}, [&](const json& page) {
    for (const json& each : list_at(page, "Instances")) {
      Attributes& attributes = all[text_at(each, "Id")];
      const json said = each.value("Attributes", json::object());
      for (const auto& [name, value] : said.items())
        if (value.is_string()) attributes[name] = value.get<std::string>();
    }
    return true;
  }));
  return all;
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

Result<void> deregister_task(const Work& work, const std::string& service, const std::string& id) {
  auto gone = work.change(kCloudMap, "DeregisterInstance", id,
                          {{"ServiceId", service}, {"InstanceId", id}});
  if (gone || gone.error().name == "InstanceNotFound") return {};
  Error error = aws::to_error(gone.error());
  if (gone.error().name == "DuplicateRequest") error.retry = Retry::Later;
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
  TRY(Instances left, registered(work, change.service));
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
