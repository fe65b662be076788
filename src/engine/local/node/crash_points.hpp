#pragma once

#include <array>
#include <string_view>

namespace pixell::engine::node {

/// Where tests may end a node (base/crash_point.hpp); `pac crash-points` prints them.
inline constexpr auto kNodeCrashPoints = std::to_array<std::string_view>({
    "node.ensure.asked",      // nothing is written
    "node.ensure.made",       // the directory is there, the specification is not
    "node.ensure.recorded",   // the specification is written, nothing runs
    "node.ensure.started",    // par runs, its process is not recorded
    "node.ensure.done",       // recorded, the reply is not sent
    "node.stop.asked",        // nothing is written
    "node.stop.recorded",     // written, the signal is not sent
    "node.stop.signalled",    // sent, the reply is not
    "node.end.seen",          // the end was noticed, nothing is written or cleaned up
    "node.end.recorded",      // exit.json is complete, group and socket are still there
    "node.remove.asked",      // nothing is done
    "node.remove.ungrouped",  // the control group is gone, the directory is in place
    "node.remove.moved",      // the directory is moved away, its files are still there
    "node.remove.done",       // forgotten, the reply is not sent
    "node.adoption.begun",    // the lock is taken, nothing is adopted
    "node.adoption.halfway",  // one instance is adopted
    "node.adoption.done",     // all are, the socket does not listen yet
});

}  // namespace pixell::engine::node
