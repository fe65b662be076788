#pragma once

#include <cstddef>

#include "base/clock.hpp"

namespace pixell::prepare {

/// The JSON spec on stdin.
inline constexpr std::size_t kMaxSpecBytes = 1024 * 1024;
/// What is kept of an installer's output, and how many of its last lines become evidence.
inline constexpr std::size_t kMaxOutputBytes = 4 * 1024 * 1024;
inline constexpr std::size_t kEvidenceLines = 15;
/// Asking an interpreter who it is.
inline constexpr Millis kInterpreterTimeout{15'000};
/// Byte-compiling an installed environment.
inline constexpr Millis kCompileTimeout{300'000};
/// Waiting for another process that installs the same environment, on top of the install timeout.
inline constexpr Millis kLockMargin{60'000};

}  // namespace pixell::prepare
