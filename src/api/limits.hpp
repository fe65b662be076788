#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.hpp"

namespace pixell::api {

/// A JSON request body, and how deep it may nest.
inline constexpr std::size_t kMaxJsonBodyBytes = 1024 * 1024;
inline constexpr int kMaxJsonDepth = 32;
/// How long a body may pause.
inline constexpr Millis kBodyTimeout{30'000};

/// multipart/form-data: parts, header block of a part, value of a part that is not the file.
inline constexpr std::size_t kMaxParts = 32;
inline constexpr std::size_t kMaxPartHeaderBytes = 16 * 1024;
inline constexpr std::size_t kMaxPartValueBytes = 1024 * 1024;
inline constexpr std::size_t kMaxBoundaryBytes = 70;  // RFC 2046 5.1.1

/// Deploy-time environment: number of variables and bytes of one value.
inline constexpr std::size_t kMaxEnvironmentEntries = 512;
inline constexpr std::size_t kMaxEnvironmentValueBytes = 64 * 1024;

inline constexpr int kMaxCpuUnits = 1024 * 1024;

/// What a deployment is given besides the stages of its strategy, and the most one may ask for.
inline constexpr Millis kUsualDeploymentTime{600'000};
inline constexpr std::int64_t kMaxDeadlineSeconds = 7 * 24 * 3'600;

/// The largest whole number that every client reads as it was written (2^53 - 1).
inline constexpr std::int64_t kMaxWireNumber = 9'007'199'254'740'991;

/// An Idempotency-Key.
inline constexpr std::size_t kMaxIdempotencyKeyBytes = 255;

/// Items of a page: when the request does not say, and at most.
inline constexpr std::int64_t kUsualPageItems = 100;
inline constexpr std::int64_t kMaxPageItems = 1'000;
/// Rows that the lists of the published tools show; they know no pages.
inline constexpr std::size_t kListedForCli = 1'000;

/// Bytes of a log that one request reads of what is there, at most and when it does not say.
inline constexpr std::size_t kMaxLogBytes = 4 * 1024 * 1024;
inline constexpr std::size_t kDefaultLogBytes = 64 * 1024;
/// Instances whose logs are shown together, the youngest.
inline constexpr std::size_t kMaxMergedInstances = 128;
/// The least an instance has of the bytes they share.
inline constexpr std::size_t kLeastMergedBytes = 4 * 1024;
/// How often a follower looks for new lines.
inline constexpr Millis kFollowPause{250};
/// The longest `since` may reach back.
inline constexpr std::int64_t kMaxSinceSeconds = 366 * 24 * 3'600;

/// The longest a long-poll may ask to wait, and what /v1/watch takes when it does not say.
inline constexpr Millis kMaxPollTimeout{30'000};
inline constexpr Millis kUsualWatchTimeout{10'000};
/// A stream of events without events says that it is alive, and looks for its client, this often.
inline constexpr Millis kKeepAlivePause{15'000};
inline constexpr Millis kWatchTurn{1'000};
/// Events read at once.
inline constexpr std::size_t kWatchedEvents = 200;

/// Requests that wait, watch or follow hold a thread each: at most this many of control's
/// (cmd/pac/limits.hpp: kApiThreads) at a time.
inline constexpr std::size_t kMaxWaiting = 32;

/// Revisions shown with an app, and how far back a rollback looks for one.
inline constexpr std::size_t kShownRevisions = 50;
inline constexpr std::size_t kRollbackSearch = 1'000;

}  // namespace pixell::api
