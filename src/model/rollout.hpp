#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace pixell::model {

/// How a new revision takes over an app's traffic.
///
/// Rolling: its share grows as its instances get ready. Canary: its share grows by steps, each held
/// for a time. BlueGreen: all its instances get ready, then all traffic moves at once, and the old
/// revision stays for the time it bakes.
enum class StrategyKind { Rolling, Canary, BlueGreen };
/// rolling, canary, blue_green
std::string_view to_string(StrategyKind kind);
std::optional<StrategyKind> parse_strategy_kind(std::string_view name);

/// One stage of a canary.
struct CanaryStep {
  int weight_permille = 0;
  std::int64_t seconds = 0;  ///< how long it is held
  bool operator==(const CanaryStep&) const = default;
};

/// What the edge may measure of a new revision before its rollout backs out. An instance of it that
/// ends counts as well, always.
struct HealthLimits {
  int max_error_permille = 50;     ///< 1000 = never back out for errors
  std::int64_t max_p95_ms = 0;     ///< time to the head of the reply; 0 = not looked at
  std::int64_t min_requests = 20;  ///< fewer are no evidence
  bool operator==(const HealthLimits&) const = default;
};

struct Strategy {
  StrategyKind kind = StrategyKind::Rolling;
  std::vector<CanaryStep> steps{};  ///< of a canary; the whole traffic follows the last one
  std::int64_t bake_seconds = 0;    ///< of blue/green
  HealthLimits health{};
  bool operator==(const Strategy&) const = default;
};

inline constexpr std::size_t kMaxCanarySteps = 20;
inline constexpr std::int64_t kMaxStageSeconds = 24 * 3'600;

/// What a canary without steps of its own does.
std::vector<CanaryStep> usual_canary_steps();
/// The time its stages take at least.
Millis stages_of(const Strategy& strategy);

/// {"type", "steps": [{"weight_permille", "seconds"}], "bake_seconds", "max_error_permille",
/// "max_p95_ms", "min_requests"}
nlohmann::json to_json(const Strategy& strategy);
/// InvalidArgument when it is not of that form. Values are not judged.
Result<Strategy> strategy_from_json(const nlohmann::json& json);

/// How far a rollout has come, and what its operator asked.
struct RolloutProgress {
  int stage = -1;  ///< the stage in force: a canary's step, 0 = baking; -1 = none yet
  UnixMillis stage_started_at = 0;  ///< when it came into force, or was resumed
  std::int64_t stage_held_ms = 0;   ///< how long it was held before the last pause
  UnixMillis measured_since = 0;    ///< what the edges measured before does not count
  bool is_paused = false;
  bool is_promoted = false;  ///< no more stages: take it all
  bool is_aborted = false;   ///< go back
  bool operator==(const RolloutProgress&) const = default;
};

/// What an operator may ask of an open rollout.
enum class RolloutCommand { Pause, Resume, Promote, Abort };
std::string_view to_string(RolloutCommand command);

/// The progress after a command. Without effect when it says so already.
RolloutProgress after(const RolloutProgress& progress, RolloutCommand command, UnixMillis now);
/// How long the stage in force has been held, without pauses.
std::int64_t held_ms(const RolloutProgress& progress, UnixMillis now);

nlohmann::json to_json(const RolloutProgress& progress);
Result<RolloutProgress> rollout_progress_from_json(const nlohmann::json& json);

}  // namespace pixell::model
