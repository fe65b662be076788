#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace pixell::apkg {

/// The safe relative path of an archive entry: no leading "./", no slash at the end. The error's
/// message says what is wrong ("is absolute", "holds \"..\"", …), without the name.
Result<std::string> safe_entry_path(std::string_view name);

/// A name for messages: at most 200 characters, control characters and quotes escaped.
std::string shown_name(std::string_view name);

}  // namespace pixell::apkg
