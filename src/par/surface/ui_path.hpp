#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pixell::par {

/// The segments of a requested UI path after percent-decoding, the last being the file name; ""
/// and a trailing slash mean index.html. Nothing for a path that may not be served: `..`, names
/// with a leading dot (but .well-known), control characters, backslashes, broken escapes, too
/// long, too deep. Pure.
std::optional<std::vector<std::string>> ui_segments(std::string_view encoded);

/// The Content-Type for a file name, by its extension.
std::string_view content_type_of(std::string_view name);

}  // namespace pixell::par
