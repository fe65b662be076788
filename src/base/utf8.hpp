#pragma once

#include <cstddef>
#include <string_view>

namespace pixell {

/// The length of the UTF-8 sequence that starts at text[at], or 0 when it is malformed (RFC 3629).
std::size_t utf8_length(std::string_view text, std::size_t at);

/// True when the whole text is UTF-8, as everything that becomes JSON must be.
bool is_utf8(std::string_view text);

}  // namespace pixell
