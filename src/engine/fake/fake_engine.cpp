#include "engine/fake/fake_engine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

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

bool has_ended(const model::Instance& instance) {
  return instance.phase == InstancePhase::Stopped || instance.phase == InstancePhase::Failed;
}

}  // namespace

Capabilities FakeEngine::capabilities() {
  return {.name = "fake", .notes = {"Nothing runs: instances exist in memory only."}};
}

Result<void> FakeEngine::check_present() const {
  if (!is_away_) return {};
  return Error{
      .code = ErrorCode::Unavailable, .message = "the fake engine is away", .retry = Retry::Later};
}

Result<model::Instance> FakeEngine::ensure(const InstanceSpec& spec) {
  std::lock_guard lock(mutex_);
  TRY_VOID(check_present());
  const UnixMillis now = clock_.unix_now();
  if (auto found = records_.find(spec.id); found != records_.end()) {
    if (!(found->second.spec == spec))
      return make_error(ErrorCode::AlreadyExists,
                        fmt::format("instance '{}' runs with another spec", spec.id));
    progress(found->second, now);
    return found->second.instance;
  }
  if (const auto refused = spec.environment.find(kFakeRefused); refused != spec.environment.end())
    return make_error(ErrorCode::InvalidArgument, refused->second);
  Record record{.spec = spec, .instance = {}, .stops_at = {}};
  record.instance.id = spec.id;
  record.instance.app_id = spec.app_id;
  record.instance.revision = spec.revision;
  record.instance.address = "unix:/fake/" + spec.id + "/par.sock";
  record.instance.boot_phase = "fetch";
  record.instance.started_at = now;
  record.instance.changed_at = now;
  const model::Instance started = record.instance;
  records_.emplace(spec.id, std::move(record));
  ++position_;
  changed_.notify_all();
  if (spec.environment.contains(kFakeLostReply))
    return Error{.code = ErrorCode::Unavailable,
                 .message = "the fake engine lost its reply",
                 .retry = Retry::Later};
  return started;
}

Result<void> FakeEngine::stop(std::string_view instance_id, Millis) {
  std::lock_guard lock(mutex_);
  TRY_VOID(check_present());
  const auto found = records_.find(instance_id);
  if (found == records_.end()) return {};
  Record& record = found->second;
  const UnixMillis now = clock_.unix_now();
  progress(record, now);
  if (has_ended(record.instance) || record.stops_at) return {};
  record.stops_at = now + number_of(record.spec, kFakeStopDelay).value_or(0);
  record.instance.phase = InstancePhase::Draining;
  record.instance.changed_at = now;
  ++position_;
  changed_.notify_all();
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
  if (found == records_.end())
    return make_error(ErrorCode::NotFound, fmt::format("there is no instance '{}'", instance_id));
  progress(found->second, clock_.unix_now());
  return found->second.instance;
}

Result<std::string> FakeEngine::logs(std::string_view instance_id, std::size_t max_bytes) {
  TRY(const model::Instance instance, inspect(instance_id));
  const std::string text =
      fmt::format("instance {} is {}\n", instance.id, to_string(instance.phase));
  return text.substr(text.size() - std::min(text.size(), max_bytes));
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
  model::Instance& instance = found->second.instance;
  instance.phase = InstancePhase::Failed;
  instance.exit_signal = signal;
  instance.changed_at = clock_.unix_now();
  ++position_;
  changed_.notify_all();
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

void FakeEngine::progress(Record& record, UnixMillis now) {
  model::Instance& instance = record.instance;
  if (record.stops_at && instance.phase == InstancePhase::Draining && now >= *record.stops_at) {
    instance.phase = InstancePhase::Stopped;
    instance.exit_code = 0;
    instance.changed_at = now;
    ++position_;
  }
  if (instance.phase != InstancePhase::Starting) return;
  if (record.spec.environment.contains(kFakeNeverReady)) return;
  if (now < instance.started_at + number_of(record.spec, kFakeStartDelay).value_or(0)) return;
  if (record.spec.environment.contains(kFakeExitCode)) return fail(record, now);
  instance.phase = InstancePhase::Ready;
  instance.boot_phase = "ready";
  instance.boot_report = model::BootReport{};
  instance.boot_report->ready = true;
  instance.boot_report->package_sha256 = record.spec.package_sha256;
  instance.changed_at = now;
  ++position_;
}

void FakeEngine::fail(Record& record, UnixMillis now) {
  const auto named = record.spec.environment.find(kFakeCause);
  const auto cause =
      named == record.spec.environment.end() ? std::nullopt : model::parse_cause(named->second);
  model::Instance& instance = record.instance;
  instance.phase = InstancePhase::Failed;
  instance.exit_code = int(number_of(record.spec, kFakeExitCode).value_or(1));
  instance.boot_report = model::BootReport{};
  instance.boot_report->failure =
      model::make_failure(cause.value_or(model::Cause::Exited),
                          "the fake agent failed as it was told", {"last line of its log"});
  instance.changed_at = now;
  ++position_;
}

}  // namespace pixell::engine
