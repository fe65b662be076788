#include "par/worker/frame_channel.hpp"

#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "model/bounded_json.hpp"
#include "par/limits.hpp"
#include "par/redact.hpp"

namespace pixell::par {

namespace {

// The order of members is the agent's own: results go on as text.
using Json = nlohmann::ordered_json;

constexpr int kProtocolVersion = 1;

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

A2aKind a2a_kind(const Json& json) {
  if (!json.is_string()) return A2aKind::None;
  const auto name = json.get<std::string>();
  if (name == "handlers") return A2aKind::Handlers;
  if (name == "servicer") return A2aKind::Servicer;
  return A2aKind::Default;
}

Hello hello_from(const Json& json) {
  Hello hello{.language = json.value("lang", ""),
              .sdk = json.value("sdk", ""),
              .runtime = json.value("runtime", ""),
              .rest = json.value("rest", false),
              .http_server = json.value("http_server", false),
              .http_server_port = json.value("http_server_port", std::uint16_t{0}),
              .a2a = a2a_kind(json.value("a2a", Json())),
              .handlers = {},
              .streaming_handlers = {},
              .entrypoint = json.value("entrypoint", false),
              .rest_claims = json.value("rest_claims", std::vector<std::string>{}),
              .warnings = json.value("warnings", std::vector<std::string>{})};
  for (const auto& handler : json.value("handlers", Json::array()))
    (handler.value("kind", "") == "streaming" ? hello.streaming_handlers : hello.handlers)
        .push_back(handler.at("name").get<std::string>());
  return hello;
}

model::Failure failure_from(const Json& json) {
  const auto cause = model::parse_cause(json.value("cause", ""));
  return model::make_failure(cause.value_or(model::Cause::HandlerError),
                             json.value("message", "the agent could not be loaded"),
                             json.value("evidence", std::vector<std::string>{}),
                             json.value("remedy", ""));
}

CallResult done_from(const Json& json) {
  const Json result = json.value("result", Json());
  return {.outcome = CallResult::Outcome::Done,
          .text = result.is_string() ? result.get<std::string>() : dump(result),
          .is_text = result.is_string()};
}

CallResult::Outcome outcome_of(const std::string& code) {
  if (code == "not_found") return CallResult::Outcome::NotFound;
  if (code == "cancelled") return CallResult::Outcome::Cancelled;
  if (code == "deadline_exceeded") return CallResult::Outcome::DeadlineExceeded;
  return CallResult::Outcome::Failed;
}

CallResult error_from(const Json& json) {
  return {.outcome = outcome_of(json.value("code", "failed")),
          .text = json.value("message", ""),
          .is_text = true};
}

const char* name_of(CallTarget target) {
  switch (target) {
    case CallTarget::Handler:
      return "handler";
    case CallTarget::Stream:
      return "stream";
    case CallTarget::Entrypoint:
      return "entrypoint";
  }
  return "handler";
}

// Ids are ours; one that is no number is of no call.
std::uint64_t call_id_of(const Json& json) {
  const auto text = json.at("x").get<std::string>();
  std::uint64_t id = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), id);
  return read.ptr == text.data() + text.size() ? id : 0;
}

void log_frame(const Log& log, const Json& json) {
  const std::string level = json.value("level", "info");
  Json given = json.value("fields", Json::object());
  redact(given);
  const std::string fields = dump(given);
  const LogField field{"fields", LogValue::raw_json(fields)};
  log.line(level == "error"     ? LogLevel::Error
           : level == "warning" ? LogLevel::Warning
           : level == "debug"   ? LogLevel::Debug
                                : LogLevel::Info,
           json.value("event", ""), {&field, 1});
}

}  // namespace

FrameChannel::FrameChannel(net::EventLoop& loop, UniqueFd socket, std::string load_header, Log log,
                           WorkerChannelOwner& owner)
    : load_header_(std::move(load_header)),
      log_(std::move(log)),
      owner_(owner),
      link_(loop, std::move(socket), *this) {}

Result<void> FrameChannel::start() {
  TRY_VOID(link_.start());
  return link_.send(load_header_);
}

Result<void> FrameChannel::tell_ready() { return link_.send(R"({"t":"ready"})"); }

Result<void> FrameChannel::execute(std::uint64_t id, const AgentCall& call) {
  // The parameters are JSON already: they are put in as they are.
  std::string header =
      fmt::format(R"({{"t":"execute","x":"{}","target":"{}","deadline_ms":{},"parameters":{})", id,
                  name_of(call.target), call.deadline_ms, call.parameters_json);
  header += ",\"action\":";
  append_json_string(header, call.action);
  header += ",\"request_id\":";
  append_json_string(header, call.request_id);
  for (const auto& [name, value] : {std::pair("traceparent", std::string_view(call.traceparent)),
                                    {"tracestate", call.tracestate}}) {
    if (value.empty()) continue;
    header.append(",\"").append(name).append("\":");
    append_json_string(header, value);
  }
  header += '}';
  return link_.send(header);
}

void FrameChannel::give_credit(std::uint64_t id, int events) {
  (void)link_.send(fmt::format(R"({{"t":"credit","x":"{}","n":{}}})", id, events));
}

void FrameChannel::cancel(std::uint64_t id) {
  // A link that takes no more is about to be closed, and the call with it.
  (void)link_.send(fmt::format(R"({{"t":"cancel","x":"{}"}})", id));
}

void FrameChannel::drain(Millis grace) {
  (void)link_.send(fmt::format(R"({{"t":"drain","grace_ms":{}}})", grace.count()));
}

void FrameChannel::refuse_depth(const std::string& type, const Json& json) {
  const std::string message = fmt::format("nests deeper than {}", kMaxFrameJsonDepth);
  // What a handler says may come from its client: it fails that call, not those of everybody else.
  if (type != "event" && type != "done")
    return owner_.protocol_broken(fmt::format("a {} message of the worker {}", type, message));
  const std::uint64_t id = call_id_of(json);
  if (type == "event") cancel(id);
  owner_.call_ended(id, {.outcome = CallResult::Outcome::Failed,
                         .text = fmt::format("what the handler answered {}", message),
                         .is_text = true});
}

void FrameChannel::link_closed(const std::string& reason) { owner_.channel_closed(reason); }

void FrameChannel::frame_received(const Frame& frame) try {
  const model::BoundedJson parsed = model::parse_bounded(frame.header, kMaxFrameJsonDepth);
  if (!parsed.wrong.empty())
    return owner_.protocol_broken(
        fmt::format("the worker sent a message that is not par-worker/1: {}", parsed.wrong));
  const Json& json = parsed.value;
  const auto type = json.at("t").get<std::string>();
  if (parsed.is_too_deep) return refuse_depth(type, json);
  if (type == "event") {
    owner_.call_told(call_id_of(json), dump(json.value("event", Json())));
  } else if (type == "done") {
    owner_.call_ended(call_id_of(json), done_from(json));
  } else if (type == "error") {
    owner_.call_ended(call_id_of(json), error_from(json));
  } else if (type == "hello") {
    if (json.value("v", 0) != kProtocolVersion)
      return owner_.protocol_broken(
          fmt::format("the worker speaks version {} of par-worker, this par version {}",
                      dump(json.value("v", Json())), kProtocolVersion));
    owner_.worker_up(hello_from(json));
  } else if (type == "load_error") {
    owner_.load_failed(failure_from(json));
  } else if (type == "ping") {
    (void)link_.send(fmt::format(R"({{"t":"pong","n":{}}})", dump(json.value("n", Json()))));
  } else if (type == "log") {
    log_frame(log_, json);
  }
} catch (const Json::exception& wrong) {
  owner_.protocol_broken(
      fmt::format("the worker sent a message that is not par-worker/1: {}", wrong.what()));
}

}  // namespace pixell::par
