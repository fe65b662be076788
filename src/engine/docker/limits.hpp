#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.hpp"

namespace pixell::engine::docker {

/// Versions of the Engine API: the newest that is asked for, and the oldest that has all we need
/// (Docker 19.03).
inline constexpr int kNewestApiMinor = 47;
inline constexpr int kOldestApiMinor = 40;

/// One call, and one that makes or starts something, on a machine that is busy.
inline constexpr Millis kCallTimeout{15'000};
inline constexpr Millis kStartTimeout{120'000};
/// A JSON answer; a list of ten thousand containers has about half of it.
inline constexpr std::size_t kMaxAnswerBytes = 32 * 1024 * 1024;

/// One connection to the event stream; it is opened anew then, without losing an event.
inline constexpr Millis kEventStreamLife{3'600'000};
/// Pause before the event stream is opened again after it broke.
inline constexpr Millis kEventRetry{1'000};
/// One event; a longer line is not an event of Docker's.
inline constexpr std::size_t kMaxEventBytes = 256 * 1024;
/// What agents write to their own record files cannot wake control more often.
inline constexpr Millis kRecordPause{50};

/// One frame of a log stream. Docker cuts log lines at 16 KiB; the rest is room for a time stamp.
inline constexpr std::size_t kMaxFrameBytes = 1024 * 1024;
/// One reading of a container's log, and what Docker keeps of it (two files of kLogFile).
inline constexpr std::size_t kMaxLogBytes = 256 * 1024 * 1024;
inline constexpr const char* kLogFile = "10m";
inline constexpr const char* kLogFiles = "2";
/// Two outputs of a container may be stamped in another order than they are written, by so much.
inline constexpr std::int64_t kLogOverlapNanos = 2'000'000'000;
/// Our copy of a log is moved to a second file when it is larger.
inline constexpr std::size_t kMaxLogCopyBytes = 10 * 1024 * 1024;
/// Log lines shown as evidence when par left no report of its own.
inline constexpr std::size_t kEvidenceLines = 10;
inline constexpr std::size_t kMaxEvidenceBytes = 8 * 1024;

/// state.json, boot_report.json and exit.json, which the agent could have written.
inline constexpr std::size_t kMaxRecordBytes = 1024 * 1024;
/// The environment of one instance in its file.
inline constexpr std::size_t kMaxEnvironmentBytes = 1024 * 1024;

/// Docker's health check of a container: how often, for how long, and how many failures in a row
/// make it unhealthy.
inline constexpr Millis kHealthInterval{10'000};
inline constexpr Millis kHealthTimeout{5'000};
inline constexpr int kHealthRetries = 3;

/// Added to the grace of a stop before force: par's own way out after its drain.
inline constexpr Millis kStopMargin{5'000};
/// The longest grace of one stop.
inline constexpr Millis kMaxGrace{3'600'000};

/// Processes of par beside those of the agent: par, par-prepare, par-telemetry, an installer's.
inline constexpr std::int64_t kParProcesses = 64;
/// The container's /tmp, in memory.
inline constexpr const char* kTmpfsOptions = "rw,nosuid,nodev,size=64m,mode=1777";

/// Left-over directories and networks younger than this may be in the making.
inline constexpr Millis kLeftoverAge{600'000};
/// Images of ours that nothing names or uses any more are kept so long.
inline constexpr const char* kOldImageAge = "24h";
/// Between two collections of what is left over.
inline constexpr Millis kCollectPause{3'600'000};

}  // namespace pixell::engine::docker
