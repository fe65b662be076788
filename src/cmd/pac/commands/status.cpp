#include "cmd/pac/commands/status.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>

#include <map>
#include <nlohmann/json.hpp>

#include "cmd/pac/arguments.hpp"
#include "cmd/pac/commands/event_position.hpp"
#include "cmd/pac/commands/names.hpp"
#include "cmd/pac/deployment_progress.hpp"
#include "cmd/pac/limits.hpp"
#include "cmd/terminal/table.hpp"

namespace pixell::cmd {

using nlohmann::json;

namespace {

Colour colour_of(std::string_view state) {
  if (state == "failed" || state == "rolled_back") return Colour::Red;
  if (state == "ready" || state == "completed") return Colour::Green;
  if (state == "stopped") return Colour::Dim;
  return Colour::Yellow;
}

// "90% 12, 10% 13", or only "12" for the whole traffic at one revision.
std::string traffic_text(const json& traffic) {
  std::string text;
  for (const json& leg : traffic.at("legs")) {
    const std::int64_t weight = leg.value("weight_permille", std::int64_t{0});
    const std::string tag = text_at(leg, "tag");
    if (weight == 0 && tag.empty()) continue;
    text += fmt::format("{}{} {}{}", text.empty() ? "" : ", ", show_permille(weight),
                        text_at(leg, "revision"), tag.empty() ? "" : " @" + tag);
  }
  return text.empty() ? "none" : text;
}

std::size_t count_ready(const json& instances, const json& app) {
  std::size_t ready = 0;
  for (const json& one : instances)
    ready += one.at("phase") == "ready" && one.at("revision") == app.at("desired_revision");
  return ready;
}

// ----------------------------------------------------------------------------- all apps

// [{"app", "instances", "last_deployment"?}]
Outcome<json> all_apps(const Session& session) {
  const std::string limit = "?limit=" + std::to_string(kPageItems);
  const auto apps = session.api.list("/v1/apps" + limit, "apps", kMaxListed);
  if (!apps) return std::unexpected(apps.error());
  const auto instances = session.api.list("/v1/instances" + limit, "instances", kMaxListed);
  if (!instances) return std::unexpected(instances.error());
  const auto newest = session.api.list("/v1/deployments" + limit, "deployments", kPageItems);
  if (!newest) return std::unexpected(newest.error());
  std::map<std::string, json> instances_of;
  for (const json& one : *instances) instances_of[one.at("app")].push_back(one);
  std::map<std::string, json> deployment_of;
  for (const json& one : *newest) deployment_of.try_emplace(one.at("app"), one);  // newest first
  json all = json::array();
  for (const json& app : *apps) {
    const std::string id = app.at("id");
    json one = {{"app", app},
                {"instances", instances_of[id].is_null() ? json::array() : instances_of[id]}};
    if (!deployment_of.contains(id) && newest->size() == kPageItems) {
      const auto last = session.api.list(app_path(id, "/deployments?limit=1"), "deployments", 1);
      if (last && !last->empty()) deployment_of[id] = last->front();
    }
    if (const auto last = deployment_of.find(id); last != deployment_of.end())
      one["last_deployment"] = last->second;
    all.push_back(std::move(one));
  }
  return all;
}

std::string all_text(const Session& session, const json& all) {
  Table table({{"APP"},
               {"SHORT ID"},
               {"REVISION", true},
               {"READY", true},
               {"TRAFFIC"},
               {"LAST DEPLOYMENT"},
               {"ENDED"}});
  for (const json& one : all) {
    const json& app = one.at("app");
    const std::size_t ready = count_ready(one.at("instances"), app);
    const json& settings = app.at("settings");
    // Where the engine decides, more than the least are as many as it wants.
    const json& least = settings.contains("scaling") ? settings.at("scaling").at("min_instances")
                                                     : settings.at("instances");
    const auto wanted = least.get<std::size_t>();
    const json last = one.value("last_deployment", json::object());
    const std::string state = text_at(last, "state");
    const auto revision = app.at("desired_revision").get<std::int64_t>();
    table.add({text_at(app, "id"), text_at(app, "short_id"),
               revision == 0 ? "-" : std::to_string(revision),
               Cell(fmt::format("{}/{}", ready, number_text(settings)),
                    ready >= wanted ? Colour::Green : Colour::Yellow),
               app.at("state") == "deleting" ? "is being deleted" : traffic_text(app.at("traffic")),
               Cell(state.empty() ? "-" : state, colour_of(state)),
               show_age(last.value("completed_at", std::string()), session.clock.unix_now())});
  }
  return table.empty() ? "no apps yet; `pac deploy PACKAGE --app ID` makes one\n"
                       : table.text(session.screen);
}

// ----------------------------------------------------------------------------- one app

// Why the instance is not, or was not, well.
std::string last_cause(const json& instance) {
  const json failed = instance.value("boot_report", json::object()).value("failure", json());
  if (failed.is_object()) return text_at(failed, "cause") + ": " + text_at(failed, "message");
  if (instance.value("exit_signal", 0) != 0) return "signal " + text_at(instance, "exit_signal");
  if (instance.contains("exit_code")) return "exit " + text_at(instance, "exit_code");
  return {};
}

std::string instances_text(const Session& session, const json& instances) {
  Table table({{"INSTANCE"},
               {"REVISION", true},
               {"PHASE"},
               {"PID", true},
               {"RESTARTS", true},
               {"SINCE"},
               {"LAST CAUSE"}});
  for (const json& one : instances) {
    const std::string phase = one.at("phase");
    const std::string boot = text_at(one, "boot_phase");
    table.add(
        {short_instance_id(one.at("id").get<std::string>()), text_at(one, "revision"),
         Cell(phase == "starting" && !boot.empty() ? phase + " " + boot : phase, colour_of(phase)),
         text_at(one, "pid"), text_at(one, "restarts"),
         show_age(one.at("changed_at").get<std::string>(), session.clock.unix_now()),
         last_cause(one)});
  }
  return table.empty() ? "no instances\n" : table.text(session.screen);
}

std::string rollout_text(const Session& session, const json& rollout) {
  std::string text = deployment_title(rollout) + ", " + text_at(rollout, "state") + "\n";
  for (const std::string& line : progress_block(rollout, session.clock.unix_now(), session.screen))
    text += line + "\n";
  return text;
}

// How a load balancer leads to the app, where one does.
std::string balancer_text(const json& balancer) {
  std::string text;
  const std::string url = text_at(balancer, "url");
  const std::string listener = text_at(balancer, "listener");
  if (!listener.empty()) {
    text += fmt::format("  balancer   {}\n", url.empty() ? "its address is not known yet" : url);
    text += fmt::format("             rules {} of {}\n",
                        fmt::join(balancer.at("rule_priorities").get<std::vector<int>>(), " and "),
                        listener);
  }
  if (const std::string why = text_at(balancer, "waits_for"); !why.empty())
    text += fmt::format("  waits      its traffic does not move yet: {}\n", plain(why));
  return text;
}

std::string one_text(const Session& session, const json& shown) {
  const json& app = shown.at("app");
  const json& settings = app.at("settings");
  std::string text = fmt::format("{} ({})  {}{}\n", text_at(app, "id"), text_at(app, "short_id"),
                                 session.api.url(), text_at(app, "url"));
  const auto revision = app.at("desired_revision").get<std::int64_t>();
  text += fmt::format("  revision   {}\n", revision == 0 ? "none yet" : std::to_string(revision));
  text += fmt::format("  traffic    {}{}\n", traffic_text(app.at("traffic")),
                      app.at("traffic").value("pinned", false) ? ", pinned" : "");
  text +=
      fmt::format("  instances  {} ready of {}; keeps up to {} former revision(s) warm for {}\n",
                  count_ready(shown.at("instances"), app), number_text(settings),
                  text_at(settings, "warm_revisions"),
                  show_duration(settings.at("warm_seconds").get<std::int64_t>() * 1000));
  text += balancer_text(shown.value("balancer", json::object()));
  if (app.at("state") == "deleting") text += "  it is being deleted\n";
  text += "\n" + instances_text(session, shown.at("instances"));
  if (const auto rollout = shown.find("rollout"); rollout != shown.end())
    text += "\n" + rollout_text(session, *rollout);
  return text;
}

// Why the newest deployment did not succeed, with what to do; empty when it did, or is open. Its
// instances are gone by then.
Outcome<std::string> last_failure(const Session& session, const json& shown) {
  const std::string id = shown.at("app").at("id");
  const auto last = session.api.list(app_path(id, "/deployments?limit=1"), "deployments", 1);
  if (!last) return std::unexpected(last.error());
  if (last->empty() || !last->front().contains("failure")) return std::string();
  std::string text = "\n";
  for (const std::string& line : failure_lines(last->front())) text += line + "\n";
  return text;
}

// ----------------------------------------------------------------------------- both

struct Shown {
  json document;
  std::string text;
};

Outcome<Shown> look(const Session& session, const std::string& app) {
  const auto document = app.empty() ? all_apps(session) : get_app(session, app);
  if (!document) return std::unexpected(document.error());
  if (session.wants_json) return Shown{.document = *document};
  if (app.empty()) return Shown{.document = *document, .text = all_text(session, *document)};
  const auto failed = last_failure(session, *document);
  if (!failed) return std::unexpected(failed.error());
  return Shown{.document = *document, .text = one_text(session, *document) + *failed};
}

void show_again(const Session& session, const Shown& shown) {
  if (session.wants_json)
    show_json(shown.document);
  else if (session.screen.is_terminal)
    show("\x1b[H\x1b[2J" + shown.text);  // home, clear
  else
    show(shown.text + "\n");
}

// The position of an app's history that is not there yet, or while control is away, is asked again.
Outcome<void> watch_status(const Session& session, const std::string& app) {
  const auto id = full_app_id(session, app);
  if (!id) return std::unexpected(id.error());
  auto position = event_position(session.api, *id);
  if (!position) return std::unexpected(position.error());
  json last;
  Instant last_heard = session.clock.now();
  while (true) {
    const auto shown = look(session, app);
    if (shown && (session.screen.is_terminal || shown->document != last))
      show_again(session, *shown);
    if (shown) last = shown->document;
    const auto events = shown ? session.api.watch(*position, *id, kWatchPatience)
                              : Outcome<json>(std::unexpected(shown.error()));
    if (events) {
      position = std::max(*position, events->at("last_sequence").get<std::int64_t>());
      last_heard = session.clock.now();
    } else if (events.error().code != ExitCode::NotReachable ||
               session.clock.now() - last_heard >= kFollowAway) {
      return std::unexpected(events.error());
    } else {
      ::poll(nullptr, 0, static_cast<int>(kAwayPause.count()));
    }
  }
}

}  // namespace

Outcome<void> status(const Session& session, const std::string& app, bool watch) {
  if (watch) return watch_status(session, app);
  const auto shown = look(session, app);
  if (!shown) return std::unexpected(shown.error());
  if (session.wants_json)
    show_json(shown->document);
  else
    show(shown->text);
  return {};
}

}  // namespace pixell::cmd
