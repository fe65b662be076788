#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/random_pool.hpp"

namespace pixell {

/// A new ULID: 26 characters, sorts by time (https://github.com/ulid/spec). Random part from
/// getrandom(2).
std::string new_ulid(UnixMillis now);

/// True for 26 characters of Crockford's base 32 in upper case.
bool is_ulid(std::string_view text);

/// Makes ULIDs as new_ulid() does, without a system call or an allocation for each. Belongs to one
/// thread.
class UlidSource {
 public:
  /// Valid until the next call.
  std::string_view next(UnixMillis now);

 private:
  RandomPool random_;
  UnixMillis stamped_ = -1;  // the time that text_ begins with
  std::array<char, 26> text_{};
};

/// The 128 bits of a ULID in lower-case hex, which makes it a W3C trace id; nothing for other text
/// and for a ULID of zeros.
std::optional<std::array<char, 32>> ulid_in_hex(std::string_view text);

/// A new short id of 8 characters, lower-case letters and digits without look-alikes.
std::string new_short_id();

}  // namespace pixell
