#include "reconcile/loop.hpp"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <thread>
#include <variant>

#include "base/fair_pool.hpp"
#include "base/ids.hpp"
#include "reconcile/app_schedule.hpp"
#include "reconcile/instance_rows.hpp"
#include "reconcile/observer.hpp"
#include "reconcile/planner.hpp"

namespace pixell::reconcile {

namespace {

constexpr std::string_view kLeaseName = "reconciler";

}  // namespace

struct Reconciler::Impl {
  Impl(const ReconcilerParts& given, ReconcilerOptions wanted)
      : parts(given),
        options(std::move(wanted)),
        rows(parts.store),
        executor({.store = parts.store,
                  .engine = parts.engine,
                  .importer = parts.importer,
                  .rows = rows,
                  .clock = parts.clock,
                  .log = parts.log,
                  .options = options.instances}),
        observer(parts.store, parts.engine, parts.signals, rows, parts.clock) {
    if (options.holder.empty()) options.holder = new_ulid(parts.clock.unix_now());
  }

  Result<void> start();
  void stop();
  void mark_due(const std::string& app_id);
  void mark_waiting();
  void mark_all();

  void schedule(std::stop_token stop);
  void watch_store(std::stop_token stop);
  void watch_engine(std::stop_token stop);
  void renew_lease();
  Result<void> close_interrupted_steps();

  void run_pass(const std::string& app_id);
  Result<Plan> pass(const std::string& app_id);
  void begin_import(const model::AgentApp& app, const ImportPackage& step);
  void end_import(const std::string& app_id, const std::string& deployment_id, bool is_ok);
  void end_pass(const std::string& app_id, const Result<Plan>& result,
                std::uint64_t seen_edge_turn);

  ReconcilerParts parts;
  ReconcilerOptions options;
  InstanceRows rows;
  Executor executor;
  Observer observer;
  store::Lease lease;
  std::stop_source stopping;

  std::mutex mutex;  // guards everything below
  std::condition_variable_any wake;
  std::map<std::string, AppSchedule> apps;
  std::set<std::string> importing;                  // deployments whose import runs
  std::uint64_t turn = 0;                           // grows with everything schedule() must look at
  std::uint64_t edge_turn = 0;                      // grows with each word of the edges
  std::minstd_rand random{std::random_device{}()};  // spreads back-off, guards nothing
  bool holds_lease = false;
  Instant next_resync{};  // when every app is due next
  Instant next_renewal{};

  std::unique_ptr<FairPool> passes;   // set by start(); each org is served in turn
  std::unique_ptr<FairPool> imports;  // set by start()
  std::vector<std::jthread> threads;
};

Reconciler::Reconciler(const ReconcilerParts& parts, ReconcilerOptions options)
    : impl_(std::make_unique<Impl>(parts, std::move(options))) {}

Reconciler::~Reconciler() { stop(); }

Result<void> Reconciler::start() { return impl_->start(); }

void Reconciler::wake() { impl_->mark_waiting(); }

void Reconciler::stop() { impl_->stop(); }

Result<void> Reconciler::Impl::start() {
  TRY(lease,
      parts.store.acquire_lease(kLeaseName, options.holder, kLeaseLife, options.takes_lease_over));
  executor.set_token(lease.token);
  rows.set_token(lease.token);
  TRY_VOID(close_interrupted_steps());
  holds_lease = true;
  next_renewal = parts.clock.now() + kLeaseRenewal;
  passes = std::make_unique<FairPool>(options.pass_threads);
  imports = std::make_unique<FairPool>(options.import_threads);
  const std::stop_token token = stopping.get_token();
  threads.emplace_back([this, token] { watch_engine(token); });
  threads.emplace_back([this, token] { watch_store(token); });
  threads.emplace_back([this, token] { schedule(token); });
  return {};
}

// The next pass plans what they left undone; here they only get an end.
Result<void> Reconciler::Impl::close_interrupted_steps() {
  TRY(const auto open, parts.store.open_steps());
  const Error interrupted = make_error(ErrorCode::Aborted, "interrupted by a restart");
  for (const store::StepRecord& step : open) {
    parts.log.info("Interrupted step found", {{"step", step.key}, {"app", step.app_id}});
    TRY_VOID(parts.store.finish_step(step.key, &interrupted, lease.token));
  }
  return {};
}

void Reconciler::Impl::stop() {
  stopping.request_stop();
  wake.notify_all();
  threads.clear();  // joins
  if (passes) passes->stop();
  if (imports) imports->stop();
}

void Reconciler::Impl::mark_due(const std::string& app_id) {
  {
    std::lock_guard lock(mutex);
    apps[app_id].is_due = true;
    ++turn;
  }
  wake.notify_all();
}

void Reconciler::Impl::mark_waiting() {
  {
    std::lock_guard lock(mutex);
    for (auto& [id, state] : apps) state.is_due = state.is_due || state.awaits_edges;
    ++edge_turn;
    ++turn;
  }
  wake.notify_all();
}

void Reconciler::Impl::mark_all() {
  const auto known = parts.store.apps({});
  if (!known) {
    parts.log.warning("Apps cannot be listed", {{"error", known.error().message}});
    std::lock_guard lock(mutex);
    next_resync = parts.clock.now() + kEngineRetry;
    ++turn;
    wake.notify_all();
    return;
  }
  {
    std::lock_guard lock(mutex);
    for (const model::AgentApp& app : *known) {
      AppSchedule& state = apps[app.id];
      state.org = app.org;
      state.is_due = true;
    }
    ++turn;
  }
  wake.notify_all();
}

// Finds due apps and hands them to the pool; sleeps until the next one is.
void Reconciler::Impl::schedule(std::stop_token stop) {
  std::unique_lock lock(mutex);
  while (!stop.stop_requested()) {
    const std::uint64_t seen = turn;
    const Instant now = parts.clock.now();
    if (now >= next_resync) {
      next_resync = now + kResyncEvery;
      lock.unlock();
      mark_all();
      lock.lock();
    }
    if (now >= next_renewal) {
      next_renewal = now + kLeaseRenewal;
      lock.unlock();
      renew_lease();
      lock.lock();
    }
    Instant next = std::min(next_resync, next_renewal);
    for (auto& [id, state] : apps) {
      if (state.is_busy || !holds_lease) continue;
      if (!state.is_due && !(state.due_at && *state.due_at <= now)) {
        if (state.due_at) next = std::min(next, *state.due_at);
        continue;
      }
      state.is_busy = true;
      state.is_due = false;
      state.due_at.reset();
      if (!passes->submit(state.org, [this, app_id = id] { run_pass(app_id); })) {
        state.is_busy = false;
        state.due_at = now + kPassBackoff;
        next = std::min(next, *state.due_at);
      }
    }
    const auto pause = std::chrono::ceil<Millis>(next - parts.clock.now());
    wake.wait_for(lock, stop, std::max(pause, Millis(1)), [&] { return turn != seen; });
  }
}

void Reconciler::Impl::renew_lease() {
  auto renewed = parts.store.renew_lease(lease, kLeaseLife);
  if (renewed) {
    lease = std::move(*renewed);
    return;
  }
  if (renewed.error().code == ErrorCode::Aborted) {
    parts.log.error("Reconciling stopped: the lease was taken by another process");
    std::lock_guard lock(mutex);
    holds_lease = false;
    return;
  }
  parts.log.warning("Lease not renewed", {{"error", renewed.error().message}});
}

void Reconciler::Impl::watch_store(std::stop_token stop) {
  std::int64_t position = 0;
  if (const auto last = parts.store.last_event()) position = *last;
  mark_all();
  while (!stop.stop_requested()) {
    const auto last = parts.store.wait_for_change(position, kChangeWait, stop);
    if (!last) {
      parts.log.warning("Changes cannot be awaited", {{"error", last.error().message}});
      std::unique_lock lock(mutex);
      wake.wait_for(lock, stop, kEngineRetry, [] { return false; });
      continue;
    }
    if (*last <= position) continue;
    const auto events = parts.store.events({.after = position, .limit = kEventBatch});
    if (!events) {
      parts.log.warning("Changes cannot be read", {{"error", events.error().message}});
      position = *last;
      mark_all();
      continue;
    }
    std::set<std::string> changed;
    for (const store::Event& event : *events) {
      position = event.sequence;
      if (!event.app_id.empty()) changed.insert(event.app_id);
    }
    for (const std::string& app_id : changed) mark_due(app_id);
  }
}

void Reconciler::Impl::watch_engine(std::stop_token stop) {
  std::int64_t position = 0;
  bool is_regained = true;  // the first look counts as one after a loss
  bool is_first = true;
  while (!stop.stop_requested()) {
    // The first look does not wait for a change: there may be none.
    auto change = is_regained ? Result<std::int64_t>(position)
                              : parts.engine.wait_for_change(position, kChangeWait, stop);
    if (stop.stop_requested()) return;
    Result<std::vector<std::string>> strange = std::vector<std::string>();
    if (change) {
      position = *change;
      strange = observer.look();
    }
    if (!change || !strange) {
      const Error& error = change ? strange.error() : change.error();
      if (observer.lose_sight(error.message) || is_first)
        parts.log.warning("Engine does not answer", {{"error", error.message}});
      is_first = false;
      is_regained = true;
      position = 0;  // a restarted engine may count anew
      std::unique_lock lock(mutex);
      wake.wait_for(lock, stop, kEngineRetry, [] { return false; });
      continue;
    }
    for (const std::string& app_id : *strange) mark_due(app_id);
    if (is_regained) mark_all();
    is_regained = false;
    is_first = false;
  }
}

void Reconciler::Impl::run_pass(const std::string& app_id) {
  std::uint64_t seen = 0;
  {
    std::lock_guard lock(mutex);
    seen = edge_turn;
  }
  end_pass(app_id, pass(app_id), seen);
}

// One look at an app and the steps it needs. Returns the plan that was carried out.
Result<Plan> Reconciler::Impl::pass(const std::string& app_id) {
  TRY(AppView view, observer.view_of(app_id));
  {
    std::lock_guard lock(mutex);
    apps[app_id].org = view.app.org;
  }
  const UnixMillis now = parts.clock.unix_now();
  view.edges_applied = parts.edges.all_applied(app_id, view.route.generation, now);
  view.traffic_lags = parts.edges.lags_behind(app_id, view.route.generation);
  Plan planned = plan(view, now);
  for (const Step& step : planned.steps) {
    if (stopping.stop_requested()) return make_error(ErrorCode::Cancelled, "stopping");
    if (const auto* import_step = std::get_if<ImportPackage>(&step)) {
      begin_import(view.app, *import_step);
      continue;
    }
    if (auto done = executor.run(view.app, step, stopping.get_token()); !done) {
      if (done.error().code != ErrorCode::Aborted)
        parts.log.warning("Step failed", {{"app", app_id},
                                          {"step", name_of(step)},
                                          {"error", done.error().message},
                                          {"detail", done.error().detail}});
      return std::move(done).error();
    }
  }
  std::erase_if(planned.steps,
                [](const Step& step) { return std::holds_alternative<ImportPackage>(step); });
  return planned;
}

// Imports take long and must not keep the app from being repaired meanwhile.
void Reconciler::Impl::begin_import(const model::AgentApp& app, const ImportPackage& step) {
  {
    std::lock_guard lock(mutex);
    if (!importing.insert(step.deployment_id).second) return;
  }
  const auto job = [this, app, step] {
    const auto done = executor.run(app, step, stopping.get_token());
    if (!done && done.error().code != ErrorCode::Cancelled)
      parts.log.warning("Import step failed", {{"app", app.id}, {"error", done.error().message}});
    end_import(app.id, step.deployment_id, done.has_value());
  };
  if (!imports->submit(app.org, job)) end_import(app.id, step.deployment_id, false);
}

void Reconciler::Impl::end_import(const std::string& app_id, const std::string& deployment_id,
                                  bool is_ok) {
  {
    std::lock_guard lock(mutex);
    importing.erase(deployment_id);
    apps[app_id].due_at = parts.clock.now() + (is_ok ? Millis(0) : kImportRetry);
    ++turn;
  }
  wake.notify_all();
}

void Reconciler::Impl::end_pass(const std::string& app_id, const Result<Plan>& result,
                                std::uint64_t seen_edge_turn) {
  std::lock_guard lock(mutex);
  AppSchedule& state = apps[app_id];
  state.is_busy = false;
  const Instant now = parts.clock.now();
  const auto look_at = [&](Instant at) {
    if (!state.due_at || at < *state.due_at) state.due_at = at;
  };
  if (result) {
    state.failures = 0;
    state.awaits_edges = result->awaits_edges;
    // An edge may have spoken after the pass had asked.
    if (state.awaits_edges && edge_turn != seen_edge_turn) state.is_due = true;
    std::vector<std::string> steps;
    for (const Step& step : result->steps) steps.push_back(describe(step));
    // Done steps change what is to be planned; the last plan of a row of passes is empty. The same
    // steps again wait for the engine to show their effect.
    if (!steps.empty() && steps != state.last_steps) state.is_due = true;
    if (!steps.empty() && steps == state.last_steps) look_at(now + kSameStepsPause);
    state.last_steps = std::move(steps);
    if (result->look_again_at)
      look_at(now +
              Millis(std::max<UnixMillis>(*result->look_again_at - parts.clock.unix_now(), 1)));
  } else if (result.error().code != ErrorCode::Cancelled) {
    ++state.failures;
    look_at(now + pass_backoff(state.failures, random));
  }
  ++turn;
  wake.notify_all();
}

}  // namespace pixell::reconcile
