#pragma once

#include <cstddef>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

// Text for a person at a terminal: the one place that knows colours, widths and what is safe there.

namespace pixell::cmd {

/// Where a program's output goes.
struct Screen {
  bool is_terminal = false;
  bool has_colour = false;  ///< a terminal, and neither NO_COLOR nor TERM=dumb says otherwise
  std::size_t width = 0;    ///< columns; 0 = without a limit
};

/// Looks at a descriptor; `env` is the program's environment (NO_COLOR, TERM).
Screen look_at_screen(int fd, const std::map<std::string, std::string>& env);

enum class Colour { Plain, Dim, Green, Yellow, Red };

/// The text in a colour, or as it is where the screen has none.
std::string painted(Colour colour, std::string_view text, bool has_colour);

/// The text without what could drive a terminal: control characters and bytes that are no UTF-8
/// become \xNN. What agents and strangers print is nobody's to trust.
std::string plain(std::string_view text);

/// How many columns a text takes that plain() made: East Asian characters and emoji take two,
/// combining marks none.
std::size_t display_width(std::string_view text);

/// The text, or as much of it as fits with an ellipsis behind. `width` 0 = without a limit.
std::string cut_to_width(std::string_view text, std::size_t width);

/// The text with blanks behind it (or before it) until it has `width` columns.
std::string padded(std::string_view text, std::size_t width, bool to_the_right = false);

/// A value of a JSON document: a text as it is, everything else as JSON. Made plain().
std::string text_of(const nlohmann::json& value);

/// The text under a key; empty when there is none.
std::string text_at(const nlohmann::json& object, const char* key);

/// " key=value" of each field of a log line that is not one that every line has.
std::string log_fields(const nlohmann::json& line);

}  // namespace pixell::cmd
