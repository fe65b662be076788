#include <signal.h>

#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "cmd/pac/commands/doctor_facts.hpp"

namespace pixell::cmd {

using nlohmann::json;

namespace {

// True on this machine, where pids can be looked at.
bool is_local(const std::string& url) {
  return url.starts_with("http://127.") || url.starts_with("http://localhost") ||
         url.starts_with("http://[::1]");
}

bool is_alive(pid_t pid) { return pid > 0 && (::kill(pid, 0) == 0 || errno == EPERM); }

void read_system(const json& system, bool can_see_pids, PixellFacts& facts) {
  const json roles = system.value("roles", json::object());
  for (const char* role : {"serve", "control", "edge", "node"}) {
    const json one = roles.value(role, json::object());
    const auto pid = one.value("pid", pid_t{0});
    if (pid == 0 || (can_see_pids && !is_alive(pid))) facts.roles_away.emplace_back(role);
  }
  const json engine = system.value("engine", json::object());
  // The fake engine has no node.
  if (engine.value("name", "") == "fake") std::erase(facts.roles_away, "node");
  for (const json& note : engine.value("notes", json::array()))
    facts.notes.push_back(note.get<std::string>());
}

}  // namespace

PixellFacts gather_pixell_facts(const ApiClient& api, const Clock& clock) try {
  PixellFacts facts{.url = api.url()};
  const auto health = api.get("/healthz");
  if (!health) {
    // Nobody listens, or something else does: neither is a Pixell that is ill.
    const CommandFailure& failed = health.error();
    facts.problem = failed.lines.empty() ? "" : failed.lines.front();
    facts.is_reachable =
        failed.code == ExitCode::NotReachable && !facts.problem.starts_with("cannot reach");
    return facts;
  }
  if (!health->is_object() || !health->contains("version")) return facts;
  facts.is_reachable = true;
  facts.is_healthy = health->value("ok", false);
  facts.version = health->at("version").get<std::string>();
  if (const auto time = health->find("timestamp"); time != health->end() && time->is_number())
    facts.clock_ahead_ms = time->get<UnixMillis>() - clock.unix_now();
  if (const auto system = api.get("/v1/system")) read_system(*system, is_local(api.url()), facts);
  return facts;
} catch (const json::exception&) {
  // Whoever answers so is no Pixell of this kind.
  return {.url = api.url(), .problem = "its answers are not of Pixell's API"};
}

}  // namespace pixell::cmd
