#include "cmd/pac/commands/routing.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cmd/pac/arguments.hpp"
#include "cmd/pac/commands/names.hpp"

namespace pixell::cmd {

using model::Routing;
using nlohmann::json;

namespace {

// Adds and takes away names; those that are there already stay where they are.
Result<void> change_names(std::vector<std::string>& names, std::string_view what,
                          const std::vector<std::string>& added,
                          const std::vector<std::string>& taken) {
  for (const std::string& name : taken)
    if (std::erase(names, name) == 0)
      return make_error(ErrorCode::NotFound, fmt::format("the app has no {} '{}'", what, name));
  for (const std::string& name : added)
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  return {};
}

Result<void> change_limits(model::RoutingLimits& limits, const RoutingChange& change) {
  if (change.max_concurrent) limits.max_concurrent = int(*change.max_concurrent);
  if (change.requests_per_second) limits.requests_per_second = int(*change.requests_per_second);
  if (change.requests_per_second == 0) limits.burst = 0;
  if (change.burst) limits.burst = int(*change.burst);
  if (!change.max_body.empty()) {
    TRY(limits.max_body_bytes, parse_bytes(change.max_body));
  }
  if (!change.timeouts.empty()) {
    TRY(limits.timeouts, parse_timeouts(change.timeouts, limits.timeouts));
  }
  return {};
}

Result<void> change_legacy(model::LegacyTarget& legacy, const RoutingChange& change) {
  if (change.no_legacy) legacy = {};
  const bool is_new = legacy.address.empty();
  if (!change.legacy.empty()) legacy.address = change.legacy;
  if (change.legacy_prefix) legacy.path_prefix = *change.legacy_prefix;
  if (!change.legacy_weight.empty()) {
    TRY(legacy.weight_permille, parse_permille(change.legacy_weight));
  }
  if (legacy.address.empty() && (change.legacy_prefix || !change.legacy_weight.empty()))
    return make_error(ErrorCode::InvalidArgument,
                      "the app has no legacy target: name it with --legacy ADDRESS");
  // None would do: 0% surprises those who have no revision yet, 100% those who have.
  if (is_new && !change.legacy.empty() && change.legacy_weight.empty())
    return make_error(ErrorCode::InvalidArgument,
                      "a new legacy target needs its share of the requests: add --legacy-weight "
                      "100%, or less");
  return {};
}

std::string limit_text(std::int64_t limit) {
  return limit == 0 ? "no limit" : std::to_string(limit);
}

std::string rate_text(const model::RoutingLimits& limits) {
  if (limits.requests_per_second == 0) return "no limit";
  return fmt::format("{}/s, burst {}", limits.requests_per_second,
                     limits.burst == 0 ? limits.requests_per_second : limits.burst);
}

std::string timeouts_text(const model::SurfaceTimeouts& timeouts) {
  const auto shown = [](std::int64_t millis) {
    return millis == 0 ? std::string("none") : show_typed_duration(millis);
  };
  return fmt::format("rest {}, a2a {}, ui {}, idle {}", shown(timeouts.rest_ms),
                     shown(timeouts.a2a_ms), shown(timeouts.ui_ms), shown(timeouts.idle_ms));
}

std::string mirror_text(const model::Mirror& mirror) {
  if (mirror.revision == 0) return "none";
  return fmt::format("{} to revision {}, bodies up to {}", show_permille(mirror.permille),
                     mirror.revision, show_bytes(mirror.max_body_bytes));
}

std::string legacy_text(const model::LegacyTarget& legacy) {
  if (legacy.address.empty()) return "none";
  const std::string prefix =
      legacy.path_prefix.empty() ? "" : fmt::format(", prefix {}", legacy.path_prefix);
  return fmt::format("{} to {}{}", show_permille(legacy.weight_permille), legacy.address, prefix);
}

std::string names_text(const std::vector<std::string>& names) {
  return names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "));
}

Outcome<Routing> routing_in(const json& reply) {
  auto read = model::routing_from_json(reply.at("routing"));
  if (read) return std::move(*read);
  return failure(ExitCode::Failed,
                 fmt::format("the answer is {}; check --url", read.error().message));
}

Outcome<void> show_routing(const Session& session, const json& reply) {
  if (session.wants_json) {
    show_json(reply);
    return {};
  }
  const auto shown = routing_in(reply);
  if (!shown) return std::unexpected(shown.error());
  const auto line = [](std::string_view name, const std::string& value) {
    return fmt::format("{}{}\n", padded(name, 12), plain(value));
  };
  const model::RoutingLimits& limits = shown->limits;
  show(line("concurrent", limit_text(limits.max_concurrent)) + line("rate", rate_text(limits)) +
       line("body", limits.max_body_bytes == 0 ? "no limit" : show_bytes(limits.max_body_bytes)) +
       line("timeouts", timeouts_text(limits.timeouts)) +
       line("aliases", names_text(shown->aliases)) + line("hosts", names_text(shown->hosts)) +
       line("mirror", mirror_text(shown->mirror)) + line("legacy", legacy_text(shown->legacy)));
  return {};
}

ExitCode exit_code_of(const Error& error) {
  return error.code == ErrorCode::NotFound ? ExitCode::NotFound : ExitCode::WrongUsage;
}

}  // namespace

Result<Routing> changed_routing(Routing routing, const RoutingChange& change) {
  TRY_VOID(change_limits(routing.limits, change));
  TRY_VOID(change_names(routing.aliases, "alias", change.aliases, change.no_aliases));
  TRY_VOID(change_names(routing.hosts, "host", change.hosts, change.no_hosts));
  if (change.no_mirror) routing.mirror = {};
  if (!change.mirror.empty()) {
    TRY(routing.mirror, parse_mirror(change.mirror, routing.mirror));
  }
  TRY_VOID(change_legacy(routing.legacy, change));
  return routing;
}

Outcome<void> routing(const Session& session, const std::string& app, const RoutingChange& change) {
  const std::string path = app_path(app, "/routing");
  const auto now = session.api.get(path);
  const bool is_new = !now && now.error().code == ExitCode::NotFound && !change.legacy.empty();
  if (!now && !is_new) return std::unexpected(now.error());
  if (change.is_empty()) return show_routing(session, *now);
  Routing was;
  if (now) {
    auto read = routing_in(*now);
    if (!read) return std::unexpected(read.error());
    was = std::move(*read);
  }
  const auto wanted = changed_routing(std::move(was), change);
  if (!wanted) return failure(exit_code_of(wanted.error()), wanted.error().message);
  const json body = model::to_json(*wanted);
  ApiChange put{.method = "PUT", .path = path, .body = &body};
  if (now)
    put.if_match = fmt::format("\"{}\"", now->at("generation").get<std::int64_t>());
  else
    put.only_creates = true;
  const auto reply = session.api.send(put);
  if (!reply) return std::unexpected(reply.error());
  return show_routing(session, *reply);
}

}  // namespace pixell::cmd
