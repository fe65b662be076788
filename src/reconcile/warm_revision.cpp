#include "reconcile/warm_revision.hpp"

#include <algorithm>

namespace pixell::reconcile {

std::optional<UnixMillis> warm_until(const AppView& view, std::int64_t revision, int needed) {
  if (view.app.is_deleting) return {};
  const auto found =
      std::find_if(view.retired.begin(), view.retired.end(),
                   [&](const model::Revision& one) { return one.number == revision; });
  const auto place = int(found - view.retired.begin());
  if (found == view.retired.end() || place >= view.app.settings.warm_revisions) return {};
  if (view.max_revisions > 0 && needed + place >= view.max_revisions) return {};
  return found->retired_at + view.app.settings.warm_seconds * 1'000;
}

}  // namespace pixell::reconcile
