#include "model/a2a_card.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace pixell::model {

namespace {

using Json = nlohmann::ordered_json;

Json skill_of(const std::string& action, bool is_streaming) {
  return {{"id", action},
          {"name", action},
          {"description", "Execute " + action + (is_streaming ? " action (streaming)" : " action")},
          {"inputModes", {"text"}},
          {"outputModes", {"text"}}};
}

}  // namespace

std::string agent_card(const Manifest& manifest, const std::vector<std::string>& handlers,
                       const std::vector<std::string>& streaming_handlers) {
  const std::string& name = manifest.display_name.empty() ? manifest.name : manifest.display_name;
  Json skills = Json::array();
  for (const std::string& action : handlers) skills.push_back(skill_of(action, false));
  for (const std::string& action : streaming_handlers)
    if (std::ranges::find(handlers, action) == handlers.end())
      skills.push_back(skill_of(action, true));
  const Json card = {
      {"name", name},
      {"description", manifest.description.empty() ? name + " A2A Agent" : manifest.description},
      {"version", manifest.version},
      {"capabilities", {{"streaming", !streaming_handlers.empty()}, {"pushNotifications", false}}},
      {"defaultInputModes", {"text"}},
      {"defaultOutputModes", {"text"}},
      {"skills", std::move(skills)}};
  return card.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace pixell::model
