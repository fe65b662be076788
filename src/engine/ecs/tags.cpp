#include "engine/ecs/tags.hpp"

#include <nlohmann/json.hpp>

namespace pixell::engine::ecs {

using nlohmann::json;

namespace {

json listed(const Tags& tags, const char* key, const char* value) {
  json list = json::array();
  for (const auto& [name, text] : tags) list.push_back({{key, name}, {value, text}});
  return list;
}

std::string text_of(const json& tag, const char* small, const char* capital) {
  for (const char* name : {small, capital})
    if (const auto found = tag.find(name); found != tag.end() && found->is_string())
      return found->get<std::string>();
  return {};
}

}  // namespace

json ecs_tags(const Tags& tags) { return listed(tags, "key", "value"); }
json other_tags(const Tags& tags) { return listed(tags, "Key", "Value"); }

Tags read_tags(const json& list) {
  Tags tags;
  if (!list.is_array()) return tags;
  for (const json& tag : list)
    if (tag.is_object()) tags[text_of(tag, "key", "Key")] = text_of(tag, "value", "Value");
  return tags;
}

bool is_ours(const Tags& tags, const std::string& installation, const std::string& app_id) {
  const auto has = [&tags](const char* name, const std::string& value) {
    const auto found = tags.find(name);
    return found != tags.end() && found->second == value;
  };
  return has(kInstallationTag, installation) && has(kAppTag, app_id);
}

}  // namespace pixell::engine::ecs
