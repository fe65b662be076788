#include "par/surface/a2a_http.hpp"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <utility>

#include "base/ids.hpp"
#include "base/log.hpp"
#include "model/a2a_card.hpp"
#include "model/a2a_rpc.hpp"
#include "net/reply.hpp"
#include "par/limits.hpp"
#include "par/surface/builtin_routes.hpp"
#include "par/surface/entrypoint_call.hpp"
#include "par/worker/agent.hpp"

namespace pixell::par {

namespace {

using model::RpcCode;
using model::RpcError;

const model::RpcLimits kRpcLimits = {.depth = kMaxJsonDepth};

std::string quoted(std::string_view text) {
  std::string json;
  append_json_string(json, text);
  return json;
}

std::string result_json(const CallResult& result) {
  return result.is_text ? quoted(result.text) : result.text;
}

/// One call over HTTP: collects the body, asks the agent, answers.
class A2aExchange final : public net::StreamHandler {
 public:
  A2aExchange(const A2aContext& context, net::ServerStream& stream, Route route)
      : context_(context), stream_(stream), route_(route) {}
  ~A2aExchange() override { drop_execution(); }

  void on_data(std::string_view bytes) override {
    if (is_over_) return;
    if (body_.size() + bytes.size() > kMaxA2aBodyBytes)
      return reply(413,
                   fmt::format(R"({{"detail":"The body is over {} bytes"}})", kMaxA2aBodyBytes));
    body_ += bytes;
  }

  void on_end(const net::Headers&) override {
    if (is_over_) return;
    const std::string body = std::exchange(body_, {});
    if (route_ == Route::Invoke) return invoke(body);
    auto call = route_ == Route::A2aRespond ? model::rpc_call_of_params(body, "respond", kRpcLimits)
                                            : model::parse_rpc_call(body, kRpcLimits);
    if (!call) return reply(200, model::rpc_error(call.error()));
    id_json_ = call->id_json;
    is_notification_ = call->is_notification;
    serve(*call);
  }

  void on_writable() override {
    if (!events_ || !execution_) return;
    if (const int events = events_->take_behind(); events > 0)
      context_.view.agent->credit(*execution_, events);
  }

  void on_abort(net::AbortReason) override {
    is_over_ = true;
    if (events_) events_->drop();
    timer_.cancel();
    drop_execution();
  }

 private:
  bool accepts_events() const {
    const auto accept = stream_.request().headers.get("accept");
    return accept && accept->find("text/event-stream") != std::string_view::npos;
  }

  bool wants_stream(const model::RpcCall& call) const {
    if (route_ == Route::A2aStream || call.is_stream_method) return true;
    return accepts_events() && (call.method == "respond" || call.method == "tasks/sendSubscribe");
  }

  void serve(model::RpcCall& call) {
    const bool is_stream = wants_stream(call);
    const Hello& hello = context_.view.agent->hello();
    const auto match =
        model::find_skill(call.skill, is_stream, hello.handlers, hello.streaming_handlers);
    if (!match) return refuse(RpcCode::MethodNotFound, "Method not found: " + call.skill);
    const bool is_started =
        start({.target = match->is_streaming ? CallTarget::Stream : CallTarget::Handler,
               .action = match->handler,
               .parameters_json = std::move(call.parameters_json),
               .request_id = context_.trace.request_id,
               .deadline_ms = kA2aCallTimeout.count(),
               .traceparent = traceparent_of(context_.trace),
               .tracestate = context_.trace.trace_state});
    if (!is_started || !is_stream) return;
    events_ = std::make_unique<EventStream>(context_.loop, context_.event_streams, stream_,
                                            new_ulid(context_.loop.clock().unix_now()), [this] {
                                              end();
                                              drop_execution();
                                            });
    events_->open();
  }

  void invoke(std::string_view body) {
    auto argument = entrypoint_argument(body);
    if (!argument) return reply(422, fmt::format(R"({{"detail":{}}})", quoted(argument.error())));
    start({.target = CallTarget::Entrypoint,
           .action = "invoke",
           .parameters_json = std::move(*argument),
           .request_id = context_.trace.request_id,
           .deadline_ms = kA2aCallTimeout.count(),
           .traceparent = traceparent_of(context_.trace),
           .tracestate = context_.trace.trace_state});
  }

  bool start(const AgentCall& call) {
    auto started = context_.view.agent->execute(
        call, [this](CallResult result) { executed(std::move(result)); },
        [this](const std::string& event) { told(event); });
    if (!started) {
      end();
      net::send_json(stream_, net::http_status(started.error().code),
                     fmt::format(R"({{"detail":{},"error":"agent_unavailable"}})",
                                 quoted(started.error().message)),
                     not_taken_marks(started.error()));
      return false;
    }
    execution_ = *started;
    timer_ = context_.loop.after(kA2aCallTimeout, [this] {
      drop_execution();
      executed({.outcome = CallResult::Outcome::DeadlineExceeded,
                .text = fmt::format("no answer within {} s", kA2aCallTimeout.count() / 1000)});
    });
    return true;
  }

  void told(const std::string& event) {
    if (is_over_ || !events_) return;
    if (events_->tell(event))
      context_.view.agent->credit(*execution_, 1);
    else if (events_->behind() > kEventCredit) {
      // A worker that does not wait for its reader would fill our memory.
      drop_execution();
      end();
      events_->fail("the agent sent more events than it may");
    }
  }

  void executed(CallResult result) {
    execution_.reset();
    if (is_over_) return;
    if (events_) return stream_ended(result);
    if (result.outcome == CallResult::Outcome::AgentLost)
      return reply(502, fmt::format(R"({{"detail":{},"error":"agent_lost"}})",
                                    quoted("The agent's process ended during the call")));
    const bool is_done = result.outcome == CallResult::Outcome::Done;
    if (route_ == Route::Invoke)
      return reply(
          200, is_done ? entrypoint_result(result_json(result)) : entrypoint_error(result.text));
    if (!is_done) return refuse(RpcCode::HandlerFailed, result.text);
    if (is_notification_) return reply_nothing();
    reply(200, model::rpc_result(id_json_, result_json(result)));
  }

  void stream_ended(const CallResult& result) {
    end();
    if (result.outcome == CallResult::Outcome::Cancelled && context_.view.phase == Phase::Draining)
      return events_->fail("the runtime is shutting down");
    if (result.outcome != CallResult::Outcome::Done) return events_->fail(result.text);
    const bool is_nothing = !result.is_text && result.text == "null";
    events_->finish(is_nothing ? std::nullopt : std::optional(result.text));
  }

  void refuse(RpcCode code, std::string message) {
    if (is_notification_) return reply_nothing();
    reply(200,
          model::rpc_error({.code = code, .message = std::move(message), .id_json = id_json_}));
  }

  void reply(int status, const std::string& json) {
    end();
    net::send_json(stream_, status, json);
  }

  // A notification gets no answer of JSON-RPC, whatever becomes of it.
  void reply_nothing() {
    end();
    stream_.send_head({.status = 204}, true);
  }

  void end() {
    is_over_ = true;
    timer_.cancel();
  }

  void drop_execution() {
    if (execution_) context_.view.agent->cancel(*std::exchange(execution_, std::nullopt));
  }

  A2aContext context_;
  net::ServerStream& stream_;
  Route route_;
  std::string body_;
  std::string id_json_ = "null";
  bool is_notification_ = false;
  std::optional<std::uint64_t> execution_;
  std::unique_ptr<EventStream> events_;
  net::Timer timer_;
  bool is_over_ = false;
};

}  // namespace

bool is_a2a_http(Route route) {
  return route == Route::AgentCard || route == Route::A2aRpc || route == Route::A2aStream ||
         route == Route::A2aRespond || route == Route::Invoke;
}

std::unique_ptr<net::StreamHandler> answer_a2a_http(const A2aContext& context,
                                                    net::ServerStream& stream, Route route) {
  if (route != Route::AgentCard) return std::make_unique<A2aExchange>(context, stream, route);
  const Hello& hello = context.view.agent->hello();
  net::send_json(
      stream, 200,
      model::agent_card(*context.view.manifest, hello.handlers, hello.streaming_handlers));
  return net::ignore_body();
}

}  // namespace pixell::par
