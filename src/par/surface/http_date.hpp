#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pixell::par {

/// An HTTP-date (RFC 9110 5.6.7) for seconds since 1970 UTC.
std::string http_date(std::int64_t seconds);

/// Seconds since 1970 UTC of an HTTP-date in any of the three forms that RFC 9110 5.6.7 has;
/// nothing for another text.
std::optional<std::int64_t> seconds_of_http_date(const std::string& text);

}  // namespace pixell::par
