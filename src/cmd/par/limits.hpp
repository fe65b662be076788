#pragma once

#include <chrono>
#include <cstddef>

namespace pixell::cmd {

/// How long `par healthcheck` waits for an answer in all.
inline constexpr std::chrono::milliseconds kHealthcheckTimeout{2'000};

/// Bytes of an answer that `par healthcheck` shows when it is not healthy.
inline constexpr std::size_t kMaxHealthBodyBytes = 4 * 1024;

/// A log line longer than this is shown in pieces on a terminal.
inline constexpr std::size_t kMaxTerminalLineBytes = 256 * 1024;

}  // namespace pixell::cmd
