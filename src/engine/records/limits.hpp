#pragma once

#include <cstdint>

namespace pixell::engine {

/// What one logs request may return.
inline constexpr std::int64_t kMaxLogReplyBytes = 1024 * 1024;

}  // namespace pixell::engine
