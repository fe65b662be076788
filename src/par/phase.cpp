#include "par/phase.hpp"

#include <array>

namespace pixell::par {

namespace {

constexpr std::array<std::string_view, 13> kNames = {
    "configure", "bind",  "fetch", "verify",   "unpack",  "manifest", "dependencies",
    "worker",    "probe", "ready", "draining", "stopped", "failed"};

}  // namespace

std::string_view to_string(Phase phase) { return kNames[static_cast<std::size_t>(phase)]; }

Phase prepare_phase(std::string_view name) {
  for (const Phase phase : {Phase::Verify, Phase::Unpack, Phase::Manifest, Phase::Dependencies})
    if (name == to_string(phase)) return phase;
  return Phase::Fetch;
}

}  // namespace pixell::par
