#include "cmd/pac/deployment_follower.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

namespace pixell::cmd {

using nlohmann::json;

namespace {

CommandFailure failure_of(const json& deployment) {
  CommandFailure failed{.code = ExitCode::DeploymentFailed, .lines = {}};
  failed.lines.push_back("deployment failed: " +
                         deployment.value("error", std::string("no cause given")));
  const json failure = deployment.value("failure", json::object());
  for (const json& line : failure.value("evidence", json::array()))
    failed.lines.push_back("  " + line.get<std::string>());
  failed.lines.push_back("  what to do: " +
                         failure.value("remedy", std::string("see the instance's log")));
  return failed;
}

}  // namespace

Outcome<void> follow_deployment(const ApiClient& api, const std::string& id, const Clock& clock,
                                const FollowPatience& patience) {
  const Instant deadline = clock.now() + patience.in_all;
  Instant last_heard = clock.now();
  std::string shown;
  while (clock.now() < deadline) {
    const auto reply = api.get("/api/deployments/" + percent_encode(id));
    // Control is restarted within moments, and the deployment goes on then.
    if (!reply && reply.error().code == ExitCode::NotReachable) {
      if (clock.now() - last_heard >= patience.away) return std::unexpected(reply.error());
    } else if (!reply) {
      return std::unexpected(reply.error());
    } else {
      last_heard = clock.now();
      const json& deployment = reply->at("deployment");
      const std::string status = deployment.at("status");
      const std::string now = status + " " + deployment.at("progress").value("current_step", "");
      if (now != shown) fmt::print("{}\n", now);
      std::fflush(stdout);  // shows at once where it goes to a pipe
      shown = now;
      if (status == "completed") return {};
      if (status == "failed") return std::unexpected(failure_of(deployment));
    }
    ::poll(nullptr, 0, static_cast<int>(patience.pause.count()));
  }
  return std::unexpected(CommandFailure{
      .code = ExitCode::Failed,
      .lines = {fmt::format("deployment {} has not ended within {} s; it goes on, look again with "
                            "GET /api/deployments/{}",
                            id, patience.in_all.count() / 1000, id)}});
}

}  // namespace pixell::cmd
