#pragma once

#include <string_view>

namespace pixell::engine {

/// Where the part of a log that the node answers begins, and where to go on: both in bytes since
/// the instance's first line.
inline constexpr std::string_view kLogFromHeader = "x-log-from";
inline constexpr std::string_view kLogNextHeader = "x-log-next";

}  // namespace pixell::engine
