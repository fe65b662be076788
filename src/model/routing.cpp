#include "model/routing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "model/traffic.hpp"

namespace pixell::model {

namespace {

using Findings = std::vector<RoutingFinding>;

void check_range(Findings& findings, std::string_view pointer, std::int64_t value,
                 std::int64_t most) {
  if (value >= 0 && value <= most) return;
  const std::string_view name = pointer.substr(pointer.rfind('/') + 1);
  findings.push_back(
      {std::string(pointer), fmt::format("{} {} must be 0 (no limit) to {}", name, value, most)});
}

void check_limits(Findings& findings, const RoutingLimits& limits) {
  check_range(findings, "/limits/max_concurrent", limits.max_concurrent, kMaxConcurrentLimit);
  check_range(findings, "/limits/requests_per_second", limits.requests_per_second, kMaxRateLimit);
  check_range(findings, "/limits/burst", limits.burst, kMaxRateLimit);
  check_range(findings, "/limits/max_body_bytes", limits.max_body_bytes, kMaxBodyLimit);
  if (limits.burst > 0 && limits.requests_per_second == 0)
    findings.push_back(
        {"/limits/burst", fmt::format("burst {} needs requests_per_second as well", limits.burst)});
  const SurfaceTimeouts& timeouts = limits.timeouts;
  check_range(findings, "/limits/timeouts/rest_ms", timeouts.rest_ms, kMaxTimeoutMs);
  check_range(findings, "/limits/timeouts/a2a_ms", timeouts.a2a_ms, kMaxTimeoutMs);
  check_range(findings, "/limits/timeouts/ui_ms", timeouts.ui_ms, kMaxTimeoutMs);
  check_range(findings, "/limits/timeouts/idle_ms", timeouts.idle_ms, kMaxTimeoutMs);
}

bool is_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// One segment of a path that needs no escape and cannot be mistaken for "id@tag".
bool is_alias(std::string_view alias) {
  return !alias.empty() && alias.size() <= kMaxAliasBytes && is_alnum(alias.front()) &&
         std::all_of(alias.begin(), alias.end(),
                     [](char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.'; });
}

// Whether `is_good` holds of each part of `text` between `separator`s.
template <class IsGood>
bool all_parts(std::string_view text, char separator, IsGood is_good) {
  for (;;) {
    const auto end = text.find(separator);
    if (!is_good(text.substr(0, end))) return false;
    if (end == std::string_view::npos) return true;
    text.remove_prefix(end + 1);
  }
}

// A label of a host name in lower case: letters, digits and '-', which is neither first nor last
// (RFC 1123 2.1), at most 63 bytes (RFC 1035 2.3.4).
bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= 63 && is_alnum(label.front()) &&
         is_alnum(label.back()) && std::all_of(label.begin(), label.end(), [](char c) {
           return (is_alnum(c) && !(c >= 'A' && c <= 'Z')) || c == '-';
         });
}

// A host name in lower case, at most 253 bytes.
bool is_host(std::string_view host) { return host.size() <= 253 && all_parts(host, '.', is_label); }

// Reports what is malformed or there twice among `names`.
template <class IsGood>
void check_names(Findings& findings, std::string_view what, const std::vector<std::string>& names,
                 IsGood is_good) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string pointer = fmt::format("/{}/{}", what, i);
    const std::string shown = names[i].substr(0, 80);
    if (!is_good(names[i]))
      findings.push_back({pointer, what == "aliases"
                                       ? fmt::format("alias '{}' must be 1 to {} letters, digits, "
                                                     "'-', '_' and '.', a letter or digit first",
                                                     shown, kMaxAliasBytes)
                                       : fmt::format("host '{}' must be a host name in lower case "
                                                     "without a port, like agent.example.com, and "
                                                     "no part of it may begin or end with '-'",
                                                     shown)});
    else if (std::find(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(i), names[i]) !=
             names.begin() + static_cast<std::ptrdiff_t>(i))
      findings.push_back({pointer, fmt::format("'{}' is there twice", shown)});
  }
}

void check_mirror(Findings& findings, const Mirror& mirror) {
  if (mirror == Mirror()) return;
  if (mirror.revision < 1)
    findings.push_back(
        {"/mirror/revision",
         fmt::format("revision {} must be the number of a revision, from 1", mirror.revision)});
  if (mirror.permille < 1 || mirror.permille > kWholeTraffic)
    findings.push_back(
        {"/mirror/permille", fmt::format("permille {} must be 1 to 1000", mirror.permille)});
  if (mirror.max_body_bytes < 0 || mirror.max_body_bytes > kMaxMirroredBody)
    findings.push_back(
        {"/mirror/max_body_bytes", fmt::format("max_body_bytes {} must be 0 to {}",
                                               mirror.max_body_bytes, kMaxMirroredBody)});
}

void check_legacy(Findings& findings, const LegacyTarget& legacy) {
  if (legacy == LegacyTarget()) return;
  if (legacy.address.empty())
    findings.push_back({"/legacy/address", "address is empty; give it like 10.0.0.7:8080"});
  if (legacy.weight_permille < 0 || legacy.weight_permille > kWholeTraffic)
    findings.push_back({"/legacy/weight_permille", fmt::format("weight_permille {} must be 0 to "
                                                               "1000",
                                                               legacy.weight_permille)});
  const std::string& prefix = legacy.path_prefix;
  const bool is_plain = std::all_of(prefix.begin(), prefix.end(), [](char c) {
    return is_alnum(c) || std::string_view("-._~/").find(c) != std::string_view::npos;
  });
  if (!prefix.empty() && (prefix.front() != '/' || prefix.back() == '/' || !is_plain))
    findings.push_back({"/legacy/path_prefix",
                        fmt::format("path_prefix '{}' must begin with '/', not end with it and "
                                    "hold letters, digits and -._~/ only",
                                    prefix.substr(0, 80))});
  // Whoever normalises paths would leave what the prefix names.
  if (!all_parts(prefix, '/', [](std::string_view part) { return part != "." && part != ".."; }))
    findings.push_back({"/legacy/path_prefix",
                        fmt::format("path_prefix '{}' must not hold '.' or '..' between slashes; "
                                    "give the path it leads to",
                                    prefix.substr(0, 80))});
}

RoutingLimits limits_from_json(const nlohmann::json& json) {
  RoutingLimits limits;
  limits.max_concurrent = json.value("max_concurrent", 0);
  limits.requests_per_second = json.value("requests_per_second", 0);
  limits.burst = json.value("burst", 0);
  limits.max_body_bytes = json.value("max_body_bytes", std::int64_t{0});
  const nlohmann::json timeouts = json.value("timeouts", nlohmann::json::object());
  limits.timeouts = {.rest_ms = timeouts.value("rest_ms", std::int64_t{0}),
                     .a2a_ms = timeouts.value("a2a_ms", std::int64_t{0}),
                     .ui_ms = timeouts.value("ui_ms", std::int64_t{0}),
                     .idle_ms = timeouts.value("idle_ms", std::int64_t{0})};
  return limits;
}

}  // namespace

std::vector<RoutingFinding> check_routing(const Routing& routing) {
  Findings findings;
  check_limits(findings, routing.limits);
  if (routing.aliases.size() > kMaxAliases)
    findings.push_back({"/aliases", fmt::format("{} aliases are more than {}",
                                                routing.aliases.size(), kMaxAliases)});
  if (routing.hosts.size() > kMaxHosts)
    findings.push_back(
        {"/hosts", fmt::format("{} hosts are more than {}", routing.hosts.size(), kMaxHosts)});
  check_names(findings, "aliases", routing.aliases, is_alias);
  check_names(findings, "hosts", routing.hosts, is_host);
  check_mirror(findings, routing.mirror);
  check_legacy(findings, routing.legacy);
  return findings;
}

nlohmann::json to_json(const Routing& routing) {
  const RoutingLimits& limits = routing.limits;
  const SurfaceTimeouts& timeouts = limits.timeouts;
  nlohmann::json json = {{"limits",
                          {{"max_concurrent", limits.max_concurrent},
                           {"requests_per_second", limits.requests_per_second},
                           {"burst", limits.burst},
                           {"max_body_bytes", limits.max_body_bytes},
                           {"timeouts",
                            {{"rest_ms", timeouts.rest_ms},
                             {"a2a_ms", timeouts.a2a_ms},
                             {"ui_ms", timeouts.ui_ms},
                             {"idle_ms", timeouts.idle_ms}}}}},
                         {"aliases", routing.aliases},
                         {"hosts", routing.hosts},
                         {"mirror", nullptr},
                         {"legacy", nullptr}};
  if (routing.mirror.revision != 0)
    json["mirror"] = {{"revision", routing.mirror.revision},
                      {"permille", routing.mirror.permille},
                      {"max_body_bytes", routing.mirror.max_body_bytes}};
  if (!routing.legacy.address.empty())
    json["legacy"] = {{"address", routing.legacy.address},
                      {"path_prefix", routing.legacy.path_prefix},
                      {"weight_permille", routing.legacy.weight_permille}};
  return json;
}

Result<Routing> routing_from_json(const nlohmann::json& json) try {
  Routing routing;
  if (json.is_null()) return routing;
  if (const auto limits = json.find("limits"); limits != json.end() && !limits->is_null())
    routing.limits = limits_from_json(*limits);
  routing.aliases = json.value("aliases", std::vector<std::string>());
  routing.hosts = json.value("hosts", std::vector<std::string>());
  if (const auto mirror = json.find("mirror"); mirror != json.end() && !mirror->is_null())
    routing.mirror = {.revision = mirror->at("revision").get<std::int64_t>(),
                      .permille = mirror->at("permille").get<int>(),
                      .max_body_bytes = mirror->value("max_body_bytes", Mirror().max_body_bytes)};
  if (const auto legacy = json.find("legacy"); legacy != json.end() && !legacy->is_null())
    routing.legacy = {.address = legacy->at("address").get<std::string>(),
                      .path_prefix = legacy->value("path_prefix", std::string()),
                      .weight_permille = legacy->value("weight_permille", 0)};
  return routing;
} catch (const nlohmann::json::exception& wrong) {
  return make_error(ErrorCode::InvalidArgument, fmt::format("not a routing: {}", wrong.what()));
}

}  // namespace pixell::model
