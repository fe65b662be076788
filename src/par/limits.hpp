#pragma once

#include <cstddef>

#include "base/clock.hpp"

namespace pixell::par {

/// One frame of par-worker/1: header and body together.
inline constexpr std::size_t kMaxFrameBytes = 16 * 1024 * 1024;
/// Frames that wait for a worker that does not read; more and new calls are refused.
inline constexpr std::size_t kMaxLinkQueuedBytes = 32 * 1024 * 1024;
/// Processes of one agent (WORKERS).
inline constexpr int kMaxWorkers = 64;
/// Handler calls that run at once in one of them; one more is ResourceExhausted.
inline constexpr std::size_t kMaxExecutions = 1024;

/// Events a streaming call may be ahead of its reader; the worker waits for more credit then.
inline constexpr int kEventCredit = 16;
/// Body of one A2A request over HTTP.
inline constexpr std::size_t kMaxA2aBodyBytes = 8 * 1024 * 1024;
/// A call over HTTP that does not end is ended after this, streaming or not.
inline constexpr Millis kA2aCallTimeout{3'600'000};
/// A comment on an event stream that is silent for this long keeps balancers from cutting it.
inline constexpr Millis kHeartbeatPause{30'000};
/// Comment bytes at the start of an event stream, so that buffers on the way let it through.
inline constexpr std::size_t kFlushPaddingBytes = 2048;
/// Streams get their last event or status this long before the grace period of a drain is over.
inline constexpr Millis kStreamEndMargin{250};
/// The agent is asked to end this long before the grace period is over (half of a shorter one), so
/// that its own server can end what it serves.
inline constexpr Millis kAgentEndMargin{2'000};
/// What was written last may take this long to leave before its connection is closed.
inline constexpr Millis kStreamFlushPause{50};

/// One line of a child's output; a longer one is passed on in pieces.
inline constexpr std::size_t kMaxOutputLineBytes = 16 * 1024;
/// Lines of a child's output kept as evidence for the boot report.
inline constexpr std::size_t kEvidenceLines = 50;
/// One JSON line of par-prepare (the last one carries the manifest).
inline constexpr std::size_t kMaxPrepareLineBytes = 8 * 1024 * 1024;

/// One gRPC request message.
inline constexpr std::size_t kMaxGrpcMessageBytes = 8 * 1024 * 1024;
/// Nesting of the JSON a client sends inside a gRPC message.
inline constexpr int kMaxJsonDepth = 128;
/// Nesting of a frame of the worker: more than a client's, so that a handler may give back what it
/// was given in an envelope of its own.
inline constexpr int kMaxFrameJsonDepth = 2 * kMaxJsonDepth;

/// A full servicer must answer Health within this time before the agent is ready.
inline constexpr Millis kProbeTimeout{2'000};
inline constexpr Millis kProbeTryTimeout{300};
inline constexpr Millis kProbePause{100};
/// B/a2a/health asks a full servicer for this long.
inline constexpr Millis kA2aHealthTimeout{500};

/// How often a program that says nothing is looked at for whether it accepts connections: first
/// pause, doubled up to the longest.
inline constexpr Millis kServerLookFirst{5};
inline constexpr Millis kServerLookMost{100};

/// Between "not ready" and the first refused connection, so that balancers see the 503.
inline constexpr Millis kNotReadyPause{1'000};
/// A worker that was asked to drain has this long, then SIGTERM; then this long, then SIGKILL.
inline constexpr Millis kWorkerDrainGrace{1'500};
inline constexpr Millis kWorkerTermGrace{1'000};
/// Descriptors of each process of the agent, and what its files are not open to.
inline constexpr int kWorkerOpenFiles = 4096;
inline constexpr unsigned kWorkerUmask = 0077;
/// The agent goes first when memory runs out, long before par (0), which then says why.
inline constexpr int kWorkerOomScore = 500;
/// An agent that never finished loading is asked where it is; its answer is waited for this long.
inline constexpr Millis kWhereTimeout{500};
/// The user that installs an agent's dependencies: the agent's and this.
inline constexpr std::int64_t kInstallerUserOffset = 1'000'000;
/// par-prepare gets SIGTERM, and SIGKILL after this.
inline constexpr Millis kPrepareTermGrace{1'000};

/// Restart of a dead worker: first pause, doubled up to the longest; a worker that lived this long
/// counts as stable and starts over at the first pause.
inline constexpr Millis kRestartPauseFirst{200};
inline constexpr Millis kRestartPauseMost{30'000};
inline constexpr Millis kWorkerStable{60'000};

/// Longest pause before the exit of a par that failed again and again (2^n seconds).
inline constexpr int kMaxCrashBackoffSeconds = 60;

/// Dependencies have to be there this long before STARTUP_TIMEOUT_SEC, or a quarter of it when that
/// is less: their own cause is told instead of startup_timeout, and the worker has time to load.
inline constexpr Millis kInstallMargin{15'000};
inline constexpr int kInstallMarginPart = 4;

/// UI files up to this size are kept in memory, all together at most the second figure; larger ones
/// are kept open. The third is the number of both together.
inline constexpr std::size_t kMaxCachedFileBytes = 64 * 1024;
inline constexpr std::size_t kMaxFileCacheBytes = 8 * 1024 * 1024;
inline constexpr std::size_t kMaxCachedFiles = 256;
/// Bytes of a large file that are read at once for a connection that takes no files (HTTP/2).
inline constexpr std::size_t kFileCopyBytes = 16 * 1024;
/// Paths that are no UI file, remembered so that the disk is not asked again.
inline constexpr std::size_t kMissedPaths = 64;
/// How long a UI file that has changed or is new may be answered as it was.
inline constexpr Millis kFileCheckPause{1'000};
/// A UI path longer than this, or deeper, does not exist.
inline constexpr std::size_t kMaxUiPathBytes = 2048;
inline constexpr std::size_t kMaxUiPathDepth = 32;

}  // namespace pixell::par
