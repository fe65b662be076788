#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.hpp"

namespace pixell::engine::node {

/// Instances (running and ended) of one node; also the user ids one installation may take.
inline constexpr int kMaxInstances = 10'000;
/// One InstanceSpec as JSON; most of it is the agent's environment.
inline constexpr std::size_t kMaxSpecBytes = 1024 * 1024;
/// Any other request body ({"grace_ms": …}).
inline constexpr std::size_t kMaxSmallBodyBytes = 4 * 1024;

/// par.log is moved to par.log.1 when it is larger; looked at every kTick.
inline constexpr std::size_t kMaxLogFileBytes = 10 * 1024 * 1024;
/// Ends of logs (kMaxLogReplyBytes each) kept of failed instances after their removal, and how
/// long.
inline constexpr std::size_t kMaxKeptLogs = 100;
inline constexpr Millis kKeptLogLife{7 * 24 * 3'600'000LL};
/// Log lines shown as evidence when par left no report of its own.
inline constexpr std::size_t kEvidenceLines = 10;
inline constexpr std::size_t kMaxEvidenceBytes = 8 * 1024;

/// How often logs are measured, orphans reaped and left-over groups removed.
inline constexpr Millis kTick{1'000};
/// Between two measurements of what agents have on disk; what an agent writes meanwhile is over
/// its limit before it is seen.
inline constexpr Millis kDiskCheckPause{2'000};
/// Files and directories of one agent, and how deep they are nested.
inline constexpr std::int64_t kMaxAgentFiles = 200'000;
inline constexpr std::size_t kMaxAgentDepth = 128;
/// An instance is asked this often whether its par answers, has this long to do so, and is ended
/// when it did not so many times in a row: after 12 to 17 seconds of silence, and about a minute
/// until it was ready for the first time.
inline constexpr Millis kProbeInterval{5'000};
inline constexpr Millis kProbeTimeout{2'000};
inline constexpr int kMaxProbeFailures = 3;
inline constexpr int kMaxBootProbeFailures = 12;
/// A node that is itself so much late with a question forgets it.
inline constexpr Millis kMaxProbeDelay{500};
/// What interval and timeout may be set to at most.
inline constexpr Millis kMaxProbeTime{3'600'000};
/// Added to the grace of a stop before force: par's own way out after its drain.
inline constexpr Millis kStopMargin{5'000};
/// The longest grace of one stop.
inline constexpr Millis kMaxGrace{3'600'000};

/// Who waited for an instance that ended and is told so; as many as its backlog holds.
inline constexpr int kMaxTurnedAway = 4'096;

/// One long poll of GET /changes, and how many may wait at once.
inline constexpr Millis kMaxPollTimeout{60'000};
inline constexpr std::size_t kMaxPolls = 64;
/// Connections to the node's socket.
inline constexpr std::size_t kMaxNodeConnections = 256;
/// How long a starting node waits for one that ends.
inline constexpr int kNodeLockTimeoutMs = 5'000;

/// A Unix socket path has 107 bytes; the instance part below the state directory takes the rest:
/// "/instances/" + 26 of a ULID + "/par.sock".
inline constexpr std::size_t kMaxStateDirBytes = 107 - 11 - 26 - 9;

/// First user id of local agents; each installation takes one of kUserIdBlocks blocks of
/// kMaxInstances ids. The last one is below 524288, where container tools begin.
inline constexpr unsigned kFirstUserId = 200'000;
inline constexpr unsigned kUserIdBlocks = 32;

}  // namespace pixell::engine::node
