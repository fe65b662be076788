#include "cmd/pac/deployment_follower.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/percent.hpp"
#include "cmd/pac/arguments.hpp"
#include "cmd/pac/commands/event_position.hpp"
#include "cmd/pac/commands/log_line.hpp"
#include "cmd/pac/commands/names.hpp"
#include "cmd/pac/deployment_progress.hpp"
#include "cmd/pac/interrupt.hpp"
#include "cmd/pac/live_block.hpp"

namespace pixell::cmd {

using nlohmann::json;

namespace {

// The newest instance of the deployment's revision; null when there is none, or nobody to ask.
json newest_instance(const Session& session, const json& deployment) {
  if (!deployment.contains("revision")) return {};
  const auto instances =
      session.api.list("/v1/instances" + query_of({{"app", text_at(deployment, "app")},
                                                   {"revision", text_at(deployment, "revision")}}),
                       "instances", kPageItems);
  return instances && !instances->empty() ? instances->back() : json();
}

// What it does right now; empty when that is not known.
std::string boot_phase(const Session& session, const json& deployment) {
  const json instance = newest_instance(session, deployment);
  return instance.is_object() ? text_at(instance, "boot_phase") : std::string();
}

// The last lines of what that instance wrote; none when its log is gone.
std::vector<std::string> log_tail(const Session& session, const json& deployment) {
  const json instance = newest_instance(session, deployment);
  if (!instance.is_object()) return {};
  const std::string id = instance.at("id");
  std::vector<std::string> lines;
  const auto read = session.api.stream(
      fmt::format("/v1/instances/{}/logs?bytes={}", percent_encode(id), kLogTailBytes),
      [&](std::string_view line) {
        lines.push_back("  " + show_log_line(line, id, false));
        return true;
      });
  if (!read || lines.empty()) return {};
  if (lines.size() > kLogTailLines)
    lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(kLogTailLines));
  lines.insert(lines.begin(),
               fmt::format("  the log of instance {} ends with:", short_instance_id(id)));
  return lines;
}

class Follower {
 public:
  Follower(const Session& session, const json& deployment, const FollowPatience& patience)
      : session_(session),
        patience_(patience),
        id_(deployment.at("id")),
        app_(deployment.at("app")),
        block_(session.screen) {
    const auto made = parse_iso8601(deployment.value("created_at", std::string()));
    const auto deadline = parse_iso8601(deployment.value("deadline", std::string()));
    const Millis allowed(made && deadline ? std::max<std::int64_t>(0, *deadline - *made) : 0);
    give_up_at_ = session.clock.now() + allowed + patience.margin;
    last_heard_ = session.clock.now();
  }

  Outcome<json> run() {
    while (true) {
      const auto looked = look();
      if (looked && has_ended(*looked)) return finish(*looked);
      if (!looked) {
        if (auto given_up = bear(looked.error())) return std::unexpected(*given_up);
      } else if (session_.clock.now() >= give_up_at_) {
        return failure(
            ExitCode::Failed,
            fmt::format("deployment {} has not ended by its deadline; {}", id_, again()));
      } else if (const auto waited = wait(); !waited) {
        if (auto given_up = bear(waited.error())) return std::unexpected(*given_up);
      }
    }
  }

 private:
  Outcome<json> look() {
    // First the position: what happens after the look is then an event behind it.
    if (!position_) {
      const auto found = event_position(session_.api, app_);
      if (!found) return std::unexpected(found.error());
      position_ = *found;
    }
    const auto reply = session_.api.get("/v1/deployments/" + percent_encode(id_));
    if (!reply) return std::unexpected(reply.error());
    last_heard_ = session_.clock.now();
    show_progress(reply->at("deployment"));
    return reply->at("deployment");
  }

  Outcome<void> wait() {
    const auto events = session_.api.watch(*position_, app_, patience_.watch);
    if (!events) return std::unexpected(events.error());
    position_ = std::max(*position_, events->at("last_sequence").get<std::int64_t>());
    return {};
  }

  void show_progress(const json& deployment) {
    if (session_.wants_json) return;
    if (session_.screen.is_terminal) {
      const std::string boot = is_starting(deployment) ? boot_phase(session_, deployment) : "";
      block_.draw(progress_block(deployment, session_.clock.unix_now(), session_.screen, boot));
      return;
    }
    for (const std::string& line : news_.look(deployment)) show(line + "\n");
  }

  // What ends the following. Control is restarted within moments, and the deployment goes on then.
  std::optional<CommandFailure> bear(CommandFailure failed) const {
    if (failed.code == ExitCode::NotReachable &&
        session_.clock.now() - last_heard_ < patience_.away) {
      ::poll(nullptr, 0, static_cast<int>(patience_.pause.count()));
      return std::nullopt;
    }
    if (failed.code == ExitCode::Interrupted)
      failed.lines = {fmt::format("stopped waiting: deployment {} goes on; {}", id_, again())};
    else if (failed.code == ExitCode::NotReachable)
      failed.lines.push_back(fmt::format("  deployment {} goes on; {}", id_, again()));
    return failed;
  }

  Outcome<json> finish(const json& deployment) const {
    if (deployment.at("state") == "completed") return deployment;
    if (session_.wants_json) show_json(deployment);
    CommandFailure failed{.code = ExitCode::DeploymentFailed, .lines = failure_lines(deployment)};
    for (std::string& line : log_tail(session_, deployment))
      failed.lines.push_back(std::move(line));
    return std::unexpected(std::move(failed));
  }

  std::string again() const {
    return fmt::format("look again with `pac deployments {0}` or `pac status {0} --watch`", app_);
  }

  const Session& session_;
  const FollowPatience& patience_;
  std::string id_;
  std::string app_;
  Instant give_up_at_;
  Instant last_heard_;
  std::optional<std::int64_t> position_;
  ProgressNews news_;
  LiveBlock block_;
};

}  // namespace

Outcome<json> follow_deployment(const Session& session, const json& deployment,
                                const FollowPatience& patience) {
  return Follower(session, deployment, patience).run();
}

Outcome<json> follow_until_interrupted(const Session& session, const json& deployment,
                                       const std::string& headline) {
  const auto interrupt = Interrupt::catch_signals();
  if (!interrupt) return failure(ExitCode::Failed, interrupt.error().message);
  // From here on whoever reads it may press Ctrl-C.
  if (!session.wants_json) show(headline + "\n");
  const Session interruptible{.api = session.api.stopped_by((*interrupt)->token()),
                              .screen = session.screen,
                              .wants_json = session.wants_json,
                              .clock = session.clock};
  return follow_deployment(interruptible, deployment);
}

}  // namespace pixell::cmd
