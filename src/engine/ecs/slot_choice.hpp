#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "engine/ecs/names.hpp"

namespace pixell::engine::ecs {

/// What one slot of an app has.
struct SlotUse {
  std::int64_t revision = 0;  ///< that it ran last; 0 = it was never used
  int wanted = 0;             ///< instances that should run
};

/// Both slots, A first.
using SlotUses = std::array<SlotUse, 2>;

/// Where an instance of a revision belongs: where this revision is, else where no instance is
/// wanted, first an unused one. ResourceExhausted (later) when both run other revisions: a service
/// runs one revision.
Result<Slot> choose_slot(const std::string& app_id, std::int64_t revision, const SlotUses& uses);

}  // namespace pixell::engine::ecs
