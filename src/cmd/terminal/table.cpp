#include "cmd/terminal/table.hpp"

#include <algorithm>
#include <numeric>

#include "base/check.hpp"

namespace pixell::cmd {

namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kLeastColumnWidth = 8;

}  // namespace

void Table::add(std::vector<Cell> cells) {
  CHECK(cells.size() == columns_.size(), "a row has one cell for each column");
  for (Cell& cell : cells) cell.text = plain(cell.text);
  rows_.push_back(std::move(cells));
}

std::vector<std::size_t> Table::widths(std::size_t screen_width) const {
  std::vector<std::size_t> widths;
  for (std::size_t at = 0; at < columns_.size(); ++at) {
    std::size_t width = display_width(columns_[at].heading);
    for (const auto& row : rows_) width = std::max(width, display_width(row[at].text));
    widths.push_back(width);
  }
  if (screen_width == 0) return widths;
  std::size_t total =
      std::accumulate(widths.begin(), widths.end(), std::size_t{0}) + kGap * (widths.size() - 1);
  while (total > screen_width) {
    const auto widest = std::ranges::max_element(widths);
    if (*widest <= kLeastColumnWidth) break;
    --*widest;
    --total;
  }
  return widths;
}

std::string Table::text(const Screen& screen) const {
  const std::vector<std::size_t> width = widths(screen.width);
  std::string shown;
  const auto add_line = [&](const auto& text_at, const auto& colour_at) {
    std::string line;
    std::size_t blanks = 0;  // those at the end of a line are left out
    for (std::size_t at = 0; at < columns_.size(); ++at) {
      const std::string cut = cut_to_width(text_at(at), width[at]);
      const std::size_t missing = width[at] - std::min(width[at], display_width(cut));
      line.append(blanks + (columns_[at].is_number ? missing : 0), ' ');
      line += painted(colour_at(at), cut, screen.has_colour);
      blanks = kGap + (columns_[at].is_number ? 0 : missing);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    shown += line + "\n";
  };
  add_line([&](std::size_t at) { return columns_[at].heading; },
           [](std::size_t) { return Colour::Dim; });
  for (const auto& row : rows_)
    add_line([&](std::size_t at) { return row[at].text; },
             [&](std::size_t at) { return row[at].colour; });
  return shown;
}

}  // namespace pixell::cmd
