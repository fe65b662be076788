#pragma once

#include <cstddef>

#include "base/clock.hpp"

namespace pixell::cmd {

// ------------------------------------------------------------------------------ the supervisor

/// Pause before a role that ended is started again: doubling from the first to the last, anew after
/// a run of kStableRoleRun.
inline constexpr Millis kFirstRoleBackoff{200};
inline constexpr Millis kLastRoleBackoff{5'000};
inline constexpr Millis kStableRoleRun{10'000};
/// How long a role may take to end before it is killed. The edge has its drain on top.
inline constexpr Millis kRoleStopTimeout{15'000};
inline constexpr Millis kEdgeStopMargin{5'000};
/// The same once a second signal asked to hurry.
inline constexpr Millis kHastyStopTimeout{1'000};
/// How long a killed role may take to go, which the kernel does at once.
inline constexpr Millis kKillTimeout{5'000};
/// The supervisor looks around this often even when nothing happens.
inline constexpr Millis kIdleTurn{60'000};
/// --stop-instances: what each agent is given to end, what all of them are, and how often to look.
inline constexpr Millis kInstanceGrace{10'000};
inline constexpr Millis kInstanceStopTimeout{25'000};
inline constexpr Millis kInstancePoll{50};
/// How long to wait for the lock of a state directory that another `pac serve` uses.
inline constexpr int kServeLockTimeoutMs = 500;
/// How long the edge of a killed `pac serve` may keep a port, and how often to look.
inline constexpr Millis kFormerEdgeTimeout{3'000};
inline constexpr Millis kFormerEdgePoll{20};
inline constexpr std::size_t kMaxListeners = 16;

// ------------------------------------------------------------------------------------- control

/// Each edge holds one thread with its long-poll, and those who watch or follow hold
/// api::kMaxWaiting at most; the rest answer requests.
inline constexpr std::size_t kApiThreads = 64;
/// A former control process that was told to stop may still be ending.
inline constexpr int kControlLockTimeoutMs = 15'000;
/// How long API requests may take to end after SIGTERM; less than kRoleStopTimeout.
inline constexpr Millis kApiDrainTimeout{10'000};
/// An edge that did not poll for this long is gone: longer than the longest long-poll.
inline constexpr Millis kEdgeLife{30'000};
/// Edges remembered at most; ids are chosen by the edges themselves.
inline constexpr std::size_t kMaxEdges = 1'000;
/// How much longer than its long-poll the edge waits for control's answer.
inline constexpr Millis kRoutePullMargin{5'000};

/// How long the edge waits until control took its measurements.
inline constexpr Millis kTrafficSendTimeout{3'000};
/// How long measurements are remembered, in samples of which span, and how often older ones go.
inline constexpr Millis kTrafficKept{3'600'000};
inline constexpr Millis kTrafficSampleSpan{1'000};
inline constexpr Millis kTrafficDropPeriod{60'000};
/// Samples remembered at most, 160 bytes each, over all revisions; more = the oldest go earlier.
inline constexpr std::size_t kMaxTrafficSamples = 400'000;
/// Counters remembered at most, over all edges and revisions.
inline constexpr std::size_t kMaxTrafficSeries = 20'000;

// -------------------------------------------------------------------------------------- backups

/// Entries of one backup, and the bytes of its manifest.
inline constexpr std::size_t kMaxBackupEntries = 100'000;
inline constexpr std::size_t kMaxBackupManifestBytes = std::size_t{32} << 20;
/// How often a backup starts anew because a package was deleted meanwhile.
inline constexpr int kBackupTries = 3;

// -------------------------------------------------------------------------- the user's commands

/// How often `pac deploy --wait` looks.
inline constexpr Millis kFollowPause{200};
/// How long it goes on while the control plane is away.
inline constexpr Millis kFollowAway{30'000};
/// How long it waits in all: more than a deployment's own deadline.
inline constexpr Millis kFollowTimeout{900'000};
/// Bytes shown of an answer that cannot be read.
inline constexpr std::size_t kShownAnswerBytes = 300;

}  // namespace pixell::cmd
