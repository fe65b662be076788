#include "model/rollout.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace pixell::model {
namespace {

TEST(Rollout, CountsNoPauseAsHeldTime) {
  RolloutProgress progress{.stage = 0, .stage_started_at = 1'000};
  EXPECT_EQ(held_ms(progress, 5'000), 4'000);

  progress = after(progress, RolloutCommand::Pause, 5'000);
  EXPECT_EQ(held_ms(progress, 60'000), 4'000);
  progress = after(progress, RolloutCommand::Pause, 61'000);
  EXPECT_EQ(held_ms(progress, 62'000), 4'000);

  progress = after(progress, RolloutCommand::Resume, 70'000);
  EXPECT_EQ(held_ms(progress, 71'000), 5'000);
}

TEST(Rollout, ResumesWithoutEffectWhenItWasNotPaused) {
  const RolloutProgress progress{.stage = 0, .stage_started_at = 1'000};

  EXPECT_EQ(after(progress, RolloutCommand::Resume, 9'000), progress);
}

TEST(Rollout, LosesNoHeldTimeWhenTheClockIsSetBack) {
  const RolloutProgress progress{.stage = 1, .stage_started_at = 5'000, .stage_held_ms = 300};

  EXPECT_EQ(held_ms(progress, 1'000), 300);
}

TEST(Rollout, PromotingEndsAPause) {
  const auto promoted = after({.is_paused = true}, RolloutCommand::Promote, 1);

  EXPECT_TRUE(promoted.is_promoted);
  EXPECT_FALSE(promoted.is_paused);
  EXPECT_TRUE(after({}, RolloutCommand::Abort, 1).is_aborted);
}

TEST(Rollout, TakesItsStagesTogether) {
  EXPECT_EQ(stages_of({.kind = StrategyKind::Canary,
                       .steps = {{.weight_permille = 10, .seconds = 5}, {500, 7}},
                       .bake_seconds = 100}),
            Millis(12'000));
  EXPECT_EQ(stages_of({.kind = StrategyKind::BlueGreen, .bake_seconds = 9}), Millis(9'000));
  EXPECT_EQ(stages_of({}), Millis(0));
}

TEST(Rollout, ReadsWhatItWrites) {
  const Strategy canary{.kind = StrategyKind::Canary,
                        .steps = usual_canary_steps(),
                        .health = {.max_error_permille = 1, .max_p95_ms = 2, .min_requests = 3}};
  const Strategy blue_green{.kind = StrategyKind::BlueGreen, .bake_seconds = 8};
  const RolloutProgress progress{.stage = 2,
                                 .stage_started_at = 3,
                                 .stage_held_ms = 4,
                                 .measured_since = 5,
                                 .is_paused = true};

  EXPECT_EQ(*strategy_from_json(to_json(canary)), canary);
  EXPECT_EQ(*strategy_from_json(to_json(blue_green)), blue_green);
  EXPECT_EQ(*rollout_progress_from_json(to_json(progress)), progress);
  EXPECT_FALSE(strategy_from_json(nlohmann::json{{"type", "sideways"}}));
  EXPECT_FALSE(strategy_from_json(nlohmann::json::array()));
  EXPECT_FALSE(rollout_progress_from_json(nlohmann::json{{"stage", 1}}));
}

}  // namespace
}  // namespace pixell::model
