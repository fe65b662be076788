#include "cmd/pac/commands/traffic.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "cmd/pac/arguments.hpp"
#include "cmd/pac/commands/names.hpp"
#include "cmd/terminal/table.hpp"

namespace pixell::cmd {

using model::Traffic;
using model::TrafficLeg;
using nlohmann::json;

namespace {

void drop_empty_legs(Traffic& traffic) {
  std::erase_if(traffic.legs,
                [](const TrafficLeg& leg) { return leg.weight_permille == 0 && leg.tag.empty(); });
}

void split(Traffic& traffic, const Split& shares) {
  for (TrafficLeg& leg : traffic.legs) leg.weight_permille = 0;
  // A leg with a tag stays one of its own, as deployments make it.
  for (const auto& [number, share] : shares)
    traffic.legs.push_back({.revision = number, .weight_permille = share});
  drop_empty_legs(traffic);
}

Result<void> untag(Traffic& traffic, const std::string& tag) {
  const auto leg = std::ranges::find(traffic.legs, tag, &TrafficLeg::tag);
  if (tag.empty() || leg == traffic.legs.end())
    return make_error(ErrorCode::NotFound, fmt::format("no revision has the tag '{}'", tag));
  leg->tag.clear();
  return {};
}

std::string sticky_text(const json& traffic) {
  const json sticky = traffic.value("sticky", json::object());
  const std::string by = sticky.value("by", "none");
  if (by == "none") return "none";
  const std::string name = text_at(sticky, "name");
  return name.empty() ? by : by + " " + name;
}

struct Row {
  std::int64_t wanted = 0;
  std::int64_t serves = 0;
  std::int64_t ready = 0;
  std::string tags;
};

// What serves right now differs from what is wanted while instances start.
std::string table_text(const Session& session, const json& reply) {
  std::map<std::int64_t, Row> rows;
  for (const json& leg : reply.at("traffic").at("legs")) {
    Row& row = rows[leg.at("revision").get<std::int64_t>()];
    row.wanted += leg.value("weight_permille", std::int64_t{0});
    if (const std::string tag = text_at(leg, "tag"); !tag.empty())
      row.tags += (row.tags.empty() ? "" : ", ") + tag;
  }
  for (const json& leg : reply.at("route").at("legs")) {
    Row& row = rows[leg.at("revision").get<std::int64_t>()];
    row.serves += leg.at("weight_permille").get<std::int64_t>();
    row.ready = std::max(row.ready, leg.at("targets").get<std::int64_t>());
  }
  Table table({{"REVISION", true}, {"WANTED", true}, {"SERVES", true}, {"READY", true}, {"TAGS"}});
  for (const auto& [revision, row] : rows)
    table.add({std::to_string(revision), show_permille(row.wanted), show_permille(row.serves),
               Cell(std::to_string(row.ready), row.ready == 0 ? Colour::Yellow : Colour::Plain),
               row.tags});
  return table.text(session.screen);
}

void show_traffic(const Session& session, const json& reply) {
  if (session.wants_json) {
    show_json(reply);
    return;
  }
  const json& wanted = reply.at("traffic");
  show(table_text(session, reply));
  show(fmt::format("sticky: {}\n", sticky_text(wanted)));
  if (wanted.value("pinned", false)) show("pinned: deployments leave the traffic alone\n");
}

ExitCode exit_code_of(const Error& error) {
  return error.code == ErrorCode::NotFound ? ExitCode::NotFound : ExitCode::Failed;
}

}  // namespace

Result<Traffic> changed_traffic(Traffic traffic, const TrafficChange& change) {
  if (!change.split.empty()) {
    TRY(const Split shares, parse_split(change.split));
    split(traffic, shares);
  }
  for (const std::string& tag : change.untag) TRY_VOID(untag(traffic, tag));
  for (const std::string& text : change.tags) {
    TRY(const auto tag, parse_tag(text));
    traffic = model::with_tag(traffic, tag.second, tag.first);
  }
  if (!change.sticky.empty()) {
    TRY(traffic.sticky, parse_sticky(change.sticky));
  }
  if (change.pin || change.unpin) traffic.is_pinned = change.pin;
  drop_empty_legs(traffic);
  return traffic;
}

Outcome<void> traffic(const Session& session, const std::string& app, const TrafficChange& change) {
  const std::string path = app_path(app, "/traffic");
  const auto now = session.api.get(path);
  if (!now) return std::unexpected(now.error());
  if (change.is_empty()) {
    show_traffic(session, *now);
    return {};
  }
  const auto was = model::traffic_from_json(now->at("traffic"));
  if (!was)
    return failure(ExitCode::Failed,
                   fmt::format("the answer is {}; check --url", was.error().message));
  const auto wanted = changed_traffic(*was, change);
  if (!wanted) return failure(exit_code_of(wanted.error()), wanted.error().message);
  const json body = model::to_json(*wanted);
  const auto reply = session.api.send(
      {.method = "PUT",
       .path = path,
       .body = &body,
       .if_match = fmt::format("\"{}\"", now->at("generation").get<std::int64_t>())});
  if (!reply) return std::unexpected(reply.error());
  show_traffic(session, *reply);
  return {};
}

}  // namespace pixell::cmd
