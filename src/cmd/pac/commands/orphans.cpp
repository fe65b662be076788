#include "cmd/pac/commands/orphans.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "aws/rate_limiter.hpp"
#include "cmd/pac/commands/names.hpp"
#include "cmd/pac/interrupt.hpp"
#include "cmd/terminal/table.hpp"
#include "engine/ecs/orphans.hpp"
#include "engine/ecs/transient_journal.hpp"
#include "model/agent_app.hpp"
#include "model/rule_place.hpp"

namespace pixell::cmd {

using nlohmann::json;
namespace ecs = engine::ecs;

namespace {

/// What the running Pixell says of its apps. Its last failure is kept, with the exit code for it.
class KnownApps {
 public:
  KnownApps(const Session& session, const EcsAccount& account)
      : session_(session), account_(account) {}

  /// Another Pixell does not know our apps: they would all be gone.
  Outcome<void> confirm_installation() const {
    const auto system = session_.api.get("/v1/system");
    if (!system) return std::unexpected(system.error());
    const std::string has = system->at("engine").value("installation", std::string());
    if (has == account_.installation) return {};
    return failure(
        ExitCode::Failed,
        fmt::format("the Pixell at {} has {}, not the installation {}: only its own tells which "
                    "apps there are; give its --url, or the --state or --installation of this one",
                    session_.api.url(),
                    has.empty() ? "no installation on AWS" : "the installation " + has,
                    account_.installation));
  }

  /// One that is being deleted included: control removes what it has.
  Result<bool> is_live(const std::string& app) {
    if (!model::check_app_id(app)) return false;  // by hand: no app can have that id
    TRY(const auto shown, ask(app));
    return shown.has_value();
  }

  /// Nothing for one that no load balancer leads to, or that is not there.
  Result<std::optional<model::RulePlace>> place(const std::string& app) {
    TRY(const auto shown, ask(app));
    if (!shown) return std::optional<model::RulePlace>();
    const json balancer = shown->value("balancer", json::object());
    const json priorities = balancer.value("rule_priorities", json::array());
    if (priorities.empty()) return std::optional<model::RulePlace>();
    return model::RulePlace{.app_id = app,
                            .listener = balancer.value("listener", std::string()),
                            .priority = priorities.front().get<int>()};
  }

  /// What an app does not use this moment, it may be about to use.
  Outcome<bool> is_changing(const std::string& app) const {
    const auto shown = get_app(session_, app);
    if (!shown) return std::unexpected(shown.error());
    if (shown->at("app").at("state") != "active" || shown->contains("rollout")) return true;
    return std::ranges::any_of(shown->at("instances"), [](const json& instance) {
      return instance.at("phase") == "starting" || instance.at("phase") == "draining";
    });
  }

  /// The failure that a Result was of, if it was one of asking for an app.
  std::unexpected<CommandFailure> failure_of(const Error& error) const {
    return failure_ ? std::unexpected(*failure_) : failure(ExitCode::Failed, error.message);
  }

 private:
  Result<std::optional<json>> ask(const std::string& app) {
    const auto shown = get_app(session_, app);
    if (shown) return *shown;
    if (shown.error().code == ExitCode::NotFound) return std::optional<json>();
    failure_ = shown.error();
    return make_error(ErrorCode::Unavailable, fmt::format("{}", fmt::join(failure_->lines, "\n")));
  }

  const Session& session_;
  const EcsAccount& account_;
  std::optional<CommandFailure> failure_{};
};

std::string why(const ecs::Orphan& orphan) {
  return orphan.is_app_gone ? "there is no such app" : "the app is there and does not use it";
}

json to_json(const ecs::Orphan& orphan) {
  return {{"kind", orphan.kind},
          {"resource", orphan.resource},
          {"app", orphan.app_id},
          {"is_app_gone", orphan.is_app_gone},
          {"reason", why(orphan)}};
}

/// Of one run of the command.
class OrphanHunt {
 public:
  OrphanHunt(const Session& session, const EcsAccount& account, std::stop_token stop)
      : session_(session),
        stop_(std::move(stop)),
        apps_(session, account),
        limiter_(session.clock, aws::published_rate),
        aws_(outside_, account.environment, &limiter_),
        orphans_({.aws = aws_, .journal = journal_, .clock = session.clock}, account.settings,
                 ecs::Names(account.installation, account.settings.prefixes),
                 {.is_live = [this](const std::string& app) { return apps_.is_live(app); },
                  .place = [this](const std::string& app) { return apps_.place(app); }}) {}

  Outcome<std::vector<ecs::Orphan>> list() {
    if (const auto confirmed = apps_.confirm_installation(); !confirmed)
      return std::unexpected(confirmed.error());
    const auto all = orphans_.list(stop_);
    if (!all) return failed(all.error());
    std::vector<ecs::Orphan> settled;
    std::map<std::string, bool> changing;
    for (const ecs::Orphan& each : *all) {
      if (!each.is_app_gone && !changing.contains(each.app_id)) {
        const auto is_changing = apps_.is_changing(each.app_id);
        if (!is_changing) return std::unexpected(is_changing.error());
        changing[each.app_id] = *is_changing;
      }
      if (each.is_app_gone || !changing[each.app_id]) settled.push_back(each);
    }
    return settled;
  }

  /// Goes on until nothing has to be waited for; what that was when time was over, else.
  Outcome<ecs::Collected> remove(Millis timeout) {
    const Instant end = session_.clock.now() + timeout;
    std::vector<std::string> told_waiting;
    while (true) {
      if (const auto confirmed = apps_.confirm_installation(); !confirmed)
        return std::unexpected(confirmed.error());
      auto collected = orphans_.collect(stop_);
      if (!collected) return failed(collected.error());
      if (stop_.stop_requested()) return failed({});
      if (collected->waiting.empty() || session_.clock.now() >= end) return std::move(*collected);
      if (!session_.wants_json && collected->waiting != told_waiting)
        for (const std::string& each : collected->waiting)
          show(fmt::format("waiting for {}\n", plain(each)));
      told_waiting = std::move(collected->waiting);
      outside_.sleep(kOrphanPause, stop_);
    }
  }

 private:
  std::unexpected<CommandFailure> failed(const Error& error) const {
    if (stop_.stop_requested())
      return failure(ExitCode::Interrupted, "interrupted; the same command goes on");
    return apps_.failure_of(error);
  }

  const Session& session_;
  const std::stop_token stop_;
  KnownApps apps_;
  aws::Outside outside_ = aws::real_outside();
  aws::RateLimiter limiter_;
  aws::Services aws_;
  ecs::TransientJournal journal_;
  ecs::Orphans orphans_;
};

void show_table(const Session& session, const std::vector<ecs::Orphan>& orphans) {
  Table table({{"KIND"}, {"APP"}, {"WHY"}, {"RESOURCE"}});
  for (const ecs::Orphan& each : orphans)
    table.add({each.kind, each.app_id, why(each), each.resource});
  if (!table.empty()) show(table.text(session.screen));
}

json listed(const std::vector<ecs::Orphan>& orphans) {
  json all = json::array();
  for (const ecs::Orphan& each : orphans) all.push_back(to_json(each));
  return all;
}

std::unexpected<CommandFailure> left_over(const std::vector<ecs::Orphan>& orphans,
                                          bool is_removing) {
  const auto gone = std::ranges::count(orphans, true, &ecs::Orphan::is_app_gone);
  std::vector<std::string> lines;
  if (gone > 0 && !is_removing)
    lines.push_back(fmt::format("{} left over of apps that are gone; --remove removes them", gone));
  if (const auto unused = std::ssize(orphans) - gone; unused > 0)
    lines.push_back(
        fmt::format("{} that apps do not use: they are of apps that are there, and stay "
                    "until you delete them by hand",
                    unused));
  return std::unexpected(CommandFailure{.code = ExitCode::LeftOver, .lines = std::move(lines)});
}

Outcome<void> look(const Session& session, const EcsAccount& account,
                   const std::vector<ecs::Orphan>& found) {
  if (session.wants_json)
    show_json({{"installation", account.installation}, {"orphans", listed(found)}});
  else
    show_table(session, found);
  if (!found.empty()) return left_over(found, false);
  if (!session.wants_json) show("Nothing is left over.\n");
  return {};
}

// What was found and is not there any more.
std::vector<ecs::Orphan> without(std::vector<ecs::Orphan> found,
                                 const std::vector<ecs::Orphan>& left) {
  std::set<std::string> still;
  for (const ecs::Orphan& each : left) still.insert(each.resource);
  std::erase_if(found, [&](const ecs::Orphan& each) { return still.contains(each.resource); });
  return found;
}

Outcome<void> remove(const Session& session, const OrphanOptions& options,
                     const EcsAccount& account, OrphanHunt& hunt) {
  const auto found = hunt.list();
  if (!found) return std::unexpected(found.error());
  const auto done = hunt.remove(options.timeout);
  if (!done) return std::unexpected(done.error());
  const auto left = hunt.list();
  if (!left) return std::unexpected(left.error());
  const auto removed = without(*found, *left);
  if (session.wants_json) {
    show_json({{"installation", account.installation},
               {"removed", listed(removed)},
               {"orphans", listed(*left)},
               {"waiting", done->waiting},
               {"failed", done->failed}});
  } else {
    for (const ecs::Orphan& each : removed)
      show(fmt::format("removed {} {}\n", each.kind, plain(each.resource)));
    show_table(session, *left);
  }
  CommandFailure troubles;
  for (const std::string& each : done->failed) troubles.lines.push_back(each);
  for (const std::string& each : done->waiting)
    troubles.lines.push_back(fmt::format(
        "not gone within {} s: {}; the same command goes on",
        std::chrono::duration_cast<std::chrono::seconds>(options.timeout).count(), each));
  if (troubles.lines.empty())
    for (const ecs::Orphan& each : *left)
      if (each.is_app_gone)
        troubles.lines.push_back(
            fmt::format("{} is still there: its name is not one that the app {} would have here",
                        each.resource, each.app_id));
  if (!troubles.lines.empty()) return std::unexpected(std::move(troubles));
  if (!left->empty()) return left_over(*left, true);
  if (!session.wants_json) show("Nothing is left over.\n");
  return {};
}

}  // namespace

Outcome<void> orphans(const Session& session, const OrphanOptions& options) {
  const auto account = find_ecs_account(options.place);
  if (!account) return std::unexpected(account.error());
  const auto interrupt = Interrupt::catch_signals();
  if (!interrupt) return failure(ExitCode::Failed, interrupt.error().message);
  const std::stop_token stop = (*interrupt)->token();
  const Session interruptible{.api = session.api.stopped_by(stop),
                              .screen = session.screen,
                              .wants_json = session.wants_json,
                              .clock = session.clock};
  OrphanHunt hunt(interruptible, *account, stop);
  if (options.is_removing) return remove(interruptible, options, *account, hunt);
  const auto found = hunt.list();
  if (!found) return std::unexpected(found.error());
  return look(interruptible, *account, *found);
}

}  // namespace pixell::cmd
