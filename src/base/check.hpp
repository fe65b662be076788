#pragma once

namespace pixell {

/// Ends the process with the failed condition on stderr. Used by CHECK only.
[[noreturn]] void check_failed(const char* condition, const char* why, const char* file, int line);

}  // namespace pixell

/// States what a programmer must keep true; aborts in every build. Never for outside input.
#define CHECK(condition, why) \
  ((condition) ? void(0) : ::pixell::check_failed(#condition, why, __FILE__, __LINE__))
