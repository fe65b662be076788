#pragma once

#include <array>
#include <string_view>

namespace pixell::reconcile {

// Four points of each kind of step: nothing is written yet; the journal has it; it is done; the
// journal knows that it ended.
#define CONTROL_CRASH_POINTS(kind)                                               \
  "control." kind ".planned", "control." kind ".begun", "control." kind ".done", \
      "control." kind ".ended"

/// Every point at which the tests of crashes may end control (base/crash_point.hpp).
inline constexpr std::array<std::string_view, 40> kControlCrashPoints = {
    CONTROL_CRASH_POINTS("import_package"),  CONTROL_CRASH_POINTS("create_revision"),
    CONTROL_CRASH_POINTS("start_instance"),  CONTROL_CRASH_POINTS("publish_route"),
    CONTROL_CRASH_POINTS("advance_rollout"), CONTROL_CRASH_POINTS("stop_instance"),
    CONTROL_CRASH_POINTS("remove_instance"), CONTROL_CRASH_POINTS("complete_deployment"),
    CONTROL_CRASH_POINTS("fail_deployment"), CONTROL_CRASH_POINTS("remove_app"),
};
#undef CONTROL_CRASH_POINTS

}  // namespace pixell::reconcile
