#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "cmd/terminal/text.hpp"

namespace pixell::cmd {

/// Lines at the end of a terminal that are drawn again in place.
class LiveBlock {
 public:
  explicit LiveBlock(const Screen& screen) : screen_(screen) {}

  /// What must be written so that these lines (without ends) stand in place of the former ones.
  std::string redrawn(const std::vector<std::string>& lines);
  /// Writes it to standard output.
  void draw(const std::vector<std::string>& lines);

 private:
  Screen screen_;
  std::size_t rows_ = 0;  // of the terminal, that the block takes
};

}  // namespace pixell::cmd
