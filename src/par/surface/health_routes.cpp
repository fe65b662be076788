#include "par/surface/health_routes.hpp"

#include <fmt/format.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <utility>

#include "net/reply.hpp"
#include "par/limits.hpp"
#include "par/surface/ui_files.hpp"
#include "par/worker/agent.hpp"
#include "par/worker/grpc_probe.hpp"

namespace pixell::par {

namespace {

std::string dump(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

bool is_ui_up(const AgentView& view) {
  return view.ui_files != nullptr && view.ui_files->has_index();
}

// Keys for configured surfaces only; before the package is known that is REST alone.
nlohmann::json surfaces(const AgentView& view, bool servicer_answers) {
  nlohmann::json up = {{"rest", view.is_ready}};
  if (has_a2a(view)) up["a2a"] = view.is_ready && is_agent_up(view) && servicer_answers;
  if (has_ui(view)) up["ui"] = view.is_ready && is_ui_up(view);
  return up;
}

void add_agent_keys(nlohmann::json& body, const AgentView& view) {
  body["agentId"] = view.app_id;
  body["loaded"] = view.manifest.has_value();
  body["status"] = view.is_ready ? "healthy" : "starting";
}

/// One question to a full servicer, then an answer made of what it said.
class ServicerHealthCall final : public net::StreamHandler {
 public:
  using MakeAnswer = std::function<JsonAnswer(const Result<void>& said)>;

  ServicerHealthCall(net::EventLoop& loop, net::HttpClient& client, net::ServerStream& stream,
                     MakeAnswer make_answer)
      : stream_(stream), make_answer_(std::move(make_answer)), probe_(loop, client) {}

  void ask(const net::Address& servicer) {
    probe_.ask(servicer, kA2aHealthTimeout, [this](const Result<void>& said) {
      if (is_gone_) return;
      const JsonAnswer answer = make_answer_(said);
      net::send_json(stream_, answer.status, answer.body);
    });
  }
  void on_data(std::string_view) override {}
  void on_end(const net::Headers&) override {}
  void on_abort(net::AbortReason) override { is_gone_ = true; }

 private:
  net::ServerStream& stream_;
  MakeAnswer make_answer_;
  bool is_gone_ = false;
  GrpcProbe probe_;
};

std::unique_ptr<net::StreamHandler> ask_servicer(net::EventLoop& loop, net::HttpClient& client,
                                                 const AgentView& view, net::ServerStream& stream,
                                                 ServicerHealthCall::MakeAnswer make_answer) {
  auto call = std::make_unique<ServicerHealthCall>(loop, client, stream, std::move(make_answer));
  call->ask(view.agent->next().grpc_address());
  return call;
}

}  // namespace

JsonAnswer health_answer(const AgentView& view, bool with_timestamp, UnixMillis now,
                         bool servicer_answers) {
  nlohmann::json body = {{"ok", view.is_ready},
                         {"status", view.is_ready ? "healthy" : "starting"},
                         {"surfaces", surfaces(view, servicer_answers)}};
  if (with_timestamp || !view.is_ready) body["timestamp"] = now;
  if (!view.is_ready) body["phase"] = to_string(view.phase);
  if (view.base_path == "/agents/" + view.app_id) add_agent_keys(body, view);
  return {.status = view.is_ready ? 200 : 503, .body = dump(body)};
}

JsonAnswer agent_health_answer(const AgentView& view, const std::string& id) {
  if (id != view.app_id)
    return {.status = 404,
            .body = dump({{"error", "Agent not found"}, {"agentId", id}, {"loaded", false}})};
  if (!view.manifest)
    return {.status = 503,
            .body = dump({{"error", "No package loaded"},
                          {"agentId", id},
                          {"loaded", false},
                          {"phase", to_string(view.phase)}})};
  nlohmann::json body = nlohmann::json::object();
  add_agent_keys(body, view);
  if (!view.is_ready) body["phase"] = to_string(view.phase);
  return {.status = view.is_ready ? 200 : 503, .body = dump(body)};
}

JsonAnswer ui_health_answer(const AgentView& view, UnixMillis now) {
  return {.status = 200,
          .body = dump(
              {{"ok", view.is_ready && is_ui_up(view)}, {"service", "ui"}, {"timestamp", now}})};
}

JsonAnswer ui_port_health_answer(const AgentView& view) {
  return {.status = view.is_ready ? 200 : 503,
          .body = dump({{"ok", view.is_ready}, {"service", "ui"}, {"port", view.ui_port}})};
}

std::unique_ptr<net::StreamHandler> answer_health(net::EventLoop& loop, net::HttpClient& client,
                                                  const AgentView& view, net::ServerStream& stream,
                                                  bool with_timestamp) {
  if (view.is_ready && is_servicer_up(view))
    return ask_servicer(loop, client, view, stream, [&loop, &view, with_timestamp](auto& said) {
      return health_answer(view, with_timestamp, loop.clock().unix_now(), said.has_value());
    });
  const JsonAnswer answer = health_answer(view, with_timestamp, loop.clock().unix_now());
  net::Headers headers;
  if (answer.status == 503) headers.add("retry-after", "1");
  net::send_json(stream, answer.status, answer.body, headers);
  return net::ignore_body();
}

std::unique_ptr<net::StreamHandler> answer_a2a_health(net::EventLoop& loop, net::HttpClient& client,
                                                      const AgentView& view,
                                                      net::ServerStream& stream, bool is_lenient) {
  const bool is_up = view.is_ready && has_a2a(view) && is_agent_up(view);
  if (is_up && is_servicer_up(view)) {
    return ask_servicer(loop, client, view, stream, [&loop, is_lenient](const auto& said) {
      nlohmann::json body = {
          {"ok", said.has_value()}, {"service", "a2a"}, {"timestamp", loop.clock().unix_now()}};
      if (!said) body["detail"] = "gRPC health failed: " + said.error().message;
      return JsonAnswer{.status = said || is_lenient ? 200 : 503, .body = dump(body)};
    });
  }
  nlohmann::json body = {{"ok", is_up}, {"service", "a2a"}, {"timestamp", loop.clock().unix_now()}};
  int status = 200;
  if (view.manifest && !has_a2a(view)) {
    body["detail"] = "A2A service not available";
    status = 404;
  } else if (!is_up) {
    body["detail"] = fmt::format("gRPC health failed: not ready ({})", to_string(view.phase));
    status = 503;
  }
  net::send_json(stream, is_lenient ? 200 : status, dump(body));
  return net::ignore_body();
}

}  // namespace pixell::par
