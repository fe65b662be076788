#include "edge/explain.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

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

bool is_sticky(Pick pick) { return pick == Pick::Header || pick == Pick::Cookie; }

int weight_with_targets(const AgentRoute& route) {
  int total = 0;
  for (const Leg& leg : route.legs)
    if (!leg.targets.empty()) total += leg.weight_permille;
  return total;
}

// The leg that the request gets for sure; null when the dice decide, or there is none.
const Leg* certain_leg(const Decision& decision) {
  if (decision.leg == nullptr || decision.leg->targets.empty()) return nullptr;
  const bool is_diced = decision.pick == Pick::Dice || decision.pick == Pick::NewCookie;
  const bool has_all = decision.leg->weight_permille == weight_with_targets(*decision.route);
  return is_diced && !has_all ? nullptr : decision.leg;
}

json describe_legs(const Decision& decision) {
  const int total = weight_with_targets(*decision.route);
  json legs = json::array();
  for (const Leg& leg : decision.route->legs) {
    const bool takes_part = total > 0 && !leg.targets.empty();
    legs.push_back({{"revision", leg.revision},
                    {"weight_permille", leg.weight_permille},
                    {"tag", leg.tag},
                    {"targets", leg.targets.size()},
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

std::string why_sticky(const Decision& decision) {
  const std::uint64_t point = decision.hash % kStickyPoints;
  const Leg* own = leg_at(*decision.route, point);
  std::string why = fmt::format("the {} '{}' puts this client at point {} of {}",
                                decision.pick == Pick::Header ? "header" : "cookie",
                                decision.route->sticky.name, point, kStickyPoints);
  if (own == decision.leg)
    return fmt::format("{}, which the weights give to revision {}", why, decision.leg->revision);
  if (own == nullptr)
    return fmt::format(
        "{}, which no leg's weight covers: it is spread over the legs there are, "
        "here to revision {}",
        why, decision.leg->revision);
  return fmt::format(
      "{}, which the weights give to revision {}; that one has no ready instance, so "
      "its clients are spread over the others, this one to revision {}",
      why, own->revision, decision.leg->revision);
}

std::string why_diced(const Decision& decision) {
  if (const Leg* leg = certain_leg(decision))
    return fmt::format("revision {} is the only one with a weight and a ready instance",
                       leg->revision);
  if (decision.pick == Pick::NewCookie)
    return fmt::format(
        "the request has no cookie '{}': it is diced by weight and the reply sets "
        "the cookie, which keeps later requests there",
        decision.route->sticky.name);
  if (decision.route->sticky.by == model::StickyBy::None)
    return "every request is diced by weight; see the shares of the legs";
  return fmt::format(
      "the request has no {} '{}': it is diced by weight; see the shares of the legs",
      decision.route->sticky.by == model::StickyBy::Header ? "header" : "cookie",
      decision.route->sticky.name);
}

std::string why_agent(const Decision& decision) {
  if (decision.pick == Pick::Tag)
    return fmt::format(
        "the request names the tag '{}', which revision {} has; weights do not "
        "matter",
        decision.tag, decision.leg->revision);
  return is_sticky(decision.pick) ? why_sticky(decision) : why_diced(decision);
}

std::string why_no_target(const Decision& decision) {
  if (decision.pick == Pick::Tag)
    return fmt::format("503: revision {} has the tag '{}', but no ready instance",
                       decision.leg->revision, decision.tag);
  const auto& legs = decision.route->legs;
  if (legs.empty()) return "503: the app has no revision in its route; look at its deployments";
  const bool has_target =
      std::any_of(legs.begin(), legs.end(), [](const Leg& leg) { return !leg.targets.empty(); });
  return has_target ? "503: only legs with the weight 0 have a ready instance; they are reached by "
                      "their tags"
                    : "503: no leg has a ready instance; look at the app's instances";
}

std::string why(const Decision& decision) {
  switch (decision.to) {
    case To::Agent:
      return why_agent(decision);
    case To::Api:
      return "the path does not begin with /agents/ and no gRPC metadata x-agent-id names an "
             "agent: it goes to the control plane's API";
    case To::Directory:
      return "the edge answers the list of agents itself; methods but GET go to the API";
    case To::Explain:
      return "the edge answers explanations itself, to this machine only";
    case To::UnknownAgent:
      return fmt::format(
          "404: no app in the table has the id or the short id '{}' (upper and "
          "lower case differ)",
          decision.id);
    case To::UnknownTag:
      return fmt::format("404: no leg of the app has the tag '{}'", decision.tag);
    case To::NoTarget:
      return why_no_target(decision);
    case To::Hidden:
      return "404: paths under /internal are not reachable through the edge";
  }
  return {};
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

Result<json> explain(const RouteTable& table, UnixMillis applied_at, std::string_view query) {
  TRY(const net::RequestHead head, head_of(query));
  const Decision decision = decide(table, head, 0);
  json answer = {
      {"generation", table.generation()},
      {"source", table.origin() == RouteTable::Origin::Control ? "control" : "snapshot_file"},
      {"applied_at", applied_at == 0 ? json() : json(iso8601(applied_at))},
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
  }
  if (decision.route != nullptr) {
    answer["app_id"] = decision.route->app_id;
    answer["short_id"] = decision.route->short_id;
    answer["sticky"] = describe_sticky(decision);
    answer["legs"] = describe_legs(decision);
  }
  if (const Leg* leg = certain_leg(decision)) answer["chosen_revision"] = leg->revision;
  if (decision.to == To::Agent) answer["upstream_target"] = decision.target(head);
  return answer;
}

}  // namespace pixell::edge
