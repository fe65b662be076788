#pragma once

#include <string_view>

namespace pixell::par {

/// Where par is in its life; runtime.hpp draws the order. Bind to Probe are the phases of a boot.
enum class Phase {
  Configure,
  Bind,
  Fetch,
  Verify,
  Unpack,
  Manifest,
  Dependencies,
  Worker,
  Probe,
  Ready,
  Draining,
  Stopped,
  Failed,
};

/// The word used in state.json, in 503 bodies, in boot reports and in logs.
std::string_view to_string(Phase phase);

/// The phase par-prepare means by a word; Fetch for one it does not know.
Phase prepare_phase(std::string_view name);

}  // namespace pixell::par
