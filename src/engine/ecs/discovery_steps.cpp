// Reads of Cloud Map, and taking instances back, for those who tell tasks there and who end them.

#include <fmt/format.h>

#include "engine/ecs/steps.hpp"

namespace pixell::engine::ecs {

using nlohmann::json;

namespace {

constexpr const char* kCloudMap = "servicediscovery";

}  // namespace

Result<std::string> find_namespace(const Work& work) {
  std::string id;
  if (work.settings.discovery.empty()) return id;
  TRY_VOID(work.pages(kCloudMap, "ListNamespaces", json::object(), [&](const json& page) {
    for (const json& each : list_at(page, "Namespaces"))
      if (text_at(each, "Name") == work.settings.discovery) id = text_at(each, "Id");
    return id.empty();
  }));
  return id;
}

Result<json> find_discovery(const Work& work, const std::string& space) {
  const std::string name = work.names.discovery(work.aim.spec.app_id);
  std::vector<std::string> ids;
  TRY_VOID(work.pages(
      kCloudMap, "ListServices",
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

Result<bool> is_our_discovery(const Work& work, const json& service) {
  TRY(const json tags, plain(work.look(kCloudMap, "ListTagsForResource",
                                       {{"ResourceARN", text_at(service, "Arn")}})));
  return is_ours(read_tags(list_at(tags, "Tags")), work.names.installation(), work.aim.spec.app_id);
}

Result<std::map<std::string, std::map<std::string, std::string>>> discovery_instances(
    const Work& work, const std::string& service) {
  std::map<std::string, std::map<std::string, std::string>> all;
  TRY_VOID(work.pages(kCloudMap, "ListInstances", {{"ServiceId", service}}, [&](const json& page) {
    for (const json& each : list_at(page, "Instances")) {
      auto& attributes = all[text_at(each, "Id")];
      const json said = each.value("Attributes", json::object());
      for (const auto& [name, value] : said.items())
        if (value.is_string()) attributes[name] = value.get<std::string>();
    }
    return true;
  }));
  return all;
}

Result<void> deregister_task(const Work& work, const std::string& service, const std::string& id) {
  auto gone = work.change(kCloudMap, "DeregisterInstance", id,
                          {{"ServiceId", service}, {"InstanceId", id}});
  if (gone || gone.error().name == "InstanceNotFound") return {};
  Error error = aws::to_error(gone.error());
  if (gone.error().name == "DuplicateRequest") error.retry = Retry::Later;
  return error;
}

}  // namespace pixell::engine::ecs
