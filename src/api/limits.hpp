#pragma once

#include <cstddef>

#include "base/clock.hpp"

namespace pixell::api {

/// A JSON request body.
inline constexpr std::size_t kMaxJsonBodyBytes = 1024 * 1024;
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

/// Bytes of a log one request returns at most, and when it does not say.
inline constexpr std::size_t kMaxLogBytes = 4 * 1024 * 1024;
inline constexpr std::size_t kDefaultLogBytes = 64 * 1024;

/// The longest a long-poll may ask to wait.
inline constexpr Millis kMaxPollTimeout{30'000};

/// Revisions shown with an app.
inline constexpr std::size_t kShownRevisions = 50;

}  // namespace pixell::api
