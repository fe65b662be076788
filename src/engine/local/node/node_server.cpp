#include "engine/local/node/node_server.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "engine/instance_spec.hpp"
#include "engine/local/log_headers.hpp"
#include "engine/local/node/limits.hpp"
#include "engine/records/limits.hpp"
#include "net/reply.hpp"

namespace pixell::engine::node {

using nlohmann::json;

namespace {

std::string error_body(const Error& error) {
  return json{{"error", error.message},
              {"code", to_string(error.code)},
              {"retry", error.retry == Retry::Later}}
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

// The value of `name` in "a=1&b=2"; the node's own client sends plain numbers only.
std::int64_t query_number(std::string_view query, std::string_view name, std::int64_t otherwise) {
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos || pair.substr(0, equals) != name) continue;
    std::int64_t value = 0;
    const auto parsed = std::from_chars(pair.data() + equals + 1, pair.data() + pair.size(), value);
    return parsed.ec == std::errc() ? value : otherwise;
  }
  return otherwise;
}

std::string dump(const json& document) {
  // Evidence may hold bytes of an agent that are not UTF-8.
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

/// Collects the body, then asks the server; or waits in polls_.
class NodeServer::Request final : public net::StreamHandler {
 public:
  Request(NodeServer& server, net::ServerStream& stream)
      : server_(server), polls_(server.polls_), stream_(&stream) {}
  ~Request() override { leave(); }

  void on_data(std::string_view bytes) override {
    if (body_.size() + bytes.size() > kMaxSpecBytes)
      is_too_large_ = true;  // read and dropped, so that the client gets to read the answer
    else if (!is_too_large_)
      body_.append(bytes);
  }

  void on_end(const net::Headers&) override {
    const net::RequestHead& head = stream_->request();
    if (is_too_large_) {
      send({.status = 413,
            .body = error_body(
                make_error(ErrorCode::ResourceExhausted,
                           fmt::format("the body is larger than {} bytes", kMaxSpecBytes)))});
    } else if (head.method == "GET" && head.path() == "/changes") {
      server_.poll(*this, head.query());
    } else {
      send(server_.answer(head, body_));
    }
  }

  void on_abort(net::AbortReason) override {
    leave();
    stream_ = nullptr;
  }

  void send(const Reply& reply) {
    if (stream_ != nullptr)
      net::send_reply(*stream_, reply.status, reply.content_type, reply.body, reply.headers);
  }

  void wait(Millis timeout) {
    polls_->push_back(this);
    timer_ = server_.loop_.after(timeout, [this] { send_position(); });
  }

  void send_position() {
    leave();
    send({.body = dump({{"position", server_.table_.position()}})});
  }

 private:
  void leave() {
    timer_.cancel();
    polls_->remove(this);
  }

  NodeServer& server_;
  std::shared_ptr<std::list<Request*>> polls_;
  net::ServerStream* stream_;  // null once it broke
  net::Timer timer_;
  std::string body_;
  bool is_too_large_ = false;
};

std::unique_ptr<net::StreamHandler> NodeServer::on_request(net::ServerStream& stream) {
  return std::make_unique<Request>(*this, stream);
}

void NodeServer::poll(Request& request, std::string_view query) {
  const std::int64_t after = query_number(query, "after", 0);
  const Millis timeout(
      std::clamp<std::int64_t>(query_number(query, "timeout_ms", 0), 0, kMaxPollTimeout.count()));
  // "Not equal" and not "greater": a position from before a clock was set back must not wait.
  if (table_.position() != after || timeout.count() == 0) return request.send_position();
  if (polls_->size() >= kMaxPolls)
    return request.send({.status = 503,
                         .body = error_body(make_error(
                             ErrorCode::ResourceExhausted,
                             fmt::format("{} clients wait for changes, the limit", kMaxPolls)))});
  request.wait(timeout);
}

void NodeServer::on_changed() {
  const std::vector<Request*> waiting(polls_->begin(), polls_->end());
  for (Request* request : waiting) request->send_position();
}

NodeServer::Reply NodeServer::answer(const net::RequestHead& head, const std::string& body) {
  const std::string_view path = head.path();
  if (head.method == "GET" && path == "/capabilities") {
    const Capabilities c = table_.capabilities();
    return {.body = dump({{"name", c.name},
                          {"own_users", c.own_users},
                          {"memory_limits", c.memory_limits},
                          {"cpu_limits", c.cpu_limits},
                          {"can_wake", c.can_wake},
                          {"notes", c.notes}})};
  }
  if (head.method == "GET" && path == "/instances") {
    json all = json::array();
    for (const model::Instance& instance : table_.list()) all.push_back(to_json(instance));
    return {.body = dump({{"instances", std::move(all)}, {"position", table_.position()}})};
  }
  constexpr std::string_view kPrefix = "/instances/";
  if (path.starts_with(kPrefix)) {
    std::string_view rest = path.substr(kPrefix.size());
    const std::size_t slash = rest.find('/');
    const std::string id(rest.substr(0, slash));
    const std::string_view action =
        slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
    if (action.empty() && slash == std::string_view::npos)
      return answer_instance(head.method, id, body);
    if (action == "stop" && head.method == "POST") return stop(id, body);
    if (action == "usage" && head.method == "GET") {
      const auto usage = table_.usage(id);
      return {.status = usage ? 200 : net::http_status(usage.error().code),
              .body = usage ? dump(model::to_json(*usage)) : error_body(usage.error())};
    }
    if (action == "logs" && head.method == "GET") return answer_logs(id, head.query());
  }
  return {.status = 404,
          .body = error_body(make_error(ErrorCode::Unimplemented,
                                        fmt::format("the node has no {} {}", head.method, path)))};
}

namespace {

template <class T>
int status_of(const Result<T>& result) {
  return result ? 200 : net::http_status(result.error().code);
}

}  // namespace

NodeServer::Reply NodeServer::answer_instance(std::string_view method, const std::string& id,
                                              const std::string& body) {
  if (method == "PUT") return ensure(id, body);
  if (method == "GET") {
    const auto instance = table_.inspect(id);
    return {.status = status_of(instance),
            .body = instance ? dump(to_json(*instance)) : error_body(instance.error())};
  }
  if (method == "DELETE") {
    const auto removed = table_.remove(id);
    return {.status = status_of(removed), .body = removed ? "{}" : error_body(removed.error())};
  }
  return {.status = 405,
          .body = error_body(make_error(ErrorCode::Unimplemented,
                                        fmt::format("{} is not possible here", method)))};
}

NodeServer::Reply NodeServer::ensure(const std::string& id, const std::string& body) {
  const json document = json::parse(body, nullptr, false);
  Result<InstanceSpec> spec =
      document.is_object()
          ? instance_spec_from_json(document)
          : Result<InstanceSpec>(make_error(ErrorCode::InvalidArgument, "the body is not JSON"));
  if (spec && spec->id != id)
    spec = make_error(ErrorCode::InvalidArgument, "the specification has another id");
  Result<model::Instance> instance =
      spec ? table_.ensure(*spec) : Result<model::Instance>(spec.error());
  return {.status = status_of(instance),
          .body = instance ? dump(to_json(*instance)) : error_body(instance.error())};
}

NodeServer::Reply NodeServer::stop(const std::string& id, const std::string& body) {
  const json document = json::parse(body, nullptr, false);
  if (body.size() > kMaxSmallBodyBytes || !document.is_object() || !document.contains("grace_ms") ||
      !document["grace_ms"].is_number_integer())
    return {.status = 400,
            .body = error_body(make_error(ErrorCode::InvalidArgument,
                                          "a stop needs {\"grace_ms\": milliseconds}"))};
  const auto stopped = table_.stop(id, Millis(document["grace_ms"].get<std::int64_t>()));
  return {.status = status_of(stopped), .body = stopped ? "{}" : error_body(stopped.error())};
}

NodeServer::Reply NodeServer::answer_logs(const std::string& id, std::string_view query) {
  const LogRange usual;
  const auto bytes = std::clamp<std::int64_t>(
      query_number(query, "bytes", std::int64_t(usual.max_bytes)), 0, kMaxLogReplyBytes);
  auto piece = table_.read_log(
      id, {.from = query_number(query, "from", usual.from), .max_bytes = std::size_t(bytes)});
  if (!piece) return {.status = status_of(piece), .body = error_body(piece.error())};
  Reply reply{.content_type = "text/plain; charset=utf-8", .body = std::move(piece->text)};
  reply.headers.add(kLogFromHeader, std::to_string(piece->from));
  reply.headers.add(kLogNextHeader, std::to_string(piece->next));
  return reply;
}

}  // namespace pixell::engine::node
