#pragma once

#include "engine/engine.hpp"

namespace pixell::engine {

/// Where a text that was cut out of a log may have parts of lines.
struct CutLines {
  bool front = false;
  bool end = false;
};

/// Drops the part of a line at the named sides, as far as whole lines are left then, and sets
/// `from` and `next` accordingly. `from` is the position of the text's first byte before.
void keep_whole_lines(LogPiece& piece, CutLines cut);

/// Reads a whole log that is in memory, as Engine::read_log has it. `start` is the position of its
/// first byte; nobody writes to it any more.
LogPiece cut_log(std::string_view log, std::int64_t start, const LogRange& range);

}  // namespace pixell::engine
