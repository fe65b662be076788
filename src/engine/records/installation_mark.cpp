#include "engine/records/installation_mark.hpp"

#include <fmt/format.h>

namespace pixell::engine {

InstallationMark installation_mark(const std::filesystem::path& state_dir) {
  // FNV-1a, 64 bits (http://www.isthe.com/chongo/tech/comp/fnv/): must not change between builds.
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : state_dir.string()) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3ULL;
  }
  return {.text = fmt::format("{:016x}", hash).substr(0, 12), .number = hash};
}

}  // namespace pixell::engine
