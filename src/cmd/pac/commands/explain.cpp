#include "cmd/pac/commands/explain.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cmd/pac/arguments.hpp"
#include "cmd/terminal/table.hpp"

namespace pixell::cmd {

using nlohmann::json;

namespace {

// A line when there is something to say.
std::string line_of(const json& answer, const char* key, std::string_view name) {
  const auto value = answer.find(key);
  if (value == answer.end() || value->is_null() || *value == "") return {};
  return fmt::format("  {}{}\n", padded(name, 12), text_of(*value));
}

std::string legs_text(const Session& session, const json& legs) {
  Table table(
      {{"REVISION", true}, {"WEIGHT", true}, {"SHARE", true}, {"READY", true}, {"TAG"}, {""}});
  for (const json& leg : legs) {
    const bool is_chosen = leg.value("chosen", false);
    table.add({text_at(leg, "revision"),
               show_permille(leg.at("weight_permille").get<std::int64_t>()),
               fmt::format("{:.1f}%", leg.at("share").get<double>() * 100), text_at(leg, "targets"),
               text_at(leg, "tag"), Cell(is_chosen ? "this one" : "", Colour::Green)});
  }
  return table.text(session.screen);
}

std::string state_of(const json& instance) {
  if (instance.value("ejected", false)) return "ejected";
  return instance.value("unhealthy", false) ? "unhealthy" : "";
}

// What the loop that answered knows of each instance.
std::string instances_text(const Session& session, const json& legs) {
  Table table({{"INSTANCE"}, {"REVISION", true}, {"UNDER WAY", true}, {""}});
  bool has_any = false;
  for (const json& leg : legs)
    for (const json& instance : leg.value("instances", json::array())) {
      has_any = true;
      table.add({text_at(instance, "address"), text_at(leg, "revision"),
                 text_at(instance, "outstanding"), Cell(state_of(instance), Colour::Yellow)});
    }
  return has_any ? "\n" + table.text(session.screen) : "";
}

}  // namespace

Outcome<void> explain(const Session& session, const std::string& url,
                      const std::vector<std::string>& headers) {
  std::vector<std::pair<std::string_view, std::string>> query = {{"url", url}};
  for (const std::string& header : headers) query.emplace_back("header", header);
  const auto answer = session.api.get("/v1/edge/explain" + query_of(query));
  if (!answer) return std::unexpected(answer.error());
  if (session.wants_json) {
    show_json(*answer);
    return {};
  }
  std::string text = text_at(*answer, "reason") + "\n\n";
  text += line_of(*answer, "goes_to", "goes to");
  text += line_of(*answer, "status", "status");
  text += line_of(*answer, "app_id", "app");
  text += line_of(*answer, "chosen_revision", "revision");
  text += line_of(*answer, "upstream_target", "as");
  text += line_of(*answer, "matched_by", "matched by");
  text += line_of(*answer, "named_by", "named by");
  text += line_of(*answer, "surface", "surface");
  text += line_of(*answer, "picked_by", "picked by");
  text += line_of(*answer, "tag", "tag");
  text += fmt::format("  {}generation {} from {}, applied {}\n", padded("routes", 12),
                      text_at(*answer, "generation"), text_at(*answer, "source"),
                      text_at(*answer, "applied_at"));
  text += line_of(*answer, "waiting", "waiting");
  if (const auto legs = answer->find("legs"); legs != answer->end() && !legs->empty())
    text += "\n" + legs_text(session, *legs) + instances_text(session, *legs);
  show(text);
  return {};
}

}  // namespace pixell::cmd
