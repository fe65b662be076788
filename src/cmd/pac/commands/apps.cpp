#include "cmd/pac/commands/apps.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "base/process.hpp"
#include "cmd/pac/arguments.hpp"
#include "cmd/pac/commands/names.hpp"
#include "cmd/pac/find_program.hpp"
#include "cmd/pac/limits.hpp"
#include "cmd/terminal/table.hpp"

namespace pixell::cmd {

using nlohmann::json;

namespace {

constexpr std::size_t kShortDigest = 12;

std::string revision_text(const json& app) {
  const auto revision = app.at("desired_revision").get<std::int64_t>();
  return revision == 0 ? "-" : std::to_string(revision);
}

// True when a person said yes.
Outcome<bool> is_confirmed(const json& shown) {
  if (::isatty(STDIN_FILENO) != 1)
    return failure(ExitCode::WrongUsage,
                   "delete needs --yes where nobody can be asked (standard input is no terminal)");
  show(fmt::format("Delete app {} with {} revision(s) and {} instance(s)? [y/N] ",
                   text_at(shown.at("app"), "id"), shown.at("revisions").size(),
                   shown.at("instances").size()));
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

// Returns what is to be told; opening is an extra that may fail.
std::string open_in_browser(const std::string& url) {
  const auto env = own_environment();
  if (!env.contains("DISPLAY") && !env.contains("WAYLAND_DISPLAY")) return {};
  const auto program = find_program("xdg-open", env);
  if (!program) return {};
  const auto started = start_process({.argv = {*program, url}, .env = env});
  return started ? "opening the UI in a browser\n"
                 : fmt::format("no browser: {}\n", started.error().message);
}

}  // namespace

Outcome<void> list_apps(const Session& session) {
  const auto apps =
      session.api.list("/v1/apps?limit=" + std::to_string(kPageItems), "apps", kMaxListed);
  if (!apps) return std::unexpected(apps.error());
  if (session.wants_json) {
    show_json(*apps);
    return {};
  }
  Table table({{"APP"},
               {"SHORT ID"},
               {"REVISION", true},
               {"INSTANCES", true},
               {"STATE"},
               {"CREATED"},
               {"URL"}});
  for (const json& one : *apps)
    table.add({text_at(one, "id"), text_at(one, "short_id"), revision_text(one),
               text_at(one.at("settings"), "instances"), text_at(one, "state"),
               show_age(one.at("created_at").get<std::string>(), session.clock.unix_now()),
               session.api.url() + text_at(one, "url")});
  show(table.text(session.screen));
  return {};
}

Outcome<void> list_revisions(const Session& session, const std::string& app) {
  const auto revisions = session.api.list(
      app_path(app, "/revisions?limit=" + std::to_string(kPageItems)), "revisions", kMaxListed);
  if (!revisions) return std::unexpected(revisions.error());
  if (session.wants_json) {
    show_json(*revisions);
    return {};
  }
  Table table({{"REVISION", true},
               {"VERSION"},
               {"TRAFFIC", true},
               {"TAGS"},
               {"PACKAGE"},
               {"CREATED"},
               {"STATE"}});
  for (const json& one : *revisions) {
    std::string tags;
    for (const json& tag : one.value("tags", json::array()))
      tags += (tags.empty() ? "" : ", ") + text_of(tag);
    table.add({text_at(one, "number"), text_at(one, "version"),
               show_permille(one.at("weight_permille").get<std::int64_t>()), tags,
               one.at("package_sha256").get<std::string>().substr(0, kShortDigest),
               show_age(one.at("created_at").get<std::string>(), session.clock.unix_now()),
               one.contains("retired_at") && tags.empty() ? "retired" : "in use"});
  }
  show(table.text(session.screen));
  return {};
}

Outcome<void> scale(const Session& session, const std::string& app, const ScaleChange& change) {
  json body = json::object();
  if (change.instances) body["instances"] = *change.instances;
  if (change.warm_revisions) body["warm_revisions"] = *change.warm_revisions;
  if (!change.warm.empty()) body["warm_seconds"] = parse_seconds(change.warm).value();
  if (change.no_scaling) body["scaling"] = nullptr;
  if (change.has_scaling()) {
    json& scaling = body["scaling"] = {{"min_instances", change.least.value_or(0)},
                                       {"max_instances", change.most.value_or(0)}};
    if (change.cpu_percent) scaling["cpu_percent"] = *change.cpu_percent;
    if (change.memory_percent) scaling["memory_percent"] = *change.memory_percent;
  }
  const auto reply = session.api.send({.method = "PATCH", .path = app_path(app), .body = &body});
  if (!reply) return std::unexpected(reply.error());
  const json& changed = reply->at("app");
  if (session.wants_json) {
    show_json(changed);
    return {};
  }
  const json& settings = changed.at("settings");
  show(fmt::format(
      "{}: {} instance(s) of each revision with traffic; {} former revision(s) stay "
      "warm for {}\n",
      text_at(changed, "id"), number_text(settings), text_at(settings, "warm_revisions"),
      show_duration(settings.at("warm_seconds").get<std::int64_t>() * 1000)));
  return {};
}

Outcome<void> delete_app(const Session& session, const std::string& app, bool yes) {
  const auto shown = get_app(session, app);
  if (!shown) return std::unexpected(shown.error());
  const std::string id = shown->at("app").at("id");
  if (!yes) {
    const auto confirmed = is_confirmed(*shown);
    if (!confirmed) return std::unexpected(confirmed.error());
    if (!*confirmed) return failure(ExitCode::Failed, fmt::format("app {} was not deleted", id));
  }
  const auto reply = session.api.send({.method = "DELETE", .path = app_path(id)});
  if (!reply) return std::unexpected(reply.error());
  if (session.wants_json)
    show_json(reply->at("app"));
  else
    show(
        fmt::format("app {} is being deleted: its instances drain and end; its events stay\n", id));
  return {};
}

Outcome<void> open_app(const Session& session, const std::string& app) {
  const auto shown = get_app(session, app);
  if (!shown) return std::unexpected(shown.error());
  std::string path = shown->at("app").at("url");
  while (path.ends_with('/')) path.pop_back();
  const std::string base = session.api.url() + path;
  const json urls = {{"rest", base + "/api/"}, {"a2a", base + "/a2a"}, {"ui", base + "/ui/"}};
  if (session.wants_json) {
    show_json(urls);
    return {};
  }
  show(fmt::format("REST  {}\nA2A   {}\nUI    {}\n", text_at(urls, "rest"), text_at(urls, "a2a"),
                   text_at(urls, "ui")));
  show(open_in_browser(urls.at("ui")));
  return {};
}

}  // namespace pixell::cmd
