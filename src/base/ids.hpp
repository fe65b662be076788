#pragma once

#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace pixell {

/// A new ULID: 26 characters, sorts by time (https://github.com/ulid/spec). Random part from
/// getrandom(2).
std::string new_ulid(UnixMillis now);

/// True for 26 characters of Crockford's base 32 in upper case.
bool is_ulid(std::string_view text);

/// A new short id of 8 characters, lower-case letters and digits without look-alikes.
std::string new_short_id();

}  // namespace pixell
