#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace pixell {

/// The value of a hexadecimal digit of either case, or -1.
int hex_value(char c);

/// Decodes %XX of a URL (RFC 3986 section 2.1); nullopt when a sequence is malformed or hides a
/// NUL. '+' stays a '+'.
std::optional<std::string> percent_decode(std::string_view text);

/// %XX for everything but letters, digits and -._~ (RFC 3986 section 2.3) and what `kept` names.
std::string percent_encode(std::string_view text, std::string_view kept = {});

}  // namespace pixell
