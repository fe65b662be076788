#pragma once

#include <optional>
#include <string_view>

#include "base/clock.hpp"

namespace pixell::aws {

/// "Wed, 21 Oct 2015 07:28:00 GMT" (RFC 9110 section 5.6.7, the form that is sent today).
std::optional<UnixMillis> parse_http_date(std::string_view text);

/// "2026-11-23T10:00:00Z", with or without a fraction, which is left out.
std::optional<UnixMillis> parse_iso_time(std::string_view text);

}  // namespace pixell::aws
