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

}  // namespace pixell::engine
