#pragma once

#include <string>
#include <vector>

#include "cmd/terminal/text.hpp"

namespace pixell::cmd {

/// One cell of a table; its text is made plain() when the table shows it.
struct Cell {
  Cell(std::string shown, Colour painted_in = Colour::Plain)  // NOLINT
      : text(std::move(shown)), colour(painted_in) {}
  Cell(const char* shown) : text(shown) {}  // NOLINT
  std::string text;
  Colour colour = Colour::Plain;
};

struct Column {
  std::string heading;
  bool is_number = false;  ///< stands to the right
};

/// Rows under headings, each column as wide as its widest cell. Where the screen is narrower, the
/// widest columns give way, down to kLeastColumnWidth, and their cells end in an ellipsis.
class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  /// As many cells as there are columns.
  void add(std::vector<Cell> cells);
  bool empty() const { return rows_.empty(); }
  /// The lines, headings first, each with its end; without blanks at the ends.
  std::string text(const Screen& screen) const;

 private:
  std::vector<std::size_t> widths(std::size_t screen_width) const;

  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace pixell::cmd
