#include "engine/log_piece.hpp"

#include <algorithm>

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

LogPiece cut_log(std::string_view log, std::int64_t start, const LogRange& range) {
  const auto size = std::int64_t(log.size());
  const auto most = std::int64_t(std::min(range.max_bytes, log.size()));
  const bool is_tail = range.from < 0;
  const std::int64_t offset =
      is_tail ? size - most : std::clamp(range.from, start, start + size) - start;
  LogPiece piece{.text = std::string(log.substr(std::size_t(offset), std::size_t(most))),
                 .from = start + offset};
  const bool reaches_end = offset + std::int64_t(piece.text.size()) == size;
  const bool cuts_front = is_tail && offset > 0 && log[std::size_t(offset) - 1] != '\n';
  keep_whole_lines(piece, {.front = cuts_front, .end = !reaches_end});
  return piece;
}

}  // namespace pixell::engine
