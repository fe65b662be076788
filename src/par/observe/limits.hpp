#pragma once

#include <cstddef>

#include "base/clock.hpp"

namespace pixell::par {

/// tracestate: members and bytes that are passed on (W3C Trace Context 3.3.1; more bytes than the
/// 512 it asks for are kept). A longer one is dropped whole.
inline constexpr std::size_t kMaxTraceStateMembers = 32;
inline constexpr std::size_t kMaxTraceStateBytes = 4096;

/// Bytes of spans that wait for par-telemetry; a span that finds no room is dropped and counted.
inline constexpr std::size_t kMaxQueuedSpanBytes = 1024 * 1024;
/// Spans wait for each other up to this many bytes or this long before they are handed over.
inline constexpr std::size_t kSpanHandOverBytes = 32 * 1024;
inline constexpr Millis kSpanHandOverPause{200};
/// par-telemetry may send what it still has for this long at the end; then it is killed.
inline constexpr Millis kTelemetryFlushGrace{2'000};
/// A par-telemetry that ended is started again after this, at most this often.
inline constexpr Millis kTelemetryRestartPause{5'000};
inline constexpr int kMaxTelemetryRestarts = 10;
/// Between two warnings that spans could not be exported.
inline constexpr Millis kExportWarningPause{60'000};
/// One line par-telemetry says.
inline constexpr std::size_t kMaxTelemetryLineBytes = 4096;

/// Text attributes of a span are cut to this.
inline constexpr std::size_t kMaxSpanTextBytes = 512;

}  // namespace pixell::par
