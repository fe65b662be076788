#include "par/surface/builtin_routes.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "model/health.hpp"
#include "par/worker/agent.hpp"

namespace pixell::par {

namespace {

std::string dump(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// boot_stats speaks of download, extract, install and load; reports and state of our own phases.
std::string stats_name(const std::string& phase) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kNames = {
      {{"fetch", "download"},
       {"unpack", "extract"},
       {"dependencies", "install"},
       {"worker", "load"}}};
  const auto found = std::ranges::find(kNames, std::string_view(phase),
                                       [](const auto& pair) { return pair.first; });
  return found == kNames.end() ? phase : std::string(found->second);
}

}  // namespace

JsonAnswer meta_answer(const AgentView& view) {
  if (!view.manifest) return {.status = 404, .body = R"({"detail":"No package loaded"})"};
  const model::Manifest& manifest = *view.manifest;
  nlohmann::json body = {{"name", manifest.name},
                         {"version", manifest.version},
                         {"description", manifest.description},
                         {"author", manifest.author},
                         {"build_time", iso8601(view.loaded_at)},
                         {"surfaces",
                          {{"a2a", manifest.a2a.has_value()},
                           {"rest", manifest.rest.has_value()},
                           {"ui", manifest.ui.has_value()}}}};
  body["limits"] = model::to_json(view.limits);
  if (view.needs_worker)
    body["workers"] = {{"configured", view.agent->workers()}, {"up", view.agent->workers_up()}};
  if (view.boot_ms > 0) {
    nlohmann::json phases = nlohmann::json::object();
    for (const model::BootPhase& phase : view.boot_phases)
      phases[stats_name(phase.name)] = phase.millis;
    body["boot_stats"] = {{"total_ms", view.boot_ms}, {"phases_ms", std::move(phases)}};
  }
  return {.status = 200, .body = dump(body)};
}

JsonAnswer service_info_answer() {
  return {.status = 200,
          .body = R"({"service":"Pixell Agent Runtime","version":")" PIXELL_VERSION
                  R"(","endpoints":{"health":"/health","metadata":"/meta",)"
                  R"("a2a_health":"/a2a/health","ui_health":"/ui/health"}})"};
}

JsonAnswer ui_config_answer(const AgentView& view) {
  return {.status = 200, .body = dump({{"apiBase", view.base_path + view.ui_base + "/api"}})};
}

JsonAnswer not_ready_answer(const AgentView& view) {
  return {.status = 503,
          .body = dump({{"detail", "The agent is not ready"},
                        {"error", "not_ready"},
                        {"phase", to_string(view.phase)}})};
}

net::Headers not_ready_marks(std::string_view why) {
  net::Headers marks;
  marks.add("retry-after", "1");
  marks.add(model::kNotReadyHeader, why);
  return marks;
}

net::Headers not_taken_marks(const Error& error) {
  if (error.code == ErrorCode::Unavailable) return not_ready_marks(kAgentUnavailable);
  net::Headers marks;
  marks.add("retry-after", "1");
  return marks;
}

}  // namespace pixell::par
