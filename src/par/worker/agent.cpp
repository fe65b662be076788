#include "par/worker/agent.hpp"

#include <fmt/format.h>
#include <signal.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "par/limits.hpp"

namespace pixell::par {

namespace {

// The order of members is the agent's own: results go on as text.
using Json = nlohmann::ordered_json;

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
              .a2a = a2a_kind(json.value("a2a", Json())),
              .handlers = {},
              .warnings = json.value("warnings", std::vector<std::string>{})};
  for (const auto& handler : json.value("handlers", Json::array()))
    hello.handlers.push_back(handler.at("name").get<std::string>());
  return hello;
}

model::Failure failure_from(const Json& json) {
  const auto cause = model::parse_cause(json.value("cause", ""));
  return model::make_failure(cause.value_or(model::Cause::HandlerError),
                             json.value("message", "the agent could not be loaded"),
                             json.value("evidence", std::vector<std::string>{}));
}

CallResult error_from(const Json& json) {
  const std::string code = json.value("code", "failed");
  return {.outcome = code == "not_found"   ? CallResult::Outcome::NotFound
                     : code == "cancelled" ? CallResult::Outcome::Cancelled
                                           : CallResult::Outcome::Failed,
          .text = json.value("message", "")};
}

void log_frame(const Log& log, const Json& json) {
  const std::string level = json.value("level", "info");
  const std::string fields = dump(json.value("fields", Json::object()));
  const LogField field{"fields", LogValue::raw_json(fields)};
  log.line(level == "error"     ? LogLevel::Error
           : level == "warning" ? LogLevel::Warning
           : level == "debug"   ? LogLevel::Debug
                                : LogLevel::Info,
           json.value("event", ""), {&field, 1});
}

}  // namespace

Agent::Agent(net::EventLoop& loop, Children& children, AgentOwner& owner, Log log)
    : loop_(loop),
      owner_(owner),
      log_(log),
      process_(loop, children, log, [this](WorkerExit exit) { process_ended(exit); }) {}

Agent::~Agent() = default;

Result<void> Agent::start(const WorkerPlan& plan) {
  told_failure_.reset();
  hello_ = {};
  started_at_ = loop_.clock().now();
  TRY(UniqueFd socket, process_.start(plan));
  state_ = State::Starting;
  AgentLinkOwner& self = *this;
  link_ = std::make_unique<AgentLink>(loop_, std::move(socket), self);
  auto told = link_->start();
  if (told) told = link_->send(plan.load_header);
  if (!told) {
    // The process runs already: its end is what the owner is told.
    told_failure_ = model::make_failure(model::Cause::Internal, told.error().message);
    process_.signal(SIGKILL);
  }
  return {};
}

void Agent::tell_ready() {
  if (state_ == State::Up && !link_->send(R"({"t":"ready"})"))
    log_.warning("The agent's process could not be told that it is ready");
}

Result<std::uint64_t> Agent::execute(const AgentCall& call,
                                     std::function<void(CallResult)> on_result) {
  if (state_ != State::Up)
    return make_error(ErrorCode::Unavailable, "the agent's process is not running");
  if (calls_.size() >= kMaxExecutions)
    return make_error(ErrorCode::ResourceExhausted,
                      fmt::format("more than {} calls are running", kMaxExecutions));
  const std::uint64_t id = next_id_++;
  // The parameters are JSON already: they are put in as they are.
  std::string header = fmt::format(R"({{"t":"execute","x":"{}","deadline_ms":{},"parameters":{})",
                                   id, call.deadline_ms, call.parameters_json);
  header += ",\"action\":";
  append_json_string(header, call.action);
  header += ",\"request_id\":";
  append_json_string(header, call.request_id);
  header += '}';
  TRY_VOID(link_->send(header));
  calls_.emplace(fmt::to_string(id), std::move(on_result));
  return id;
}

void Agent::cancel(std::uint64_t id) {
  if (calls_.erase(fmt::to_string(id)) == 0 || !link_) return;
  // A link that takes no more is about to be closed, and the call with it.
  (void)link_->send(fmt::format(R"({{"t":"cancel","x":"{}"}})", id));
}

void Agent::stop(Millis grace) {
  if (state_ == State::Down || state_ == State::Stopping) return;
  state_ = State::Stopping;
  (void)link_->send(fmt::format(R"({{"t":"drain","grace_ms":{}}})", grace.count()));
  term_timer_ = loop_.after(grace, [this] { process_.signal(SIGTERM); });
  kill_timer_ = loop_.after(grace + kWorkerTermGrace, [this] { process_.signal(SIGKILL); });
}

void Agent::kill() {
  if (process_.is_running()) process_.signal(SIGKILL);
}

void Agent::frame_received(const Frame& frame) try {
  const Json json = Json::parse(frame.header);
  const auto type = json.at("t").get<std::string>();
  if (type == "done") {
    const Json result = json.value("result", Json());
    answer(json.at("x").get<std::string>(),
           {.outcome = CallResult::Outcome::Done,
            .text = result.is_string() ? result.get<std::string>() : dump(result)});
  } else if (type == "error") {
    answer(json.at("x").get<std::string>(), error_from(json));
  } else if (type == "hello") {
    take_hello(frame);
  } else if (type == "load_error") {
    told_failure_ = failure_from(json);
    // It exits by itself now; a worker that does not is not waited for.
    kill_timer_ = loop_.after(kWorkerTermGrace, [this] { process_.signal(SIGKILL); });
  } else if (type == "ping") {
    (void)link_->send(fmt::format(R"({{"t":"pong","n":{}}})", dump(json.value("n", Json()))));
  } else if (type == "log") {
    log_frame(log_, json);
  }
} catch (const Json::exception& wrong) {
  told_failure_ = model::make_failure(
      model::Cause::Internal,
      fmt::format("the worker sent a message that is not par-worker/1: {}", wrong.what()),
      evidence());
  process_.signal(SIGKILL);
}

void Agent::take_hello(const Frame& frame) {
  const Json json = Json::parse(frame.header);
  if (json.value("v", 0) != 1) {
    told_failure_ = model::make_failure(
        model::Cause::Internal,
        fmt::format("the worker speaks version {} of par-worker, this par version 1",
                    dump(json.value("v", Json()))));
    process_.signal(SIGKILL);
    return;
  }
  if (state_ != State::Starting) return;
  hello_ = hello_from(json);
  state_ = State::Up;
  for (const std::string& warning : hello_.warnings)
    log_.warning("The agent was loaded with a warning", {{"warning", warning}});
  owner_.agent_up(hello_);
}

void Agent::answer(const std::string& id, CallResult result) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;  // cancelled meanwhile
  const auto on_result = std::move(found->second);
  calls_.erase(found);
  on_result(std::move(result));
}

void Agent::link_closed(const std::string& reason) {
  if (!process_.is_running()) return;
  if (state_ != State::Stopping && !told_failure_)
    log_.warning("The connection to the agent's process ended", {{"reason", reason}});
  kill_timer_ = loop_.after(kWorkerTermGrace, [this] { process_.signal(SIGKILL); });
}

void Agent::process_ended(WorkerExit exit) {
  link_->read_rest();
  term_timer_.cancel();
  kill_timer_.cancel();
  const bool was_stopping = state_ == State::Stopping;
  state_ = State::Down;
  hello_ = {};
  fail_calls();
  loop_.delete_later(std::move(link_));
  if (was_stopping) return owner_.agent_stopped();
  const auto lived = std::chrono::duration_cast<Millis>(loop_.clock().now() - started_at_);
  owner_.agent_lost(told_failure_ ? *told_failure_ : failure_of(exit), lived);
}

model::Failure Agent::failure_of(const WorkerExit& exit) const {
  if (exit.out_of_memory)
    return model::make_failure(model::Cause::OutOfMemory,
                               "The agent's process needed more memory than its limit and was "
                               "ended by the kernel",
                               evidence());
  if (exit.status.signal != 0)
    return model::make_failure(model::Cause::Signalled,
                               fmt::format("The agent's process was ended by signal {} ({})",
                                           exit.status.signal, signal_name(exit.status.signal)),
                               evidence());
  return model::make_failure(
      model::Cause::Exited,
      fmt::format("The agent's process ended by itself with code {}", exit.status.code),
      evidence());
}

void Agent::fail_calls() {
  const auto calls = std::exchange(calls_, {});
  for (const auto& [id, on_result] : calls)
    on_result({.outcome = CallResult::Outcome::AgentLost,
               .text = "the agent's process ended during the call"});
}

}  // namespace pixell::par
