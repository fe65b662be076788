#include "par/worker/agent.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "par/worker/sandbox.hpp"

namespace pixell::par {

Agent::Agent(net::EventLoop& loop, Children& children, net::HttpClient& client, AgentOwner& owner,
             Log log)
    : owner_(owner),
      log_(std::move(log)),
      context_{.loop = loop,
               .children = children,
               .client = client,
               .log = log_,
               .oom_kills = oom_kills_,
               .restart_timeout = {}} {}

Agent::~Agent() {
  slots_.clear();
  end_left_overs();
}

void Agent::start(AgentPlan plan) {
  own_user_ = plan.own_user;
  context_.restart_timeout = plan.restart_timeout;
  oom_kills_.take_new();  // those before are not ours
  for (int number = 0; number < plan.workers; ++number) {
    WorkerSlotOwner& self = *this;
    slots_.push_back(std::make_unique<WorkerSlot>(
        context_, number, [make = plan.make_plan, number] { return make(number); }, self));
    slots_.back()->start();
  }
}

void Agent::tell_ready() {
  is_live_ = true;
  for (const auto& slot : slots_)
    if (slot->is_up()) slot->worker().tell_ready();
}

// The number of a call's worker is in its id.
Result<std::uint64_t> Agent::execute(const AgentCall& call,
                                     std::function<void(CallResult)> on_result,
                                     std::function<void(std::string)> on_event) {
  if (!is_up()) return make_error(ErrorCode::Unavailable, "the agent's process is not running");
  const std::size_t number = next_number();
  TRY(const std::uint64_t id,
      slots_[number]->worker().execute(call, std::move(on_result), std::move(on_event)));
  last_claimed_ = number;
  return id * slots_.size() + number;
}

void Agent::credit(std::uint64_t id, int events) {
  slots_[id % slots_.size()]->worker().credit(id / slots_.size(), events);
}

void Agent::cancel(std::uint64_t id) {
  slots_[id % slots_.size()]->worker().cancel(id / slots_.size());
}

const WorkerSlot& Agent::claim() {
  last_claimed_ = next_number();
  slots_[last_claimed_]->claim();
  return *slots_[last_claimed_];
}

// The least busy one; among equals the next in turn.
std::size_t Agent::next_number() const {
  std::size_t best = slots_.size();
  for (std::size_t step = 1; step <= slots_.size(); ++step) {
    const std::size_t number = (last_claimed_ + step) % slots_.size();
    if (!slots_[number]->is_up()) continue;
    if (best == slots_.size() || slots_[number]->busy() < slots_[best]->busy()) best = number;
  }
  return best;
}

void Agent::hold() {
  is_held_ = true;
  for (const auto& slot : slots_) slot->cancel_start();
}

void Agent::stop(Millis grace) {
  hold();
  for (const auto& slot : slots_) slot->worker().stop(grace);
}

void Agent::kill() {
  for (const auto& slot : slots_) {
    slot->cancel_start();
    slot->worker().kill();
  }
}

bool Agent::ask_where_it_is() {
  bool is_asked = false;
  for (const auto& slot : slots_) is_asked |= slot->worker().ask_where_it_is();
  return is_asked;
}

bool Agent::is_running() const {
  return std::ranges::any_of(slots_, [](const auto& slot) { return slot->is_running(); });
}

int Agent::workers_up() const {
  return static_cast<int>(
      std::ranges::count_if(slots_, [](const auto& slot) { return slot->is_up(); }));
}

int Agent::restarts() const {
  int restarts = 0;
  for (const auto& slot : slots_) restarts += slot->restarts();
  return restarts;
}

std::vector<std::string> Agent::evidence() const {
  std::vector<std::string> lines;
  for (const auto& slot : slots_)
    if (lines.empty() || !slot->is_up())
      if (auto told = slot->worker().evidence(); !told.empty()) lines = std::move(told);
  return lines;
}

std::vector<pid_t> Agent::pids() const {
  std::vector<pid_t> pids;
  for (const auto& slot : slots_)
    if (const pid_t pid = slot->worker().pid(); pid > 0) pids.push_back(pid);
  return pids;
}

void Agent::slot_loaded() {
  if (was_up_ || has_failed_ || ++loaded_ < workers()) return;
  hello_ = slots_.front()->worker().hello();
  owner_.agent_loaded();
}

void Agent::slot_up(WorkerSlot& slot) {
  if (is_live_) slot.worker().tell_ready();
  if (was_up_) {
    log_.info(
        "The agent's process is back",
        {{"worker", slot.number()}, {"pid", slot.worker().pid()}, {"restarts", slot.restarts()}});
    if (workers_up() == 1) owner_.agent_up();
    return;
  }
  if (has_failed_ || workers_up() < workers()) return;
  was_up_ = true;
  owner_.agent_up();
}

void Agent::slot_lost(WorkerSlot& slot, model::Failure failure, Millis lived) {
  if (!is_running()) end_left_overs();
  if (!was_up_) {
    if (!std::exchange(has_failed_, true)) owner_.agent_failed(std::move(failure));
    return;
  }
  const auto pause = is_held_ ? std::nullopt : std::optional(slot.start_again(lived));
  log_death(slot, failure, lived, pause);
  owner_.worker_died();
}

void Agent::slot_stopped() {
  if (is_running()) return;
  end_left_overs();
  owner_.agent_stopped();
}

void Agent::log_death(const WorkerSlot& slot, const model::Failure& failure, Millis lived,
                      std::optional<Millis> pause) const {
  const std::string evidence = nlohmann::json(failure.evidence)
                                   .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  std::vector<LogField> fields = {{"worker", slot.number()},
                                  {"cause", to_string(failure.cause)},
                                  {"message", failure.message},
                                  {"evidence", LogValue::raw_json(evidence)},
                                  {"lived_ms", lived.count()}};
  if (pause) fields.push_back({"restart_in_ms", pause->count()});
  log_.line(LogLevel::Error, "The agent's process died", fields);
}

// What has left the workers' groups is still of the agent's user, when that is its alone.
void Agent::end_left_overs() const {
  if (own_user_) kill_left_overs(*own_user_);
}

}  // namespace pixell::par
