#include "edge/edge_service.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "edge/admit.hpp"
#include "edge/agent_exchange.hpp"
#include "edge/error_reply.hpp"
#include "edge/explain.hpp"
#include "edge/limits.hpp"
#include "edge/refusal.hpp"
#include "net/event_loop.hpp"
#include "net/proxy_exchange.hpp"
#include "net/reply.hpp"

namespace pixell::edge {

namespace {

net::Headers retry_after() {
  net::Headers headers;
  headers.add("retry-after", kRetryAfterSeconds);
  return headers;
}

// Whether a request without a tag finds a target.
bool has_target(const AgentRoute& route) {
  if (route.legacy && route.legs.empty()) return true;
  return std::any_of(route.legs.begin(), route.legs.end(), [](const Leg& leg) {
    return leg.weight_permille > 0 && !leg.targets.empty();
  });
}

std::set<std::string_view> targets_of(const AgentRoute& route) {
  std::set<std::string_view> targets;
  for (const Leg& leg : route.legs)
    for (const net::Address& target : leg.targets) targets.insert(target.text);
  if (route.legacy) targets.insert(route.routing.legacy.address);
  return targets;
}

/// One request for the control plane.
class ApiExchange final : public net::ProxyExchange {
 public:
  ApiExchange(EdgeLoop& edge, net::ServerStream& stream, const net::Address& api)
      : ProxyExchange(edge.loop, edge.client, stream),
        edge_(edge),
        request_id_(edge.forwarder.request_id(stream.request(), edge.loop.clock())) {
    forward(edge.client.upstream(api), net::Protocol::Http1);
  }
  ~ApiExchange() override { leave(); }

 private:
  void prepare(net::OutgoingHead& head) override {
    edge_.added.clear();
    edge_.forwarder.fill(front()->request(), front()->peer(), request_id_, edge_.added);
    head.added = &edge_.added;
  }
  void answer_failure(net::ServerStream& stream, net::AbortReason reason, bool) override {
    // Control that died with a request in flight and control that is away look the same to a
    // caller: the API is not there, agents are.
    net::send_problem(stream, reason == net::AbortReason::Timeout ? 504 : 503,
                      "the control plane is not reachable at the moment; agents keep answering, "
                      "try again in a second",
                      retry_after());
  }

  EdgeLoop& edge_;
  std::string request_id_;
};

}  // namespace

EdgeService::EdgeService(net::EventLoop& loop, Log log, Parts parts)
    : api_(std::move(parts.api)),
      log_(std::move(log)),
      apps_(parts.apps),
      overload_(std::move(parts.overload)),
      access_log_(std::move(parts.access_log)),
      metrics_(std::move(parts.metrics)),
      client_(loop),
      mirrors_(loop, client_, log_),
      parking_(loop, parts.parking),
      edge_{.loop = loop,
            .client = client_,
            .access_log = *access_log_,
            .dice = Dice(parts.seed),
            .routes = std::make_shared<RoutesInForce>(
                std::make_shared<RouteTable>(), 0, TrafficMeter::Cells(), std::vector<AppInForce>(),
                std::make_shared<TargetSet>()),
            .overload = *overload_,
            .mirrors = mirrors_,
            .parking = parking_,
            .forwarder = Forwarder(std::move(parts.trusted))} {}

void EdgeService::use_routes(std::shared_ptr<RoutesInForce> routes,
                             const std::vector<net::Address>& gone) {
  for (const net::Address& target : gone) client_.forget(target);
  const std::shared_ptr<RoutesInForce> before = std::exchange(edge_.routes, std::move(routes));
  tell_parked(before->table());
}

// Whoever waits tries again when its app has other targets, or is not there any more.
void EdgeService::tell_parked(const RouteTable& before) {
  const RouteTable& now = edge_.routes->table();
  for (const AgentRoute& route : now.routes())
    if (!has_target(route)) parking_.lost_targets(route.app_id, edge_.loop.clock().now());
  for (const std::string& key : parking_.down()) {
    const std::string_view app = std::string_view(key).substr(0, key.find('@'));
    const AgentRoute* route = now.find(app);
    const AgentRoute* former = before.find(app);
    if (route == nullptr || former == nullptr ||
        (has_target(*route) && targets_of(*route) != targets_of(*former)))
      parking_.wake(key);
  }
}

std::unique_ptr<net::StreamHandler> EdgeService::on_request(net::ServerStream& stream) {
  Decision decision = decide(edge_.routes->table(), stream.request(), edge_.dice.next());
  switch (decision.to) {
    case Decision::To::Agent:
    case Decision::To::NoTarget:
      return serve_agent(stream, std::move(decision));
    case Decision::To::Api:
      return serve_api(stream);
    case Decision::To::Directory:
      // Other methods on /agents are the API's to refuse.
      if (stream.request().method == "GET" || stream.request().method == "HEAD")
        return answer_directory(stream);
      return serve_api(stream);
    case Decision::To::Explain:
    case Decision::To::Metrics:
      return answer_operator(stream, decision);
    default:
      return refuse(stream, decision);
  }
}

std::unique_ptr<net::StreamHandler> EdgeService::serve_agent(net::ServerStream& stream,
                                                             Decision decision) {
  if (decision.to == Decision::To::NoTarget) {
    const auto why = parking_.refuses(AgentExchange::parking_key(decision), edge_.loop.now());
    if (why) {
      parking_.count_refused();
      ++edge_.routes->counters(*decision.route).park_expired;
      write_refused(stream, decision, 503);
      send_error(stream, unserved_reply(decision, *why));
      return net::ignore_body();
    }
  }
  auto ticket = admit(edge_, stream.request(), decision);
  if (ticket)
    return std::make_unique<AgentExchange>(edge_, stream, std::move(decision), std::move(*ticket));
  const int status = ticket.error().status;
  EdgeCounters& counters = edge_.routes->counters(*decision.route);
  ++(status == 429 ? counters.limited : status == 413 ? counters.too_large : counters.shed);
  write_refused(stream, decision, status);
  send_error(stream, ticket.error());
  return net::ignore_body();
}

std::unique_ptr<net::StreamHandler> EdgeService::serve_api(net::ServerStream& stream) {
  if (!api_.text.empty()) return std::make_unique<ApiExchange>(edge_, stream, api_);
  // An edge without an API of its own has no other that could be asked how it is.
  if (stream.request().path() == kHealthPath)
    net::send_json(
        stream, 200,
        nlohmann::json{{"status", "ok"}, {"routes_generation", edge_.routes->table().generation()}}
            .dump());
  else
    send_error(stream, api_elsewhere_reply());
  return net::ignore_body();
}

// The line of a request for an agent that was not let in.
void EdgeService::write_refused(const net::ServerStream& stream, const Decision& decision,
                                int status) {
  const net::RequestHead& request = stream.request();
  edge_.access_log.write({.ended_at = edge_.loop.now(),
                          .app_id = decision.route->app_id,
                          .revision = decision.leg == nullptr ? 0 : decision.leg->revision,
                          .method = request.method,
                          .path = request.path(),
                          .status = status,
                          .end = "refused",
                          .is_error = status >= 500,
                          .request_id = request.headers.get("x-request-id").value_or(""),
                          .surface = decision.surface,
                          .protocol = request.protocol});
}

std::unique_ptr<net::StreamHandler> EdgeService::answer_directory(net::ServerStream& stream) {
  nlohmann::json agents = nlohmann::json::array();
  for (const AgentRoute& route : edge_.routes->table().routes())
    agents.push_back({{"agent_app_id", route.app_id},
                      {"id", route.app_id},
                      {"short_id", route.short_id},
                      {"name", route.name},
                      {"description", route.description},
                      {"version", route.version}});
  net::send_json(stream, 200, nlohmann::json{{"agents", std::move(agents)}}.dump());
  return net::ignore_body();
}

LoopView EdgeService::view() const {
  const RoutesInForce& routes = *edge_.routes;
  const Instant now = edge_.loop.clock().now();
  return {
      .applied_at = routes.applied_at(),
      .state_of =
          [&routes, now](const Leg& leg, std::size_t i) {
            const TargetState& target = *routes.targets(leg)[i];
            return TargetView{.outstanding = target.outstanding(),
                              .is_ejected = target.is_ejected(now),
                              .is_unhealthy = target.is_unhealthy()};
          },
      .waiting =
          [&routes](const AgentRoute& route) { return routes.counters(route).waiting.value(); }};
}

std::unique_ptr<net::StreamHandler> EdgeService::answer_operator(net::ServerStream& stream,
                                                                 const Decision& decision) {
  const net::RequestHead& request = stream.request();
  if (!may_ask_to_explain(stream.peer(), request))
    return refuse(stream, {.to = Decision::To::Hidden});
  if (request.method != "GET" && request.method != "HEAD") {
    net::Headers more;
    more.add("allow", "GET");
    net::send_problem(
        stream, 405,
        fmt::format("{} is not possible at {}; use GET", request.method, request.path()), more);
    return net::ignore_body();
  }
  return decision.to == Decision::To::Metrics ? metrics_->on_request(stream)
                                              : answer_explain(stream);
}

std::unique_ptr<net::StreamHandler> EdgeService::answer_explain(net::ServerStream& stream) {
  const net::RequestHead& request = stream.request();
  auto explained = explain(edge_.routes->table(), view(), request.query());
  if (!explained) {
    net::send_problem(stream, net::http_status(explained.error().code), explained.error().message);
    return net::ignore_body();
  }
  nlohmann::json& answer = *explained;
  if (answer["app_id"].is_string())
    answer["state"] = apps_->to_json(answer["app_id"].get_ref<const std::string&>());
  answer["load"] = {
      {"exchanges", overload_->under_way()},
      {"shed_permille", overload_->shed_permille()},
      {"shed", {{"exchanges", overload_->shed_by_exchanges()}, {"lag", overload_->shed_by_lag()}}}};
  net::send_json(stream, 200, answer.dump());
  return net::ignore_body();
}

std::unique_ptr<net::StreamHandler> EdgeService::refuse(net::ServerStream& stream,
                                                        const Decision& decision) {
  send_error(stream, unknown_reply(decision));
  return net::ignore_body();
}

}  // namespace pixell::edge
