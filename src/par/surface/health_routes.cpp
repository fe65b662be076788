#include "par/surface/health_routes.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "net/reply.hpp"
#include "par/limits.hpp"
#include "par/surface/ui_files.hpp"
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
nlohmann::json surfaces(const AgentView& view) {
  nlohmann::json up = {{"rest", view.is_ready}};
  if (has_a2a(view)) up["a2a"] = view.is_ready && is_agent_up(view);
  if (has_ui(view)) up["ui"] = view.is_ready && is_ui_up(view);
  return up;
}

void add_agent_keys(nlohmann::json& body, const AgentView& view) {
  body["agentId"] = view.app_id;
  body["loaded"] = view.manifest.has_value();
  body["status"] = view.is_ready ? "healthy" : "starting";
}

/// /a2a/health of a full servicer: one question to it, then the answer.
class A2aHealthCall final : public net::StreamHandler {
 public:
  A2aHealthCall(net::EventLoop& loop, net::HttpClient& client, net::ServerStream& stream,
                bool is_lenient)
      : loop_(loop), stream_(stream), is_lenient_(is_lenient), probe_(loop, client) {}

  void ask(const net::Address& servicer) {
    probe_.ask(servicer, kA2aHealthTimeout, [this](Result<void> result) { answer(result); });
  }
  void on_data(std::string_view) override {}
  void on_end(const net::Headers&) override {}
  void on_abort(net::AbortReason) override { is_gone_ = true; }

 private:
  void answer(const Result<void>& result) {
    if (is_gone_) return;
    nlohmann::json body = {
        {"ok", result.has_value()}, {"service", "a2a"}, {"timestamp", loop_.clock().unix_now()}};
    if (!result) body["detail"] = "gRPC health failed: " + result.error().message;
    net::send_json(stream_, result || is_lenient_ ? 200 : 503, dump(body));
  }

  net::EventLoop& loop_;
  net::ServerStream& stream_;
  bool is_lenient_;
  bool is_gone_ = false;
  GrpcProbe probe_;
};

}  // namespace

JsonAnswer health_answer(const AgentView& view, bool with_timestamp, UnixMillis now) {
  nlohmann::json body = {{"ok", view.is_ready}, {"surfaces", surfaces(view)}};
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

std::unique_ptr<net::StreamHandler> answer_a2a_health(net::EventLoop& loop, net::HttpClient& client,
                                                      const AgentView& view,
                                                      net::ServerStream& stream, bool is_lenient) {
  const bool is_up = view.is_ready && has_a2a(view) && is_agent_up(view);
  if (is_up && view.grpc_socket) {
    auto call = std::make_unique<A2aHealthCall>(loop, client, stream, is_lenient);
    call->ask(*view.grpc_socket);
    return call;
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
