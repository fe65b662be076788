#include "engine/ecs/slot_choice.hpp"

#include <fmt/format.h>

namespace pixell::engine::ecs {

Result<Slot> choose_slot(const std::string& app_id, std::int64_t revision, const SlotUses& uses) {
  constexpr std::array kBoth{Slot::A, Slot::B};
  for (const bool must_run : {true, false})
    for (std::size_t i = 0; i < uses.size(); ++i)
      if (uses[i].revision == revision && (uses[i].wanted > 0 || !must_run)) return kBoth[i];
  for (const bool must_be_unused : {true, false})
    for (std::size_t i = 0; i < uses.size(); ++i)
      if (uses[i].wanted == 0 && (uses[i].revision == 0 || !must_be_unused)) return kBoth[i];
  return Error{.code = ErrorCode::ResourceExhausted,
               .message = fmt::format(
                   "revision {} of {} has no place: an app has two services, and they run the "
                   "revisions {} and {}; it starts when one of them is stopped",
                   revision, app_id, uses[0].revision, uses[1].revision),
               .retry = Retry::Later};
}

}  // namespace pixell::engine::ecs
