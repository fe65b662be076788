#include "cmd/terminal/text.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/utf8.hpp"

namespace pixell::cmd {

namespace {

using nlohmann::json;

// What every log line has; it is not repeated behind a message.
constexpr std::array kKnownFields = {
    std::string_view("event"),      std::string_view("level"),        std::string_view("timestamp"),
    std::string_view("agentAppId"), std::string_view("deploymentId"), std::string_view("stream")};

constexpr std::string_view kEllipsis = "\xe2\x80\xa6";

struct Range {
  char32_t first;
  char32_t last;
};

// The blocks that hold the combining marks and the characters of two columns (Unicode 15), as far
// as names and messages have them.
constexpr std::array kNoColumn = {
    Range{0x0300, 0x036f}, Range{0x0483, 0x0489}, Range{0x1ab0, 0x1aff}, Range{0x1dc0, 0x1dff},
    Range{0x200b, 0x200f}, Range{0x20d0, 0x20ff}, Range{0xfe00, 0xfe0f}, Range{0xfe20, 0xfe2f}};
constexpr std::array kTwoColumns = {
    Range{0x1100, 0x115f},   Range{0x2e80, 0x303e},   Range{0x3041, 0x33ff},
    Range{0x3400, 0x4dbf},   Range{0x4e00, 0x9fff},   Range{0xa000, 0xa4cf},
    Range{0xac00, 0xd7a3},   Range{0xf900, 0xfaff},   Range{0xfe30, 0xfe4f},
    Range{0xff00, 0xff60},   Range{0xffe0, 0xffe6},   Range{0x1f300, 0x1f64f},
    Range{0x1f680, 0x1f6ff}, Range{0x1f900, 0x1f9ff}, Range{0x20000, 0x3fffd}};

bool is_in(char32_t point, const auto& ranges) {
  return std::ranges::any_of(
      ranges, [point](const Range& range) { return point >= range.first && point <= range.last; });
}

char32_t code_point(std::string_view sequence) {
  const auto first = static_cast<unsigned char>(sequence[0]);
  if (sequence.size() == 1) return first;
  char32_t point = first & (0xffU >> (sequence.size() + 1));
  for (const char c : sequence.substr(1))
    point = (point << 6) | (static_cast<unsigned char>(c) & 0x3fU);
  return point;
}

std::size_t columns_of(std::string_view sequence) {
  const char32_t point = code_point(sequence);
  if (is_in(point, kNoColumn)) return 0;
  return is_in(point, kTwoColumns) ? 2 : 1;
}

// The sequence at a place; of malformed text a single byte.
std::string_view sequence_at(std::string_view text, std::size_t at) {
  return text.substr(at, std::max<std::size_t>(1, utf8_length(text, at)));
}

std::string value_of(const std::map<std::string, std::string>& env, const char* name) {
  const auto found = env.find(name);
  return found == env.end() ? std::string() : found->second;
}

}  // namespace

Screen look_at_screen(int fd, const std::map<std::string, std::string>& env) {
  Screen screen{.is_terminal = ::isatty(fd) == 1};
  if (!screen.is_terminal) return screen;
  // https://no-color.org/
  screen.has_colour = value_of(env, "NO_COLOR").empty() && value_of(env, "TERM") != "dumb";
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) == 0) screen.width = size.ws_col;
  return screen;
}

std::string painted(Colour colour, std::string_view text, bool has_colour) {
  constexpr std::array kCodes = {"0", "2", "32", "33", "31"};
  if (!has_colour || colour == Colour::Plain || text.empty()) return std::string(text);
  return fmt::format("\x1b[{}m{}\x1b[0m", kCodes[static_cast<std::size_t>(colour)], text);
}

std::string plain(std::string_view text) {
  std::string shown;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text, at);
    const std::string_view sequence = sequence_at(text, at);
    const char32_t point = code_point(sequence);
    const bool is_control = (point < 0x20 && point != '\t') || (point >= 0x7f && point < 0xa0);
    if (length > 0 && !is_control)
      shown += sequence;
    else
      for (const char c : sequence)
        fmt::format_to(std::back_inserter(shown), "\\x{:02x}",
                       static_cast<unsigned>(static_cast<unsigned char>(c)));
    at += sequence.size();
  }
  return shown;
}

std::size_t display_width(std::string_view text) {
  std::size_t columns = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view sequence = sequence_at(text, at);
    columns += columns_of(sequence);
    at += sequence.size();
  }
  return columns;
}

std::string cut_to_width(std::string_view text, std::size_t width) {
  if (width == 0 || display_width(text) <= width) return std::string(text);
  std::string cut;
  std::size_t columns = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view sequence = sequence_at(text, at);
    columns += columns_of(sequence);
    if (columns > width - 1) break;
    cut += sequence;
    at += sequence.size();
  }
  return cut + std::string(kEllipsis);
}

std::string padded(std::string_view text, std::size_t width, bool to_the_right) {
  const std::size_t columns = display_width(text);
  const std::string blanks(width > columns ? width - columns : 0, ' ');
  return to_the_right ? blanks + std::string(text) : std::string(text) + blanks;
}

std::string text_of(const json& value) {
  return plain(value.is_string() ? value.get_ref<const std::string&>()
                                 : value.dump(-1, ' ', false, json::error_handler_t::replace));
}

std::string text_at(const json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() ? std::string() : text_of(*found);
}

std::string log_fields(const json& line) {
  std::string text;
  for (const auto& [key, value] : line.items())
    if (std::ranges::find(kKnownFields, key) == kKnownFields.end())
      text += fmt::format(" {}={}", plain(key), text_of(value));
  return text;
}

}  // namespace pixell::cmd
