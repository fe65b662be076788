#include "edge/edge_service.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <unordered_set>

#include "base/ids.hpp"
#include "edge/explain.hpp"
#include "edge/limits.hpp"
#include "net/event_loop.hpp"
#include "net/grpc.hpp"
#include "net/reply.hpp"

namespace pixell::edge {

namespace {

constexpr std::string_view kRequestId = "x-request-id";

net::Headers retry_after() {
  net::Headers headers;
  headers.add("retry-after", kRetryAfterSeconds);
  return headers;
}

// What every reply of a picked leg carries, whoever made it.
struct LegMarks {
  std::string revision;
  std::string set_cookie;  // empty = none

  explicit LegMarks(const Decision& decision)
      : revision(fmt::format_int(decision.leg->revision).str()) {
    if (decision.pick == Decision::Pick::NewCookie)
      // The path is the one the client uses: it may know the agent by its short id.
      set_cookie = fmt::format("{}={}; Path=/agents/{}; HttpOnly; SameSite=Lax",
                               decision.route->sticky.name, decision.token, decision.id);
  }
  void put_on(net::Headers& headers) const {
    headers.set("x-pixell-revision", revision);
    if (!set_cookie.empty()) headers.add("set-cookie", set_cookie);
  }
};

// What the client is told when the upstream failed before it answered.
void answer_upstream_failure(net::ServerStream& stream, net::AbortReason reason,
                             std::string_view what, const LegMarks& marks) {
  const bool is_timeout = reason == net::AbortReason::Timeout;
  const bool is_away = reason == net::AbortReason::Refused;
  const std::string detail = fmt::format("{} {}", what,
                                         is_away      ? "is not reachable; try again"
                                         : is_timeout ? "did not answer in time"
                                                      : "closed the connection before it answered");
  net::Headers more = is_away ? retry_after() : net::Headers();
  marks.put_on(more);
  if (stream.request().is_grpc()) {
    net::send_grpc_status(stream, is_timeout ? ErrorCode::DeadlineExceeded : ErrorCode::Unavailable,
                          detail, more);
    return;
  }
  net::send_problem(stream, is_away ? 503 : is_timeout ? 504 : 502, detail, more);
}

// The status with which a call failed because of the agent, not of what it was asked.
bool is_grpc_failure(int status) {
  switch (static_cast<ErrorCode>(status)) {
    case ErrorCode::Unknown:
    case ErrorCode::DeadlineExceeded:
    case ErrorCode::Internal:
    case ErrorCode::Unavailable:
    case ErrorCode::DataLoss:
      return true;
    default:
      return false;
  }
}

// Counts an exchange that is over; what its reply's head told is counted already.
void count_end(TrafficCell& cell, const net::ProxyOutcome& outcome, Instant::duration took) {
  if (!outcome.has_replied) {
    if (outcome.upstream_failed)
      cell.replied(took, true);
    else
      cell.left();
  } else if (outcome.status < 500 &&
             (outcome.upstream_failed || is_grpc_failure(outcome.grpc_status))) {
    cell.failed();
  }
  cell.end();
}

}  // namespace

EdgeService::EdgeService(net::EventLoop& loop, net::Address api, Log log, std::uint64_t seed)
    : loop_(loop),
      api_(std::move(api)),
      log_(std::move(log)),
      client_(loop),
      routes_{.table = std::make_shared<RouteTable>()},
      random_state_(seed | 1) {}

void EdgeService::use_routes(RoutesInForce routes) {
  std::unordered_set<std::string_view> kept;
  for (const AgentRoute& route : routes.table->routes())
    for (const Leg& leg : route.legs)
      for (const net::Address& target : leg.targets) kept.insert(target.text);
  for (const AgentRoute& route : routes_.table->routes())
    for (const Leg& leg : route.legs)
      for (const net::Address& target : leg.targets)
        if (!kept.contains(target.text)) client_.forget(target);
  routes_ = std::move(routes);
}

std::uint64_t EdgeService::next_random() {
  // xorshift64*: spreads load, guards nothing.
  random_state_ ^= random_state_ << 13;
  random_state_ ^= random_state_ >> 7;
  random_state_ ^= random_state_ << 17;
  return random_state_ * 0x2545f4914f6cdd1dULL;
}

std::unique_ptr<net::StreamHandler> EdgeService::on_request(net::ServerStream& stream) {
  const Decision decision = decide(*routes_.table, stream.request(), next_random());
  switch (decision.to) {
    case Decision::To::Agent:
      return forward_to_agent(stream, decision);
    case Decision::To::Api:
      return forward_to_api(stream);
    case Decision::To::Directory:
      // Other methods on /agents are the API's to refuse.
      if (stream.request().method == "GET" || stream.request().method == "HEAD")
        return answer_directory(stream);
      return forward_to_api(stream);
    case Decision::To::Explain:
      return answer_explain(stream);
    default:
      return refuse(stream, decision);
  }
}

net::RequestHead EdgeService::upstream_head(const net::ServerStream& stream, std::string target) {
  const net::RequestHead& request = stream.request();
  net::RequestHead head = request;
  head.target = std::move(target);
  if (!request.is_upgrade()) net::remove_hop_by_hop(head.headers);
  // No proxy in front of us is trusted yet: what a client claims about itself is replaced.
  const std::string& address = stream.peer().address;
  head.headers.set("x-forwarded-for", std::string_view(address).substr(0, address.rfind(':')));
  head.headers.set("x-forwarded-proto", request.scheme);
  head.headers.set("x-forwarded-host", request.authority);
  head.headers.remove("forwarded");
  if (!head.headers.has(kRequestId))
    head.headers.add(kRequestId, new_ulid(loop_.clock().unix_now()));
  return head;
}

std::unique_ptr<net::StreamHandler> EdgeService::forward_to_agent(net::ServerStream& stream,
                                                                  const Decision& decision) {
  const net::RequestHead& request = stream.request();
  const Leg& leg = *decision.leg;
  net::ProxyPlan plan;
  plan.upstream = leg.targets[leg.targets.size() == 1 ? 0 : next_random() % leg.targets.size()];
  plan.protocol = request.is_grpc() ? net::Protocol::Http2 : net::Protocol::Http1;
  plan.head = upstream_head(stream, decision.target);
  const Instant start = loop_.clock().now();
  TrafficCell& cell = *routes_.cells[leg.slot];
  cell.begin();
  LegMarks marks(decision);
  plan.on_reply_head = [this, marks, start, &cell](net::ResponseHead& head) {
    cell.replied(loop_.clock().now() - start, head.status >= 500);
    marks.put_on(head.headers);
  };
  plan.on_upstream_failure = [marks = std::move(marks), id = decision.route->app_id](
                                 net::ServerStream& failed, net::AbortReason reason, bool) {
    answer_upstream_failure(failed, reason, fmt::format("agent '{}'", id), marks);
  };
  plan.on_done = [this, app = decision.route->app_id, revision = leg.revision,
                  method = request.method, path = std::string(request.path()),
                  request_id = std::string(plan.head.headers.get(kRequestId).value_or("")), start,
                  &cell](const net::ProxyOutcome& outcome) {
    const std::chrono::duration<double, std::milli> took = loop_.clock().now() - start;
    count_end(cell, outcome, loop_.clock().now() - start);
    log_.info("request", {{"agentAppId", app},
                          {"revision", revision},
                          {"method", method},
                          {"path", path},
                          {"status", outcome.status},
                          {"ms", took.count()},
                          {"bytes_in", outcome.bytes_in},
                          {"bytes_out", outcome.bytes_out},
                          {"end", outcome.client_gone       ? "client_gone"
                                  : outcome.upstream_failed ? net::to_string(outcome.reason)
                                                            : std::string_view("complete")},
                          {"request_id", request_id}});
  };
  return net::proxy(loop_, client_, stream, std::move(plan));
}

std::unique_ptr<net::StreamHandler> EdgeService::forward_to_api(net::ServerStream& stream) {
  net::ProxyPlan plan;
  plan.upstream = api_;
  plan.head = upstream_head(stream, stream.request().target);
  plan.on_upstream_failure = [](net::ServerStream& failed, net::AbortReason reason, bool) {
    // Control that died with a request in flight and control that is away look the same to a
    // caller: the API is not there, agents are.
    const bool is_timeout = reason == net::AbortReason::Timeout;
    net::send_problem(failed, is_timeout ? 504 : 503,
                      "the control plane is not reachable at the moment; agents keep answering, "
                      "try again in a second",
                      retry_after());
  };
  return net::proxy(loop_, client_, stream, std::move(plan));
}

std::unique_ptr<net::StreamHandler> EdgeService::answer_directory(net::ServerStream& stream) {
  nlohmann::json agents = nlohmann::json::array();
  for (const AgentRoute& route : routes_.table->routes())
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
  const auto explained = explain(*routes_.table, routes_.applied_at, request.query());
  if (explained)
    net::send_json(stream, 200, explained->dump());
  else
    net::send_problem(stream, net::http_status(explained.error().code), explained.error().message);
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
  if (decision.leg != nullptr) LegMarks(decision).put_on(more);
  if (stream.request().is_grpc())
    net::send_grpc_status(stream, is_known ? ErrorCode::Unavailable : ErrorCode::NotFound, detail,
                          more);
  else
    net::send_problem(stream, is_known ? 503 : 404, detail, more);
  return net::ignore_body();
}

}  // namespace pixell::edge
