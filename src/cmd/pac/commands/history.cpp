#include "cmd/pac/commands/history.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <nlohmann/json.hpp>

#include "cmd/pac/arguments.hpp"
#include "cmd/pac/commands/event_position.hpp"
#include "cmd/pac/commands/names.hpp"
#include "cmd/pac/limits.hpp"
#include "cmd/terminal/table.hpp"

namespace pixell::cmd {

using nlohmann::json;

namespace {

Cell state_cell(const json& deployment) {
  const std::string state = text_at(deployment, "state");
  if (state == "completed") return Cell(state, Colour::Green);
  return Cell(state, state == "failed" || state == "rolled_back" ? Colour::Red : Colour::Yellow);
}

std::string event_line(const json& event, bool has_colour) {
  std::string detail;
  for (const auto& [key, value] : event.at("detail").items())
    detail += fmt::format(" {}={}", plain(key), text_of(value));
  return fmt::format("{} {} {}{}\n",
                     painted(Colour::Dim, padded(text_at(event, "at"), 24), has_colour),
                     padded(text_at(event, "app"), 16), padded(text_at(event, "kind"), 22), detail);
}

class EventPrinter {
 public:
  EventPrinter(const Session& session, std::string app) : session_(session), app_(std::move(app)) {}

  // Everything that is there behind `position`. JSON as one array, or an event a line.
  Outcome<void> print_history(std::int64_t& position, bool as_array) {
    json all = json::array();
    while (true) {
      const auto page =
          session_.api.get("/v1/events" + query_of({{"after", std::to_string(position)},
                                                    {"app", app_},
                                                    {"limit", std::to_string(kPageItems)}}));
      if (!page) return std::unexpected(page.error());
      const json& events = page->at("events");
      if (events.empty()) break;
      position = page->at("last_sequence").get<std::int64_t>();
      if (as_array)
        all.insert(all.end(), events.begin(), events.end());
      else
        print(events);
      if (all.size() >= kMaxListed) break;
    }
    if (as_array) show_json(all);
    return {};
  }

  // What happens from now on, until the program is ended or the control plane stays away.
  Outcome<void> follow(std::int64_t position) {
    Instant last_heard = session_.clock.now();
    while (true) {
      const auto events = session_.api.watch(position, app_, kFollowPatience);
      if (events) {
        last_heard = session_.clock.now();
        print(events->at("events"));
        position = std::max(position, events->at("last_sequence").get<std::int64_t>());
      } else if (events.error().code != ExitCode::NotReachable ||
                 session_.clock.now() - last_heard >= kFollowAway) {
        return std::unexpected(events.error());
      } else {
        ::poll(nullptr, 0, static_cast<int>(kAwayPause.count()));
      }
    }
  }

 private:
  void print(const json& events) {
    for (const json& event : events) {
      if (session_.wants_json)
        show_json(event);
      else
        show(event_line(event, session_.screen.has_colour));
    }
  }

  const Session& session_;
  std::string app_;
};

}  // namespace

Outcome<void> list_deployments(const Session& session, const std::string& app, std::size_t most) {
  const std::string path =
      app.empty() ? std::string("/v1/deployments") : app_path(app, "/deployments");
  const auto deployments = session.api.list(
      fmt::format("{}?limit={}", path, std::min(most, kPageItems)), "deployments", most);
  if (!deployments) return std::unexpected(deployments.error());
  if (session.wants_json) {
    show_json(*deployments);
    return {};
  }
  Table table({{"DEPLOYMENT"},
               {"APP"},
               {"KIND"},
               {"REVISION", true},
               {"STRATEGY"},
               {"STATE"},
               {"CREATED"},
               {"TOOK", true},
               {"CAUSE"}});
  for (const json& one : *deployments) {
    const json failed = one.value("failure", json::object());
    table.add({text_at(one, "id"), text_at(one, "app"), text_at(one, "kind"),
               text_at(one, "revision"), text_at(one.at("strategy"), "type"), state_cell(one),
               show_age(one.at("created_at").get<std::string>(), session.clock.unix_now()),
               one.contains("duration_ms")
                   ? show_duration(one.at("duration_ms").get<std::int64_t>())
                   : "-",
               text_at(failed, "cause")});
  }
  show(table.text(session.screen));
  return {};
}

Outcome<void> print_events(const Session& session, const EventOptions& options) {
  const auto app = full_app_id(session, options.app);
  if (!app) return std::unexpected(app.error());
  std::int64_t position = 0;
  if (!options.since.empty() || options.follow) {
    const auto since = options.since.empty()
                           ? std::numeric_limits<UnixMillis>::max()
                           : session.clock.unix_now() - parse_seconds(options.since).value() * 1000;
    const auto found = event_position(session.api, *app, since);
    if (!found) return std::unexpected(found.error());
    position = *found;
  }
  EventPrinter printer(session, *app);
  const auto printed = printer.print_history(position, session.wants_json && !options.follow);
  if (!printed || !options.follow) return printed;
  return printer.follow(position);
}

}  // namespace pixell::cmd
