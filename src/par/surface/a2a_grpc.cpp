#include "par/surface/a2a_grpc.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "net/grpc.hpp"
#include "net/grpc_timeout.hpp"
#include "net/reply.hpp"
#include "par/limits.hpp"
#include "par/observe/trace_context.hpp"
#include "par/surface/action_request.hpp"
#include "par/surface/builtin_routes.hpp"
#include "par/surface/rest_proxy.hpp"
#include "par/worker/agent.hpp"
#include "pixell/agent.pb.h"

namespace pixell::par {

namespace {

constexpr std::string_view kService = "/pixell.agent.AgentService/";
constexpr std::string_view kHealthService = "/grpc.health.v1.Health/";

enum class Method { Health, DescribeCapabilities, Invoke, Ping, Check };

std::optional<Method> method_of(std::string_view path) {
  if (path == "/grpc.health.v1.Health/Check") return Method::Check;
  if (!path.starts_with(kService)) return std::nullopt;
  const std::string_view name = path.substr(kService.size());
  if (name == "Health") return Method::Health;
  if (name == "DescribeCapabilities") return Method::DescribeCapabilities;
  if (name == "Invoke") return Method::Invoke;
  if (name == "Ping") return Method::Ping;
  return std::nullopt;
}

bool has_a2a_service(const AgentView& view) {
  return has_a2a(view) || (view.agent->is_up() && view.agent->hello().a2a == A2aKind::Handlers);
}

std::string capabilities(const AgentView& view) {
  ::pixell::agent::Capabilities message;
  for (const char* method : {"Health", "DescribeCapabilities", "Invoke", "Ping"})
    message.add_methods(method);
  auto& metadata = *message.mutable_metadata();
  metadata["name"] = view.manifest->name;
  metadata["version"] = view.manifest->version;
  metadata["description"] = view.manifest->description;
  return message.SerializeAsString();
}

// HealthCheckResponse of grpc.health.v1: one enum field, status = 1.
std::string check_response(bool is_serving) {
  return is_serving ? std::string("\x08\x01") : std::string("\x08\x02");
}

/// What is called, and the trace it belongs to.
struct Asked {
  Method method;
  const TraceContext& trace;
};

/// One unary call answered by par itself.
class UnaryCall final : public net::StreamHandler {
 public:
  UnaryCall(net::EventLoop& loop, const AgentView& view, net::ServerStream& stream,
            const Asked& asked)
      : loop_(loop),
        view_(view),
        stream_(stream),
        method_(asked.method),
        trace_(asked.trace),
        start_(loop.clock().now()),
        deframer_(kMaxGrpcMessageBytes),
        deadline_(
            net::grpc_deadline(stream.request().headers.get("grpc-timeout"), kA2aCallTimeout)) {
    timer_ = loop.after(deadline_, [this] { deadline_passed(); });
  }
  ~UnaryCall() override { drop_execution(); }

  void on_data(std::string_view bytes) override {
    if (is_over_) return;
    if (auto fed = deframer_.feed(bytes, messages_); !fed)
      fail(fed.error().code, fed.error().message);
    else if (messages_.size() > 1)
      fail(ErrorCode::Unimplemented, "a unary call has one request message");
  }

  void on_end(const net::Headers&) override {
    if (is_over_) return;
    if (messages_.size() != 1 || !deframer_.is_empty())
      return fail(ErrorCode::InvalidArgument, "the request message is not complete");
    serve(messages_.front());
  }

  void on_abort(net::AbortReason) override {
    is_over_ = true;
    timer_.cancel();
    drop_execution();
  }

 private:
  void serve(const std::string& request) {
    if (method_ == Method::Check)
      return reply(check_response(view_.is_ready && is_agent_up(view_)));
    if (!view_.is_open || !is_agent_up(view_))
      return fail(ErrorCode::Unavailable,
                  fmt::format("the agent is not ready ({})", to_string(view_.phase)),
                  not_ready_marks(to_string(view_.phase)));
    if (!has_a2a_service(view_))
      return fail(ErrorCode::Unimplemented, "this agent has no A2A surface");
    const UnixMillis now = loop_.clock().unix_now();
    if (method_ == Method::Health) {
      ::pixell::agent::HealthStatus message;
      message.set_ok(true);
      message.set_message("Agent is healthy");
      message.set_timestamp(now);
      reply(message.SerializeAsString());
    } else if (method_ == Method::Ping) {
      ::pixell::agent::Pong message;
      message.set_message("pong");
      message.set_timestamp(now);
      reply(message.SerializeAsString());
    } else if (method_ == Method::DescribeCapabilities) {
      reply(capabilities(view_));
    } else {
      invoke(request, now);
    }
  }

  void invoke(const std::string& request, UnixMillis now) {
    auto call = parse_action_request(request, now);
    if (!call) {
      request_id_ = call.error().request_id;
      return reply_result(false, call.error().error);
    }
    request_id_ = call->request_id;
    const std::string no_handler = "No handler found for action: " + call->action;
    const auto* handlers = view_.needs_worker ? &view_.agent->hello().handlers : nullptr;
    if (handlers == nullptr || std::ranges::find(*handlers, call->action) == handlers->end())
      return reply_result(false, no_handler);
    auto started = view_.agent->execute(
        {.action = call->action,
         .parameters_json = std::move(call->parameters_json),
         .request_id = request_id_,
         .deadline_ms = std::max<std::int64_t>(1, deadline_.count()),
         .traceparent = traceparent_of(trace_),
         .tracestate = trace_.trace_state},
        [this, no_handler](CallResult result) { executed(std::move(result), no_handler); });
    if (!started)
      return fail(started.error().code, started.error().message, not_taken_marks(started.error()));
    execution_ = *started;
  }

  void executed(CallResult result, const std::string& no_handler) {
    execution_.reset();
    if (is_over_) return;
    switch (result.outcome) {
      case CallResult::Outcome::Done:
        return reply_result(true, result.text);
      case CallResult::Outcome::NotFound:
        return reply_result(false, no_handler);
      case CallResult::Outcome::AgentLost:
        return fail(ErrorCode::Unavailable, result.text);
      case CallResult::Outcome::DeadlineExceeded:
        // The worker's timer ran out before ours: for the caller it is the same.
        return deadline_passed();
      case CallResult::Outcome::Cancelled:
        if (view_.phase == Phase::Draining)
          return fail(ErrorCode::Unavailable, "the agent is being stopped");
        [[fallthrough]];
      case CallResult::Outcome::Failed:
        return reply_result(false, result.text);
    }
  }

  void reply_result(bool success, const std::string& text) {
    ::pixell::agent::ActionResult message;
    message.set_success(success);
    success ? message.set_result(text) : message.set_error(text);
    message.set_request_id(request_id_);
    message.set_duration_ms(
        std::chrono::duration_cast<Millis>(loop_.clock().now() - start_).count());
    reply(message.SerializeAsString());
  }

  void reply(const std::string& message) {
    end();
    net::ResponseHead head;
    head.headers.add("content-type", "application/grpc");
    stream_.send_head(head, false);
    stream_.send_data(net::grpc_frame(message));
    stream_.finish(net::grpc_ok_trailers());
  }

  void fail(ErrorCode code, std::string_view message, const net::Headers& marks = {}) {
    end();
    net::send_grpc_status(stream_, code, message, marks);
  }

  void deadline_passed() {
    if (is_over_) return;
    drop_execution();
    fail(ErrorCode::DeadlineExceeded, "the call's deadline passed");
  }

  void end() {
    is_over_ = true;
    timer_.cancel();
  }

  void drop_execution() {
    if (execution_) view_.agent->cancel(*std::exchange(execution_, std::nullopt));
  }

  net::EventLoop& loop_;
  const AgentView& view_;
  net::ServerStream& stream_;
  Method method_;
  TraceContext trace_;
  Instant start_;
  net::GrpcDeframer deframer_;
  std::vector<std::string> messages_;
  Millis deadline_;
  net::Timer timer_;
  std::optional<std::uint64_t> execution_;
  std::string request_id_;
  bool is_over_ = false;
};

std::unique_ptr<net::StreamHandler> refuse(net::ServerStream& stream, ErrorCode code,
                                           std::string_view message,
                                           const net::Headers& marks = {}) {
  net::send_grpc_status(stream, code, message, marks);
  return net::ignore_body();
}

}  // namespace

std::string grpc_method_path(std::string_view path) {
  const auto method = path.rfind('/');
  if (method == std::string_view::npos || method == 0) return std::string(path);
  const auto service = path.rfind('/', method - 1);
  return std::string(service == std::string_view::npos ? path : path.substr(service));
}

std::unique_ptr<net::StreamHandler> answer_grpc(net::EventLoop& loop, net::HttpClient& client,
                                                const AgentView& view, net::ServerStream& stream,
                                                const TraceContext& trace) {
  if (stream.request().protocol != net::Protocol::Http2) {
    net::send_json(stream, 400, R"({"detail":"gRPC needs HTTP/2"})");
    return net::ignore_body();
  }
  const std::string path = grpc_method_path(stream.request().path());
  // Balancers ask par about itself, also when the agent's servicer has a health service.
  if (view.is_open && is_servicer_up(view) && !path.starts_with(kHealthService))
    return proxy_to_servicer(loop, client, stream, *view.agent, path, trace);
  const auto method = method_of(path);
  if (!method && view.is_open && is_agent_up(view))
    return refuse(stream, ErrorCode::Unimplemented, fmt::format("unknown method {}", path));
  if (!method)
    return refuse(stream, ErrorCode::Unavailable,
                  fmt::format("the agent is not ready ({})", to_string(view.phase)),
                  not_ready_marks(to_string(view.phase)));
  return std::make_unique<UnaryCall>(loop, view, stream, Asked{*method, trace});
}

}  // namespace pixell::par
