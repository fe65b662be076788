#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "engine/engine.hpp"
#include "engine/fake/fake_scaler.hpp"

namespace pixell::engine {

// Deploy-time variables by which one instance of the fake engine behaves.
/// Milliseconds from start to ready (default 0: ready at the first look).
inline constexpr const char* kFakeStartDelay = "FAKE_START_DELAY_MS";
/// The instance fails with this exit code instead of becoming ready.
inline constexpr const char* kFakeExitCode = "FAKE_EXIT_CODE";
/// The cause in the boot report of such a failure (default exited).
inline constexpr const char* kFakeCause = "FAKE_CAUSE";
/// Set: the instance starts for ever.
inline constexpr const char* kFakeNeverReady = "FAKE_NEVER_READY";
/// Set: the first ensure() starts the instance but answers Unavailable.
inline constexpr const char* kFakeLostReply = "FAKE_LOST_REPLY";
/// Set: ensure() refuses the spec for good, with this text.
inline constexpr const char* kFakeRefused = "FAKE_REFUSED";
/// Milliseconds a stop drains (default 0).
inline constexpr const char* kFakeStopDelay = "FAKE_STOP_DELAY_MS";
/// Set: a stop never ends by itself; the instance is ended by force after its grace.
inline constexpr const char* kFakeStopHangs = "FAKE_STOP_HANGS";
/// Milliseconds of being ready after which the instance is killed, as by a signal from outside.
inline constexpr const char* kFakeDiesAfter = "FAKE_DIES_AFTER_MS";
/// Milliseconds that ensure() takes, of the clock's time; other calls go on meanwhile.
inline constexpr const char* kFakeEnsureDelay = "FAKE_ENSURE_DELAY_MS";

/// Keeps instances in memory and behaves as their environment says; no process is started. For
/// tests and for trying the control plane by itself.
class FakeEngine final : public Engine {
 public:
  explicit FakeEngine(const Clock& clock) : clock_(clock), scaler_([this] { changed(); }) {}

  /// What ensure() was given.
  std::optional<InstanceSpec> spec_of(std::string_view instance_id);

  Capabilities capabilities() override;
  /// None, unless let_scale() was called.
  Scaler* scaler() override { return can_scale_ ? &scaler_ : nullptr; }
  Result<model::Instance> ensure(const InstanceSpec& spec) override;
  Result<void> stop(std::string_view instance_id, Millis grace) override;
  Result<void> remove(std::string_view instance_id) override;
  Result<bool> forget_app(std::string_view app_id) override;
  Result<std::vector<model::Instance>> list() override;
  Result<model::Instance> inspect(std::string_view instance_id) override;
  Result<model::InstanceUsage> usage(std::string_view instance_id) override;
  Result<LogPiece> read_log(std::string_view instance_id, const LogRange& range) override;
  Result<std::int64_t> wait_for_change(std::int64_t after, Millis timeout,
                                       std::stop_token stop) override;

  /// Ends a running instance at once, as a signal from outside would.
  void kill(std::string_view instance_id, int signal);
  /// The next calls of forget_app(), so many of them, say that something is left.
  void set_forgetting(int calls);
  /// Apps that were forgotten, in order.
  std::vector<std::string> forgotten();
  /// It scales apps by itself from now on. Before others use it.
  FakeScaler& let_scale() {
    can_scale_ = true;
    return scaler_;
  }
  /// While away, every call is Unavailable.
  void set_away(bool is_away);

 private:
  struct Record {
    InstanceSpec spec;
    model::Instance instance;
    std::optional<UnixMillis> stops_at{};
    bool ends_by_force = false;
    std::string log{};
  };

  Result<void> check_present() const;
  void changed();
  void show(Record& record, model::InstancePhase phase, UnixMillis at);
  void progress(Record& record, UnixMillis now);
  void become_ready(Record& record, UnixMillis at);
  void end_by_signal(Record& record, int signal, UnixMillis at);
  void progress_all();
  void fail(Record& record, UnixMillis at);

  const Clock& clock_;
  FakeScaler scaler_;
  bool can_scale_ = false;
  std::mutex mutex_;  // guards everything below
  std::condition_variable_any changed_;
  std::map<std::string, Record, std::less<>> records_;
  std::int64_t position_ = 1;
  bool is_away_ = false;
  int forgetting_ = 0;
  std::vector<std::string> forgotten_;
};

}  // namespace pixell::engine
