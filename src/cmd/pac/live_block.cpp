#include "cmd/pac/live_block.hpp"

#include <fmt/format.h>

#include <cstdio>

namespace pixell::cmd {

namespace {

// Of a line with colours: their sequences take no column.
std::size_t shown_width(std::string_view line) {
  std::string text;
  bool is_sequence = false;
  for (const char c : line) {
    if (c == '\x1b') is_sequence = true;
    if (!is_sequence) text += c;
    if (is_sequence && c == 'm') is_sequence = false;
  }
  return display_width(text);
}

}  // namespace

std::string LiveBlock::redrawn(const std::vector<std::string>& lines) {
  // Up over the former block, then clear to the end of the screen.
  std::string written = rows_ == 0 ? std::string() : fmt::format("\x1b[{}A\r\x1b[J", rows_);
  rows_ = 0;
  for (const std::string& line : lines) {
    written += line + "\n";
    const std::size_t width = shown_width(line);
    rows_ += screen_.width == 0 || width == 0 ? 1 : (width + screen_.width - 1) / screen_.width;
  }
  return written;
}

void LiveBlock::draw(const std::vector<std::string>& lines) {
  fmt::print("{}", redrawn(lines));
  std::fflush(stdout);
}

}  // namespace pixell::cmd
