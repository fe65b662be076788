#include "engine/fake/fake_engine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <csignal>

#include "engine/log_piece.hpp"

namespace pixell::engine {

namespace {

using model::InstancePhase;

// How often a waiter looks whether time alone has changed something.
constexpr Millis kLook{5};

std::optional<std::int64_t> number_of(const InstanceSpec& spec, const char* name) {
  const auto found = spec.environment.find(name);
  if (found == spec.environment.end()) return std::nullopt;
  std::int64_t value = 0;
  const std::string& text = found->second;
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (wrong != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Error unknown(std::string_view instance_id) {
  return make_error(ErrorCode::NotFound, fmt::format("there is no instance '{}'", instance_id));
}

bool has_ended(const model::Instance& instance) {
  return instance.phase == InstancePhase::Stopped || instance.phase == InstancePhase::Failed;
}

}  // namespace

Capabilities FakeEngine::capabilities() {
  return {.name = "fake", .notes = {"Nothing runs: instances exist in memory only."}};
}

std::optional<InstanceSpec> FakeEngine::spec_of(std::string_view instance_id) {
  std::lock_guard lock(mutex_);
  const auto found = records_.find(instance_id);
  return found == records_.end() ? std::nullopt : std::optional(found->second.spec);
}

void FakeEngine::changed() {
  std::lock_guard lock(mutex_);
  ++position_;
  changed_.notify_all();
}

Result<void> FakeEngine::check_present() const {
  if (!is_away_) return {};
  return Error{
      .code = ErrorCode::Unavailable, .message = "the fake engine is away", .retry = Retry::Later};
}

Result<model::Instance> FakeEngine::ensure(const InstanceSpec& spec) {
  std::unique_lock lock(mutex_);
  TRY_VOID(check_present());
  if (const auto delay = number_of(spec, kFakeEnsureDelay)) {
    const UnixMillis due = clock_.unix_now() + *delay;
    while (clock_.unix_now() < due) changed_.wait_for(lock, kLook);
    TRY_VOID(check_present());
  }
  const UnixMillis now = clock_.unix_now();
  if (auto found = records_.find(spec.id); found != records_.end()) {
    if (!(found->second.spec == spec))
      return make_error(ErrorCode::AlreadyExists,
                        fmt::format("instance '{}' exists with another specification", spec.id));
    progress(found->second, now);
    return found->second.instance;
  }
  if (const auto refused = spec.environment.find(kFakeRefused); refused != spec.environment.end())
    return make_error(ErrorCode::InvalidArgument, refused->second);
  Record& record = records_.emplace(spec.id, Record{.spec = spec, .instance = {}}).first->second;
  record.instance.id = spec.id;
  record.instance.app_id = spec.app_id;
  record.instance.revision = spec.revision;
  record.instance.address = "unix:/fake/" + spec.id + "/par.sock";
  record.instance.boot_phase = "fetch";
  record.instance.started_at = now;
  show(record, InstancePhase::Starting, now);
  if (spec.environment.contains(kFakeLostReply))
    return Error{.code = ErrorCode::Unavailable,
                 .message = "the fake engine lost its reply",
                 .retry = Retry::Later};
  return record.instance;
}

Result<void> FakeEngine::stop(std::string_view instance_id, Millis grace) {
  std::lock_guard lock(mutex_);
  TRY_VOID(check_present());
  const auto found = records_.find(instance_id);
  if (found == records_.end()) return {};
  Record& record = found->second;
  const UnixMillis now = clock_.unix_now();
  progress(record, now);
  if (has_ended(record.instance)) return {};
  const UnixMillis forced_at = now + std::max(grace, Millis(0)).count();
  if (record.stops_at) {  // again: only a nearer end by force has an effect
    if (forced_at < *record.stops_at) {
      record.stops_at = forced_at;
      record.ends_by_force = true;
    }
    return {};
  }
  const auto drained_at = now + number_of(record.spec, kFakeStopDelay).value_or(0);
  record.ends_by_force = record.spec.environment.contains(kFakeStopHangs) || drained_at > forced_at;
  record.stops_at = record.ends_by_force ? forced_at : drained_at;
  show(record, InstancePhase::Draining, now);
  return {};
}

Result<void> FakeEngine::remove(std::string_view instance_id) {
  std::lock_guard lock(mutex_);
  TRY_VOID(check_present());
  const auto found = records_.find(instance_id);
  if (found == records_.end()) return {};
  progress(found->second, clock_.unix_now());
  if (!has_ended(found->second.instance))
    return make_error(ErrorCode::FailedPrecondition,
                      fmt::format("instance '{}' runs: stop it first", instance_id));
  records_.erase(found);
  ++position_;
  changed_.notify_all();
  return {};
}

Result<bool> FakeEngine::forget_app(std::string_view app_id) {
  std::lock_guard lock(mutex_);
  TRY_VOID(check_present());
  if (forgetting_ > 0) {
    --forgetting_;
    return false;
  }
  forgotten_.emplace_back(app_id);
  return true;
}

void FakeEngine::set_forgetting(int calls) {
  std::lock_guard lock(mutex_);
  forgetting_ = calls;
}

std::vector<std::string> FakeEngine::forgotten() {
  std::lock_guard lock(mutex_);
  return forgotten_;
}

Result<std::vector<model::Instance>> FakeEngine::list() {
  std::lock_guard lock(mutex_);
  TRY_VOID(check_present());
  progress_all();
  std::vector<model::Instance> instances;
  for (const auto& [id, record] : records_) instances.push_back(record.instance);
  return instances;
}

Result<model::Instance> FakeEngine::inspect(std::string_view instance_id) {
  std::lock_guard lock(mutex_);
  TRY_VOID(check_present());
  const auto found = records_.find(instance_id);
  if (found == records_.end()) return unknown(instance_id);
  progress(found->second, clock_.unix_now());
  return found->second.instance;
}

// Nothing runs; it says what a small process would use.
Result<model::InstanceUsage> FakeEngine::usage(std::string_view instance_id) {
  TRY(const model::Instance instance, inspect(instance_id));
  if (has_ended(instance)) return does_not_run(instance_id);
  return model::InstanceUsage{.cpu_seconds = 0, .memory_bytes = 1 << 20, .threads = 1};
}

Result<LogPiece> FakeEngine::read_log(std::string_view instance_id, const LogRange& range) {
  TRY(const model::Instance instance, inspect(instance_id));
  std::lock_guard lock(mutex_);
  const auto found = records_.find(instance_id);
  if (found == records_.end()) return unknown(instance_id);  // removed meanwhile
  return cut_log(found->second.log, 0, range);
}

Result<std::int64_t> FakeEngine::wait_for_change(std::int64_t after, Millis timeout,
                                                 std::stop_token stop) {
  std::unique_lock lock(mutex_);
  TRY_VOID(check_present());
  for (Millis waited{0}; position_ <= after && waited < timeout && !stop.stop_requested();
       waited += kLook) {
    changed_.wait_for(lock, stop, kLook, [&] { return position_ > after; });
    progress_all();
  }
  return position_;
}

void FakeEngine::kill(std::string_view instance_id, int signal) {
  std::lock_guard lock(mutex_);
  const auto found = records_.find(instance_id);
  if (found == records_.end() || has_ended(found->second.instance)) return;
  end_by_signal(found->second, signal, clock_.unix_now());
}

void FakeEngine::set_away(bool is_away) {
  std::lock_guard lock(mutex_);
  is_away_ = is_away;
  changed_.notify_all();
}

void FakeEngine::progress_all() {
  const UnixMillis now = clock_.unix_now();
  for (auto& [id, record] : records_) progress(record, now);
}

void FakeEngine::show(Record& record, InstancePhase phase, UnixMillis at) {
  record.instance.phase = phase;
  record.instance.changed_at = at;
  record.log += fmt::format("instance {} is {}\n", record.instance.id, to_string(phase));
  ++position_;
  changed_.notify_all();
}

void FakeEngine::progress(Record& record, UnixMillis now) {
  const model::Instance& instance = record.instance;
  const auto& environment = record.spec.environment;
  if (instance.phase == InstancePhase::Starting && !environment.contains(kFakeNeverReady)) {
    const UnixMillis due =
        instance.started_at + number_of(record.spec, kFakeStartDelay).value_or(0);
    if (now >= due && environment.contains(kFakeExitCode)) return fail(record, now);
    if (now >= due) become_ready(record, due);
  }
  if (instance.phase == InstancePhase::Ready) {
    const auto life = number_of(record.spec, kFakeDiesAfter);
    if (life && now >= instance.changed_at + *life) end_by_signal(record, SIGKILL, now);
  }
  if (instance.phase == InstancePhase::Draining && now >= *record.stops_at) {
    record.instance.exit_code = record.ends_by_force ? 128 + SIGKILL : 0;
    record.instance.exit_signal = record.ends_by_force ? SIGKILL : 0;
    show(record, InstancePhase::Stopped, now);
  }
}

void FakeEngine::become_ready(Record& record, UnixMillis at) {
  model::Instance& instance = record.instance;
  instance.boot_phase = "ready";
  instance.boot_report.emplace().ready = true;
  instance.boot_report->package_sha256 = record.spec.package_sha256;
  show(record, InstancePhase::Ready, at);
}

void FakeEngine::end_by_signal(Record& record, int signal, UnixMillis at) {
  record.instance.exit_code = 128 + signal;
  record.instance.exit_signal = signal;
  show(record, InstancePhase::Failed, at);
}

void FakeEngine::fail(Record& record, UnixMillis at) {
  const auto named = record.spec.environment.find(kFakeCause);
  const auto cause =
      named == record.spec.environment.end() ? std::nullopt : model::parse_cause(named->second);
  model::Instance& instance = record.instance;
  instance.exit_code = int(number_of(record.spec, kFakeExitCode).value_or(1));
  instance.boot_report.emplace().failure =
      model::make_failure(cause.value_or(model::Cause::Exited),
                          "the fake agent failed as it was told", {"last line of its log"});
  show(record, InstancePhase::Failed, at);
}

}  // namespace pixell::engine
