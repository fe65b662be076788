#include "edge/edge_service.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <unordered_set>

#include "edge/admit.hpp"
#include "edge/agent_exchange.hpp"
#include "edge/error_reply.hpp"
#include "edge/explain.hpp"
#include "edge/leg_marks.hpp"
#include "edge/limits.hpp"
#include "net/event_loop.hpp"
#include "net/grpc.hpp"
#include "net/proxy_exchange.hpp"
#include "net/reply.hpp"

namespace pixell::edge {

namespace {

net::Headers retry_after() {
  net::Headers headers;
  headers.add("retry-after", kRetryAfterSeconds);
  return headers;
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
      client_(loop),
      mirrors_(loop, client_, log_),
      edge_{
          .loop = loop,
          .client = client_,
          .log = log_,
          .dice = Dice(parts.seed),
          .routes = std::make_shared<RoutesInForce>(
              std::make_shared<RouteTable>(), 0, TrafficMeter::Cells(), std::vector<AppInForce>()),
          .overload = *overload_,
          .mirrors = mirrors_,
          .forwarder = Forwarder(std::move(parts.trusted))} {}

void EdgeService::use_routes(std::shared_ptr<RoutesInForce> routes) {
  std::unordered_set<std::string_view> kept;
  for (const AgentRoute& route : routes->table().routes())
    for (const Leg& leg : route.legs)
      for (const net::Address& target : leg.targets) kept.insert(target.text);
  for (const AgentRoute& route : edge_.routes->table().routes())
    for (const Leg& leg : route.legs)
      for (const net::Address& target : leg.targets)
        if (!kept.contains(target.text)) client_.forget(target);
  edge_.routes = std::move(routes);
}

std::unique_ptr<net::StreamHandler> EdgeService::on_request(net::ServerStream& stream) {
  Decision decision = decide(edge_.routes->table(), stream.request(), edge_.dice.next());
  switch (decision.to) {
    case Decision::To::Agent:
      return serve_agent(stream, std::move(decision));
    case Decision::To::Api:
      return std::make_unique<ApiExchange>(edge_, stream, api_);
    case Decision::To::Directory:
      // Other methods on /agents are the API's to refuse.
      if (stream.request().method == "GET" || stream.request().method == "HEAD")
        return answer_directory(stream);
      return std::make_unique<ApiExchange>(edge_, stream, api_);
    case Decision::To::Explain:
      return answer_explain(stream);
    default:
      return refuse(stream, decision);
  }
}

std::unique_ptr<net::StreamHandler> EdgeService::serve_agent(net::ServerStream& stream,
                                                             Decision decision) {
  auto ticket = admit(edge_, stream.request(), decision);
  if (ticket)
    return std::make_unique<AgentExchange>(edge_, stream, std::move(decision), std::move(*ticket));
  send_error(stream, ticket.error());
  return net::ignore_body();
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

std::unique_ptr<net::StreamHandler> EdgeService::answer_explain(net::ServerStream& stream) {
  const net::RequestHead& request = stream.request();
  if (!may_ask_to_explain(stream.peer(), request))
    return refuse(stream, {.to = Decision::To::Hidden});
  if (request.method != "GET" && request.method != "HEAD") {
    net::Headers more;
    more.add("allow", "GET");
    net::send_problem(
        stream, 405, fmt::format("{} is not possible at {}; use GET", request.method, kExplainPath),
        more);
    return net::ignore_body();
  }
  auto explained =
      explain(edge_.routes->table(), {.applied_at = edge_.routes->applied_at()}, request.query());
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
  const bool is_known = decision.to == Decision::To::NoTarget;
  std::string detail;
  if (is_known)
    detail = fmt::format("agent '{}' has no ready instance at the moment; try again", decision.id);
  else if (decision.to == Decision::To::Hidden)
    detail = "not found";
  else if (decision.to == Decision::To::UnknownTag)
    detail = fmt::format("agent '{}' has no revision with that tag", decision.id);
  else
    detail = fmt::format("no agent '{}' is deployed here; GET /agents lists those that are",
                         decision.id);
  net::Headers more = is_known ? retry_after() : net::Headers();
  if (decision.leg != nullptr) mark_reply(more, decision);
  if (stream.request().is_grpc())
    net::send_grpc_status(stream, is_known ? ErrorCode::Unavailable : ErrorCode::NotFound, detail,
                          more);
  else
    net::send_problem(stream, is_known ? 503 : 404, detail, more);
  return net::ignore_body();
}

}  // namespace pixell::edge
