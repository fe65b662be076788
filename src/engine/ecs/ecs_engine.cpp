#include "engine/ecs/ecs_engine.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/ecs/ecs_engine_impl.hpp"
#include "engine/ecs/installation.hpp"

namespace pixell::engine::ecs {

using model::InstancePhase;

EcsEngine::EcsEngine(const EcsOptions& options, const std::string& installation)
    : settings_(options.settings),
      names_(installation, options.settings.prefixes),
      clock_(options.clock),
      log_(options.log.with("engine", "ecs")),
      cadence_(options.cadence),
      limiter_(options.clock, aws::published_rate),
      aws_(options.outside, options.environment, &limiter_),
      book_(options.state_dir / "ecs"),
      journal_(options.state_dir / "ecs" / "journal", log_),
      sync_(aws_, journal_, settings_, names_),
      discovery_(aws_, journal_, settings_, names_),
      removal_({.aws = aws_, .journal = journal_, .clock = clock_}, settings_, names_),
      usage_(options.outside.fetch) {
  if (settings_.routing != Routing::Alb || options.rules == nullptr) return;
  placer_.emplace(aws_, *options.rules, settings_);
  traffic_.emplace(
      AlbTraffic::Parts{
          .aws = aws_, .journal = journal_, .book = *options.rules, .clock = clock_, .log = log_},
      settings_, names_);
}

Capabilities EcsEngine::capabilities() {
  Capabilities can;
  can.name = "ecs";
  can.own_users = true;  // a task is a machine of its own
  can.memory_limits = true;
  can.cpu_limits = true;
  can.max_revisions = kSlots;
  can.notes.push_back(
      "an app runs two revisions at most: a warm one is stopped when a third one starts");
  return can;
}

Result<void> EcsEngine::load() {
  const std::lock_guard lock(mutex_);
  if (is_loaded_) return {};
  TRY_VOID(book_.load());
  is_loaded_ = true;
  return {};
}

Result<InstanceRecord> EcsEngine::known(std::string_view instance_id) const {
  const std::string id(instance_id);
  TRY_VOID(model::check_app_id(id));  // it is a file's name
  auto record = book_.find(id);
  if (record) return std::move(*record);
  return make_error(ErrorCode::NotFound, fmt::format("there is no instance {}", id));
}

void EcsEngine::changed() {
  const std::lock_guard lock(mutex_);
  ++position_;
  woken_.notify_all();
}

void EcsEngine::set_listed(const std::string& instance_id, bool is_listed) {
  const std::lock_guard lock(mutex_);
  if (is_listed)
    unproven_.erase(instance_id);
  else
    unproven_.insert(instance_id);
}

std::shared_ptr<TaskLog> EcsEngine::task_log(const std::string& instance_id) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<TaskLog>& log = logs_[instance_id];
  if (!log) log = std::make_shared<TaskLog>(book_.directory_of(instance_id));
  return log;
}

std::shared_ptr<std::mutex> EcsEngine::app_mutex(const std::string& app_id) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<std::mutex>& mutex = app_mutexes_[app_id];
  if (!mutex) mutex = std::make_shared<std::mutex>();
  return mutex;
}

// ------------------------------------------------------------------------------------- looking

bool EcsEngine::is_due() const {
  const bool moves = is_in_motion();
  const std::lock_guard lock(mutex_);
  return !looked_at_ || clock_.now() - *looked_at_ >= (moves ? cadence_.motion : cadence_.idle);
}

Result<void> EcsEngine::look_if_due(const std::stop_token& stop) {
  TRY_VOID(load());
  if (is_due()) {
    const std::lock_guard one(look_mutex_);
    // Somebody else may have looked meanwhile.
    if (is_due()) TRY_VOID(look(stop));
  }
  const std::lock_guard lock(mutex_);
  return failure_ ? Result<void>(*failure_) : Result<void>();
}

Result<std::vector<model::Instance>> EcsEngine::list() {
  TRY_VOID(look_if_due());
  std::vector<model::Instance> instances;
  const std::vector<InstanceRecord> records = book_.instances();
  const std::lock_guard lock(mutex_);
  for (const InstanceRecord& each : records)
    if (!unproven_.contains(each.spec.id)) instances.push_back(view_of(each));
  return instances;
}

Result<model::Instance> EcsEngine::inspect(std::string_view instance_id) {
  TRY_VOID(look_if_due());
  TRY(const InstanceRecord record, known(instance_id));
  return view_of(record);
}

Result<model::InstanceUsage> EcsEngine::usage(std::string_view instance_id) {
  TRY_VOID(load());
  TRY(const InstanceRecord record, known(instance_id));
  if (record.end || record.task.empty()) return does_not_run(instance_id);
  if (record.address.empty())
    return Error{.code = ErrorCode::Unavailable,
                 .message = fmt::format("the instance {} has no address yet", instance_id),
                 .retry = Retry::Later};
  return usage_.read(record.address);
}

LogStream EcsEngine::log_stream(const InstanceRecord& record) const {
  if (record.task.empty()) return {.group = settings_.log_group, .name = {}};
  return {.group = settings_.log_group,
          .name = fmt::format("{}/{}/{}", names_.app(record.spec.app_id), kContainer,
                              task_id(record.task))};
}

Result<LogPiece> EcsEngine::read_log(std::string_view instance_id, const LogRange& range) {
  TRY_VOID(load());
  TRY(const InstanceRecord record, known(instance_id));
  const bool is_complete =
      record.end && clock_.unix_now() - record.end->changed_at > cadence_.log_lag.count();
  return task_log(record.spec.id)->read(aws_, log_stream(record), is_complete, range);
}

Result<std::int64_t> EcsEngine::wait_for_change(std::int64_t after, Millis timeout,
                                                std::stop_token stop) {
  TRY_VOID(load());
  const Instant end = clock_.now() + timeout;
  while (true) {
    const Millis pause = is_in_motion() ? cadence_.motion : cadence_.idle;
    std::unique_lock lock(mutex_);
    if (position_ != after || stop.stop_requested() || clock_.now() >= end) return position_;
    const Instant look_at = looked_at_ ? *looked_at_ + pause : clock_.now();
    if (look_at <= clock_.now() && !is_waiter_looking_) {
      is_waiter_looking_ = true;
      lock.unlock();
      auto looked = look_if_due(stop);
      lock.lock();
      is_waiter_looking_ = false;
      woken_.notify_all();
      if (!looked && !stop.stop_requested()) return std::move(looked).error();
      continue;
    }
    const Instant until = is_waiter_looking_ ? end : std::min(end, look_at);
    const bool was_looking = is_waiter_looking_;
    woken_.wait_for(lock, stop, std::max<Instant::duration>(until - clock_.now(), Millis(1)),
                    [&] { return position_ != after || is_waiter_looking_ != was_looking; });
  }
}

// ------------------------------------------------------------------------------------- changing

namespace {

Error another_spec(const InstanceSpec& spec) {
  return make_error(ErrorCode::AlreadyExists,
                    fmt::format("the instance {} is there with another spec", spec.id));
}

// A quota, or no load balancer with room: waiting changes nothing, somebody has to do what the
// error says.
model::Instance never_started(const InstanceRecord& record, const Error& error) {
  model::Instance seen = view_of(record);
  seen.phase = InstancePhase::Failed;
  seen.started_at = 0;
  seen.boot_report = model::BootReport{};
  seen.boot_report->failure = model::make_failure(model::Cause::EngineFailed, error.message);
  return seen;
}

// Of one that was found by its task's tags nothing else is known.
bool is_same(const InstanceRecord& record, const InstanceSpec& spec) {
  if (record.is_found)
    return record.spec.app_id == spec.app_id && record.spec.revision == spec.revision;
  return record.spec == spec;
}

}  // namespace

Result<model::Instance> EcsEngine::ensure(const InstanceSpec& spec) {
  TRY_VOID(model::check_app_id(spec.id));
  TRY_VOID(model::check_app_id(spec.app_id));
  TRY_VOID(load());
  const auto mutex = app_mutex(spec.app_id);
  const std::lock_guard lock(*mutex);
  auto record = book_.find(spec.id);
  if (record && !is_same(*record, spec)) return another_spec(spec);
  const bool is_new = !record;
  if (is_new) {
    TRY(const Slot slot, choose_slot(spec.app_id, spec.revision, book_.uses(spec.app_id)));
    const UnixMillis now = clock_.unix_now();
    record = InstanceRecord{.spec = spec, .slot = slot, .recorded_at = now};
    record->changed_at = now;
    set_listed(spec.id, false);
    if (auto kept = book_.keep(*record); !kept) {
      set_listed(spec.id, true);
      return std::move(kept).error();
    }
  } else if (record->is_found) {
    record->spec = spec;
    record->is_found = false;
    TRY_VOID(book_.keep(*record));
  }
  if (!record->is_wanted()) return view_of(*record);
  auto brought = bring(spec.app_id, record->slot, nullptr, {});
  // Nothing is kept of one that AWS will never start; its service may still have been told.
  const bool is_kept = !is_new || brought || brought.error().retry == Retry::Later;
  auto forgotten = is_kept ? Result<void>() : book_.forget(spec.id);
  if (is_new) {
    set_listed(spec.id, true);
    changed();
  }
  TRY_VOID(std::move(forgotten));
  if (!is_kept && brought.error().code == ErrorCode::ResourceExhausted)
    return never_started(*record, brought.error());
  if (!brought) return std::move(brought).error();
  return view_of(*record);
}

Result<void> EcsEngine::stop(std::string_view instance_id, Millis grace) {
  TRY_VOID(load());
  auto found = known(instance_id);
  if (!found && found.error().code == ErrorCode::NotFound) return {};
  if (!found) return std::move(found).error();
  const auto mutex = app_mutex(found->spec.app_id);
  const std::lock_guard lock(*mutex);
  auto record = book_.find(found->spec.id);
  if (!record || record->end) return {};
  const UnixMillis now = clock_.unix_now();
  const Millis bounded = std::clamp(grace, Millis(0), kMaxGrace);
  // Nothing to be patient for when there is no grace.
  const Millis patience = bounded > Millis(0) ? cadence_.stop_patience : Millis(0);
  const UnixMillis deadline = now + (bounded + patience).count();
  if (record->stop && record->stop->deadline <= deadline) return {};
  record->stop = AskedStop{.requested_at = record->stop ? record->stop->requested_at : now,
                           .deadline = deadline,
                           .is_forced = record->stop && record->stop->is_forced};
  if (record->changed_at < record->stop->requested_at)
    record->changed_at = record->stop->requested_at;
  TRY_VOID(book_.keep(*record));
  changed();
  // It is recorded: what AWS does not take now, the next look says again.
  auto told = bring(record->spec.app_id, record->slot, nullptr, {});
  if (told) told = force_stops(record->spec.app_id, {});
  if (!told)
    log_.warning("AWS was not told of a stop yet",
                 {{"instance", record->spec.id}, {"error", told.error().message}});
  return {};
}

Result<void> EcsEngine::remove(std::string_view instance_id) {
  TRY_VOID(load());
  auto found = known(instance_id);
  if (!found && found.error().code == ErrorCode::NotFound) return {};
  if (!found) return std::move(found).error();
  const auto mutex = app_mutex(found->spec.app_id);
  const std::lock_guard lock(*mutex);
  const auto record = book_.find(found->spec.id);
  if (!record) return {};
  if (!record->end)
    return make_error(ErrorCode::FailedPrecondition,
                      fmt::format("the instance {} runs; stop it first", instance_id));
  TRY_VOID(book_.forget(record->spec.id));
  {
    const std::lock_guard own(mutex_);
    logs_.erase(record->spec.id);
  }
  changed();
  return {};
}

// What the services were told is forgotten first: nobody compares them with it while they go.
Result<bool> EcsEngine::forget_app(std::string_view app_id) {
  TRY_VOID(model::check_app_id(app_id));
  TRY_VOID(load());
  const std::string id(app_id);
  const auto mutex = app_mutex(id);
  const std::lock_guard lock(*mutex);
  if (!book_.instances(id).empty())
    return make_error(ErrorCode::FailedPrecondition,
                      fmt::format("{} has instances; stop and remove them first", app_id));
  {
    const std::lock_guard own(mutex_);
    const auto before = removed_at_.find(id);
    if (before != removed_at_.end() && clock_.now() - before->second < cadence_.forget)
      return false;
    removed_at_.insert_or_assign(id, clock_.now());
  }
  if (auto scaling = book_.scaling(id)) {
    scaling->report.reset();
    TRY_VOID(bring_targets(*scaling, {}));
    const std::lock_guard own(mutex_);
    told_scalings_.erase(id);
  }
  TRY_VOID(book_.forget_slots(id));
  TRY(const Removed removed, removal_.remove(id));
  if (!removed.is_done) {
    log_.info("An app is not gone yet", {{"app", app_id}, {"waits_for", removed.waits_for}});
    return false;
  }
  const std::lock_guard own(mutex_);
  removed_at_.erase(id);
  return true;
}

}  // namespace pixell::engine::ecs

namespace pixell::engine {

Result<std::unique_ptr<Engine>> make_ecs_engine(const EcsOptions& options) {
  if (!options.state_dir.is_absolute())
    return make_error(ErrorCode::InvalidArgument, "the state directory needs an absolute path");
  TRY(const std::string installation,
      ecs::ensure_installation(options.state_dir, options.settings, options.clock));
  return std::unique_ptr<Engine>(std::make_unique<ecs::EcsEngine>(options, installation));
}

}  // namespace pixell::engine
