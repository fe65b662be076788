#include "engine/log_piece.hpp"

namespace pixell::engine {

void keep_whole_lines(LogPiece& piece, CutLines cut) {
  if (cut.front) {
    const std::size_t newline = piece.text.find('\n');
    if (newline != std::string::npos && newline + 1 < piece.text.size()) {
      piece.text.erase(0, newline + 1);
      piece.from += std::int64_t(newline) + 1;
    }
  }
  if (cut.end) {
    const std::size_t newline = piece.text.rfind('\n');
    if (newline != std::string::npos) piece.text.resize(newline + 1);
  }
  piece.next = piece.from + std::int64_t(piece.text.size());
}

}  // namespace pixell::engine
