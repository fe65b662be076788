#include "edge/explain.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "edge/explain_reasons.hpp"
#include "edge/limits.hpp"
#include "edge/router.hpp"
#include "edge/sticky.hpp"
#include "net/url.hpp"

namespace pixell::edge {

namespace {

using nlohmann::json;
using To = Decision::To;
using Pick = Decision::Pick;

Error wrong(std::string message) {
  return make_error(ErrorCode::InvalidArgument, std::move(message));
}

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c != '\x7f'; });
}

// Reads what a client makes of a URL: its origin is the authority, the rest the target, and the
// fragment never leaves the client.
Result<void> read_url(net::RequestHead& head, std::string_view url) {
  static constexpr std::string_view kRemedy =
      "give url=/agents/… or url=http://host/agents/…, percent-encoded";
  if (url.empty()) return wrong(fmt::format("url is missing or malformed; {}", kRemedy));
  std::string_view target = url.substr(0, url.find('#'));
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!target.starts_with(scheme)) continue;
    target.remove_prefix(scheme.size());
    const std::size_t path = std::min(target.find_first_of("/?"), target.size());
    if (path == 0) return wrong(fmt::format("url '{}' names no host; {}", url, kRemedy));
    head.authority = target.substr(0, path);
    target.remove_prefix(path);
    if (!target.starts_with('/')) {
      head.target = "/" + std::string(target);
      return {};
    }
    break;
  }
  if (!target.starts_with('/') || !is_printable(target))
    return wrong(fmt::format("url '{}' is not a URL or a path; {}", url, kRemedy));
  head.target = target;
  return {};
}

Result<net::RequestHead> head_of(std::string_view query) {
  const std::vector<std::string> urls = net::query_values(query, "url");
  net::RequestHead head{.method = "GET", .scheme = "http"};
  TRY_VOID(read_url(head, urls.empty() ? std::string_view() : urls.front()));
  const std::vector<std::string> fields = net::query_values(query, "header");
  if (fields.size() > kMaxExplainedHeaders)
    return wrong(
        fmt::format("header is given {} times; at most {}", fields.size(), kMaxExplainedHeaders));
  for (const std::string& field : fields) {
    const std::string_view text = field;
    const std::size_t colon = text.find(':');
    if (colon == std::string::npos || colon == 0 || !is_printable(text.substr(0, colon)))
      return wrong("header is malformed; give header=Name:value, percent-encoded");
    const std::string_view name = text.substr(0, colon);
    const std::size_t at = std::min(text.find_first_not_of(' ', colon + 1), text.size());
    if (net::equal_names(name, "host"))
      head.authority = text.substr(at);
    else
      head.headers.add(name, text.substr(at));
  }
  if (head.is_grpc()) head.method = "POST";
  return head;
}

std::string_view name_of(To to) {
  switch (to) {
    case To::Agent:
      return "agent";
    case To::Api:
      return "api";
    case To::Directory:
      return "directory";
    case To::Explain:
      return "explain";
    case To::Metrics:
      return "metrics";
    case To::UnknownAgent:
      return "unknown_agent";
    case To::UnknownTag:
      return "unknown_tag";
    case To::NoTarget:
      return "no_target";
    case To::Hidden:
      return "hidden";
  }
  return "api";
}

std::string_view name_of(Decision::Match match) {
  switch (match) {
    case Decision::Match::Path:
      return "path";
    case Decision::Match::Metadata:
      return "metadata";
    case Decision::Match::Host:
      return "host";
    case Decision::Match::None:
      break;
  }
  return "none";
}

std::string_view name_of(Pick pick) {
  switch (pick) {
    case Pick::Tag:
      return "tag";
    case Pick::Dice:
      return "weight";
    case Pick::Header:
      return "sticky_header";
    case Pick::Cookie:
      return "sticky_cookie";
    case Pick::NewCookie:
      return "new_sticky_cookie";
    case Pick::Alone:
      return "legacy_alone";
    case Pick::None:
      break;
  }
  return "none";
}

json describe_targets(const Leg& leg, const LoopView& loop) {
  json targets = json::array();
  for (std::size_t i = 0; i < leg.targets.size(); ++i) {
    json target = {{"address", leg.targets[i].text}};
    if (loop.state_of) {
      const TargetView state = loop.state_of(leg, i);
      target.update({{"outstanding", state.outstanding},
                     {"ejected", state.is_ejected},
                     {"unhealthy", state.is_unhealthy}});
    }
    targets.push_back(std::move(target));
  }
  return targets;
}

json describe_legs(const Decision& decision, const LoopView& loop) {
  const int total = weight_with_targets(*decision.route);
  json legs = json::array();
  for (const Leg& leg : decision.route->legs) {
    const bool takes_part = total > 0 && !leg.targets.empty();
    legs.push_back({{"revision", leg.revision},
                    {"weight_permille", leg.weight_permille},
                    {"tag", leg.tag},
                    {"targets", leg.targets.size()},
                    {"instances", describe_targets(leg, loop)},
                    {"share", takes_part ? static_cast<double>(leg.weight_permille) / total : 0.0},
                    {"chosen", &leg == certain_leg(decision)}});
  }
  return legs;
}

json describe_sticky(const Decision& decision) {
  json sticky = model::to_json(decision.route->sticky);
  sticky["value_given"] = is_sticky(decision.pick);
  if (is_sticky(decision.pick)) sticky["point"] = decision.hash % kStickyPoints;
  return sticky;
}

// Which of the app's names the request has.
std::string_view kind_of_name(const Decision& decision) {
  const AgentRoute& route = *decision.route;
  if (decision.id == route.app_id) return "id";
  const auto& aliases = route.routing.aliases;
  if (std::find(aliases.begin(), aliases.end(), decision.id) != aliases.end()) return "alias";
  if (decision.id == route.short_id) return "short_id";
  return "host";
}

json describe_route(const Decision& decision, const LoopView& loop) {
  const AgentRoute& route = *decision.route;
  json about = {{"app_id", route.app_id},
                {"short_id", route.short_id},
                {"named_by", kind_of_name(decision)},
                {"routing", model::to_json(route.routing)},
                {"sticky", describe_sticky(decision)},
                {"legs", describe_legs(decision, loop)}};
  if (loop.waiting) about["waiting"] = loop.waiting(route);
  return about;
}

json status_of(To to) {
  if (to == To::NoTarget) return 503;
  if (to == To::UnknownAgent || to == To::UnknownTag || to == To::Hidden) return 404;
  return nullptr;
}

}  // namespace

bool may_ask_to_explain(const net::PeerInfo& peer, const net::RequestHead& head) {
  return net::is_loopback_host(net::host_of(peer.address)) &&
         net::is_loopback_host(net::host_of(head.authority));
}

Result<json> explain(const RouteTable& table, const LoopView& loop, std::string_view query) {
  TRY(const net::RequestHead head, head_of(query));
  const Decision decision = decide(table, head, 0);
  json answer = {
      {"generation", table.generation()},
      {"source", table.origin() == RouteTable::Origin::Control ? "control" : "snapshot_file"},
      {"applied_at", loop.applied_at == 0 ? json() : json(iso8601(loop.applied_at))},
      {"target", head.target},
      {"goes_to", name_of(decision.to)},
      {"status", status_of(decision.to)},
      {"matched_by", name_of(decision.match)},
      {"picked_by", name_of(decision.pick)},
      {"app_id", nullptr},
      {"chosen_revision", nullptr},
      {"upstream_target", nullptr},
      {"reason", why(decision)}};
  if (decision.match != Decision::Match::None) {
    answer["asked_id"] = decision.id;
    answer["tag"] = decision.tag;
    answer["surface"] = to_string(decision.surface);
  }
  if (decision.route != nullptr) answer.update(describe_route(decision, loop));
  if (const Leg* leg = certain_leg(decision))
    answer["chosen_revision"] = decision.is_legacy() ? json("legacy") : json(leg->revision);
  if (decision.to == To::Agent) answer["upstream_target"] = decision.target(head);
  return answer;
}

}  // namespace pixell::edge
