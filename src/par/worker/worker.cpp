#include "par/worker/worker.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "par/limits.hpp"
#include "par/worker/frame_channel.hpp"
#include "par/worker/listeners.hpp"
#include "par/worker/server_channel.hpp"

namespace pixell::par {

Worker::Worker(net::EventLoop& loop, Children& children, WorkerOwner& owner, OomKills& oom_kills,
               Log log)
    : loop_(loop),
      owner_(owner),
      log_(log),
      process_(loop, children, oom_kills, log, [this](WorkerExit exit) { process_ended(exit); }) {}

Worker::~Worker() = default;

Result<void> Worker::start(const WorkerPlan& plan) {
  told_failure_.reset();
  is_presumed_ = false;
  user_ = plan.sandbox.user.value_or(::geteuid());
  hello_ = {};
  started_at_ = loop_.clock().now();
  TRY(UniqueFd link, process_.start(plan));
  state_ = State::Starting;
  channel_ = make_channel(plan, std::move(link));
  const auto told = channel_->start();
  if (!told) {
    // The process runs already: its end is what the owner is told.
    told_failure_ = model::make_failure(model::Cause::Internal, told.error().message);
    process_.signal(SIGKILL);
  }
  return {};
}

std::unique_ptr<WorkerChannel> Worker::make_channel(const WorkerPlan& plan, UniqueFd link) {
  WorkerChannelOwner& self = *this;
  if (plan.load_header.empty())
    return std::make_unique<ServerChannel>(
        loop_,
        ServerPlaces{
            .socket_path = plan.http_socket, .port = plan.http_port, .user = plan.sandbox.user},
        [this](int number) { process_.signal(number); }, self);
  return std::make_unique<FrameChannel>(loop_, std::move(link), plan.load_header, log_, self);
}

void Worker::tell_ready() {
  if (state_ == State::Up && !channel_->tell_ready())
    log_.warning("The agent's process could not be told that it is ready");
}

Result<std::uint64_t> Worker::execute(const AgentCall& call,
                                      std::function<void(CallResult)> on_result,
                                      std::function<void(std::string)> on_event) {
  if (state_ != State::Up)
    return make_error(ErrorCode::Unavailable, "the agent's process is not running");
  if (calls_.size() >= kMaxExecutions)
    return make_error(ErrorCode::ResourceExhausted,
                      fmt::format("more than {} calls are running", kMaxExecutions));
  const std::uint64_t id = next_id_++;
  TRY_VOID(channel_->execute(id, call));
  calls_.emplace(id, Callbacks{std::move(on_result), std::move(on_event)});
  return id;
}

void Worker::credit(std::uint64_t id, int events) {
  if (calls_.contains(id) && channel_) channel_->give_credit(id, events);
}

void Worker::cancel(std::uint64_t id) {
  if (calls_.erase(id) > 0 && channel_) channel_->cancel(id);
}

void Worker::stop(Millis grace) {
  if (state_ == State::Down || state_ == State::Stopping) return;
  // One that still loads serves nobody, and may not listen to us either.
  if (state_ == State::Starting) grace = std::min(grace, kWorkerDrainGrace);
  state_ = State::Stopping;
  channel_->drain(grace);
  term_timer_ = loop_.after(grace, [this] { process_.signal(SIGTERM); });
  kill_timer_ = loop_.after(grace + kWorkerTermGrace, [this] { process_.signal(SIGKILL); });
}

bool Worker::ask_where_it_is() {
  if (state_ != State::Starting) return false;
  process_.signal(SIGUSR2);
  return true;
}

void Worker::kill() {
  if (process_.is_running()) process_.signal(SIGKILL);
}

void Worker::fail(model::Failure failure) {
  if (!told_failure_) {
    told_failure_ = std::move(failure);
    is_presumed_ = true;
  }
  kill();
}

void Worker::worker_up(Hello hello) {
  if (state_ != State::Starting) return;
  if (const std::uint16_t port = hello.http_server_port; port != 0) {
    if (auto taken = check_listener(port, user_)) return fail(std::move(*taken));
  }
  hello_ = std::move(hello);
  state_ = State::Up;
  for (const std::string& warning : hello_.warnings)
    log_.warning("The agent was loaded with a warning", {{"warning", warning}});
  owner_.worker_loaded();
}

void Worker::load_failed(model::Failure failure) {
  told_failure_ = std::move(failure);
  // It exits by itself now; a worker that does not is not waited for.
  kill_timer_ = loop_.after(kWorkerTermGrace, [this] { process_.signal(SIGKILL); });
}

void Worker::protocol_broken(std::string message) {
  told_failure_ = model::make_failure(model::Cause::Internal, std::move(message), evidence());
  process_.signal(SIGKILL);
}

void Worker::call_told(std::uint64_t id, std::string event_json) {
  const auto found = calls_.find(id);
  if (found == calls_.end() || !found->second.on_event) return;
  // A copy: what is told may end the call.
  const auto on_event = found->second.on_event;
  on_event(std::move(event_json));
}

void Worker::call_ended(std::uint64_t id, CallResult result) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;  // cancelled meanwhile
  const auto on_result = std::move(found->second.on_result);
  calls_.erase(found);
  on_result(std::move(result));
}

void Worker::channel_closed(const std::string& reason) {
  if (!process_.is_running()) return;
  if (state_ != State::Stopping && !told_failure_)
    log_.warning("The connection to the agent's process ended", {{"reason", reason}});
  kill_timer_ = loop_.after(kWorkerTermGrace, [this] { process_.signal(SIGKILL); });
}

void Worker::process_ended(WorkerExit exit) {
  const bool was_stopping = state_ == State::Stopping;
  // Of its last words a failure and results count; a hello does not: nobody serves any more.
  state_ = State::Down;
  channel_->read_rest();
  term_timer_.cancel();
  kill_timer_.cancel();
  // Whoever found it silent did not know that it had ended before it could be killed.
  if (is_presumed_ && (exit.status.signal != SIGKILL || exit.out_of_memory)) told_failure_.reset();
  hello_ = {};
  fail_calls();
  loop_.delete_later(std::move(channel_));
  if (was_stopping) return owner_.worker_stopped();
  const auto lived = std::chrono::duration_cast<Millis>(loop_.clock().now() - started_at_);
  owner_.worker_lost(told_failure_ ? *told_failure_ : failure_of(exit), lived);
}

model::Failure Worker::failure_of(const WorkerExit& exit) const {
  if (exit.out_of_memory)
    return model::make_failure(model::Cause::OutOfMemory,
                               "The agent's process needed more memory than its limit and was "
                               "ended by the kernel",
                               last_words());
  if (exit.status.signal != 0)
    return model::make_failure(model::Cause::Signalled,
                               fmt::format("The agent's process was ended by signal {} ({})",
                                           exit.status.signal, signal_name(exit.status.signal)),
                               last_words());
  return model::make_failure(
      model::Cause::Exited,
      fmt::format("The agent's process ended by itself with code {}", exit.status.code),
      last_words());
}

// That it said nothing is evidence too.
std::vector<std::string> Worker::last_words() const {
  auto lines = evidence();
  if (lines.empty()) lines.emplace_back("it printed nothing");
  return lines;
}

void Worker::fail_calls() {
  const auto calls = std::exchange(calls_, {});
  for (const auto& [id, callbacks] : calls)
    callbacks.on_result({.outcome = CallResult::Outcome::AgentLost,
                         .text = "the agent's process ended during the call",
                         .is_text = true});
}

}  // namespace pixell::par
