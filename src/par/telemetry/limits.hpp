#pragma once

#include <cstddef>

#include "base/clock.hpp"

namespace pixell::telemetry {

/// Spans of one request to the collector, and how long the first of them waits for the others.
inline constexpr std::size_t kBatchSpans = 512;
inline constexpr Millis kBatchPause{5'000};
/// Bytes of spans in one request.
inline constexpr std::size_t kMaxBatchBytes = 2 * 1024 * 1024;
/// One line of the input.
inline constexpr std::size_t kMaxLineBytes = 64 * 1024;

/// Tries per batch; OTEL_EXPORTER_OTLP_TIMEOUT is for each. The pause doubles.
inline constexpr int kTries = 3;
inline constexpr Millis kRetryPause{500};
inline constexpr Millis kTimeout{10'000};
inline constexpr Millis kMaxTimeout{60'000};
/// When the input has ended there is one try, of at most this.
inline constexpr Millis kFlushTimeout{1'500};
/// What the collector answers is read this far.
inline constexpr std::size_t kMaxReplyBytes = 64 * 1024;

}  // namespace pixell::telemetry
