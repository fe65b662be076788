#pragma once

#include <string>
#include <string_view>

namespace pixell::cmd {

/// A log line as a person reads it: day and time, end of the instance's id, level, message, other
/// fields. `instance` names it where the line does not (the log of one instance). A line that is no
/// JSON object is a message without time and level. Without a line end.
std::string show_log_line(std::string_view line, std::string_view instance, bool has_colour);

}  // namespace pixell::cmd
