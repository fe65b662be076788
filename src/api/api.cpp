#include "api/api.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "api/limits.hpp"
#include "api/once.hpp"
#include "apkg/digest.hpp"
#include "base/percent.hpp"
#include "net/reply.hpp"
#include "net/url.hpp"

namespace pixell::api {

namespace {

// Host names under which the other roles of this installation speak to us over the Unix socket.
constexpr std::string_view kInternalHost = "control";

// What edges ask for lies below it.
constexpr std::string_view kEdgePaths = "/internal/";

// Matches "/a/{x}/b" segment by segment; nullopt when it does not fit.
std::optional<std::vector<std::string>> match(std::string_view pattern, std::string_view path) {
  std::vector<std::string> params;
  while (true) {
    const std::size_t pattern_end = pattern.find('/', 1);
    const std::size_t path_end = path.find('/', 1);
    const std::string_view expected = pattern.substr(0, pattern_end);
    const std::string_view got = path.substr(0, path_end);
    if (expected.starts_with("/{")) {
      auto decoded = percent_decode(got.substr(std::min<std::size_t>(1, got.size())));
      if (!decoded || decoded->empty()) return std::nullopt;
      params.push_back(std::move(*decoded));
    } else if (expected != got) {
      return std::nullopt;
    }
    if (pattern_end == std::string_view::npos || path_end == std::string_view::npos) {
      if (pattern_end != path_end) return std::nullopt;
      return params;
    }
    pattern.remove_prefix(pattern_end);
    path.remove_prefix(path_end);
  }
}

// Without keys the API trusts this machine only. A browser on it must not be led here by another
// site: neither by a foreign page (Origin) nor by a foreign name that resolves here (Host).
std::optional<Reply> refuse_foreign(const ApiContext& context, const net::RequestHead& head) {
  const auto is_ours = [&](std::string_view authority) {
    const std::string host = net::host_of(authority);
    return net::is_loopback_host(host) || host == kInternalHost ||
           std::find(context.allowed_hosts.begin(), context.allowed_hosts.end(), host) !=
               context.allowed_hosts.end();
  };
  if (!is_ours(head.authority))
    return problem(403,
                   fmt::format("Host '{}' is not served here: without API keys the API answers "
                               "on loopback names only; use 127.0.0.1 or start with --allow-host",
                               head.authority));
  if (const auto origin = head.headers.get("origin")) {
    const std::size_t scheme = origin->find("://");
    if (scheme == std::string_view::npos || !is_ours(origin->substr(scheme + 3)))
      return problem(403, fmt::format("requests from the page of '{}' are refused", *origin));
  }
  return std::nullopt;
}

// Reads the body of a request whose route has one; the answer when it cannot be read.
std::optional<Reply> read_text(const ApiContext& context, Call& call) {
  auto text = call.body.read_all(kMaxJsonBodyBytes, kBodyTimeout);
  if (text) {
    call.text = std::move(*text);
    return std::nullopt;
  }
  if (text.error().code == ErrorCode::ResourceExhausted) return problem(413, text.error().message);
  if (text.error().code == ErrorCode::DeadlineExceeded) return problem(408, text.error().message);
  return problem(context, text.error());
}

Reply call_handler(const ApiContext& context, const RouteEntry& route, Call& call) {
  if (route.method == "POST")
    if (auto refused = refuse_wrong_key(call)) return std::move(*refused);
  if (route.body == BodyUse::Streamed) return route.handler(context, call);
  if (auto failed = read_text(context, call)) return std::move(*failed);
  if (route.method != "POST") return route.handler(context, call);
  return answer_once(context, call, apkg::sha256_of(call.text),
                     [&] { return route.handler(context, call); });
}

// By which door a request comes in.
enum class Door {
  Main,   // everything, for this machine
  Edges,  // what edges of other machines need, for whom their certificates have let in
};

bool is_open(Door door, const RouteEntry& route) {
  return door == Door::Main || route.pattern.starts_with(kEdgePaths);
}

Reply nothing_there(Door door, std::string_view path) {
  if (door == Door::Edges)
    return problem(404, fmt::format("there is nothing at {}: edges are served here, below {}, and "
                                    "nobody else",
                                    path, kEdgePaths));
  return problem(
      404, fmt::format("there is nothing at {}; GET /openapi.json lists what there is", path));
}

Reply dispatch(const ApiContext& context, const net::RequestHead& head, net::BodyReader& body,
               Door door) {
  if (door == Door::Main)
    if (auto refused = refuse_foreign(context, head)) return std::move(*refused);
  const std::string_view method = head.method == "HEAD" ? std::string_view("GET") : head.method;
  std::string allowed;
  for (const RouteEntry& route : routes()) {
    if (!is_open(door, route)) continue;
    auto params = match(route.pattern, head.path());
    if (!params) continue;
    if (route.method == method) {
      Call call{.head = head, .body = body, .params = std::move(*params)};
      return call_handler(context, route, call);
    }
    allowed += allowed.empty() ? "" : ", ";
    allowed += route.method;
  }
  if (allowed.empty()) return nothing_there(door, head.path());
  Reply reply = problem(
      405, fmt::format("{} is not possible at {}; allowed: {}", head.method, head.path(), allowed));
  reply.headers.add("allow", allowed);
  return reply;
}

Reply answer_at(Door door, const ApiContext& context, const net::RequestHead& head,
                net::BodyReader& body) try {
  return dispatch(context, head, body, door);
} catch (const nlohmann::json::exception& wrong) {
  context.log.error("Handler failed", {{"path", head.path()}, {"error", wrong.what()}});
  return problem(500, "the request could not be answered; the log has the reason");
}

net::BlockingHandler handler_of(const ApiContext& context, decltype(&answer) answerer) {
  return [&context, answerer](const net::RequestHead& head, net::BodyReader& body,
                              net::ReplyWriter& writer) {
    Reply reply = answerer(context, head, body);
    net::ResponseHead reply_head{.status = reply.status, .headers = std::move(reply.headers)};
    // An empty log is a log too; 204 and 304 have no content at all.
    if (reply.status != 204 && reply.status != 304)
      reply_head.headers.set("content-type", reply.content_type);
    if (!reply.stream || head.method == "HEAD")
      return writer.reply(reply_head, std::move(reply.body));
    writer.start(reply_head);
    reply.stream(writer);
    writer.finish();
  };
}

}  // namespace

std::string Call::query(std::string_view name) const {
  auto values = net::query_values(head.query(), name);
  return values.empty() ? std::string() : std::move(values.front());
}

std::int64_t Call::query_number(std::string_view name, std::int64_t fallback, std::int64_t least,
                                std::int64_t most) const {
  const std::string given = query(name);
  std::int64_t number = 0;
  const auto [end, failed] = std::from_chars(given.data(), given.data() + given.size(), number);
  if (given.empty() || failed != std::errc() || end != given.data() + given.size())
    number = fallback;
  return std::clamp(number, least, most);
}

std::string Call::public_base() const {
  return fmt::format("{}://{}", head.headers.get("x-forwarded-proto").value_or("http"),
                     head.headers.get("x-forwarded-host").value_or(head.authority));
}

Reply problem(const ApiContext& context, const Error& error) {
  int status = net::http_status(error.code);
  // Of the store, and nothing the caller can do about: an operator frees space or restores a
  // backup.
  if (error.code == ErrorCode::ResourceExhausted && error.retry == Retry::Later) status = 507;
  if (error.code == ErrorCode::DataLoss) status = 503;
  if (status >= 500)
    context.log.error("Request failed", {{"error", error.message}, {"detail", error.detail}});
  Reply reply = problem(status, error.message);
  if (status == 503) reply.headers.add("retry-after", "1");
  return reply;
}

Reply answer(const ApiContext& context, const net::RequestHead& head, net::BodyReader& body) {
  return answer_at(Door::Main, context, head, body);
}

Reply answer_edge(const ApiContext& context, const net::RequestHead& head, net::BodyReader& body) {
  return answer_at(Door::Edges, context, head, body);
}

net::BlockingHandler make_api(const ApiContext& context) { return handler_of(context, answer); }

net::BlockingHandler make_edge_api(const ApiContext& context) {
  return handler_of(context, answer_edge);
}

}  // namespace pixell::api
