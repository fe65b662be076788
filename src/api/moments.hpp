#pragma once

#include <optional>
#include <string_view>

#include "base/clock.hpp"

namespace pixell::api {

/// A date and time of RFC 3339 ("2026-11-23T10:00:00.123Z", also with an offset); none when it is
/// no such text.
std::optional<UnixMillis> parse_rfc3339(std::string_view text);

/// A moment as `since` takes it: RFC 3339, or how long before `now` ("90s", "15m", "2h", "1d", at
/// most kMaxSinceSeconds). None when it is neither.
std::optional<UnixMillis> parse_since(std::string_view text, UnixMillis now);

}  // namespace pixell::api
