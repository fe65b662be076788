#pragma once

#include <cstdint>
#include <optional>

#include "reconcile/app_view.hpp"

namespace pixell::reconcile {

/// Until when a former revision stays as it is, for a rollback; none when it does not. `needed` is
/// how many revisions run whatever stays warm: an engine may not have room for more.
std::optional<UnixMillis> warm_until(const AppView& view, std::int64_t revision, int needed);

}  // namespace pixell::reconcile
