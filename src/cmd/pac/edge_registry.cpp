#include "cmd/pac/edge_registry.hpp"

#include "cmd/pac/limits.hpp"

namespace pixell::cmd {

void EdgeRegistry::heard(std::string_view edge, std::int64_t generation) {
  std::lock_guard lock(mutex_);
  const UnixMillis now = clock_.unix_now();
  std::erase_if(
      edges_, [now](const auto& entry) { return now - entry.second.heard_at > kEdgeLife.count(); });
  if (edges_.size() >= kMaxEdges && !edges_.contains(edge)) return;
  edges_.insert_or_assign(std::string(edge), Edge{.generation = generation, .heard_at = now});
}

bool EdgeRegistry::all_applied(std::string_view, std::int64_t route_generation, UnixMillis now) {
  if (!has_settled()) return false;
  std::lock_guard lock(mutex_);
  bool is_any_live = false;
  for (const auto& [id, edge] : edges_) {
    if (now - edge.heard_at > kEdgeLife.count()) continue;
    is_any_live = true;
    if (edge.generation < route_generation) return false;
  }
  return is_any_live;
}

bool EdgeRegistry::lags_behind(std::string_view, std::int64_t) { return !has_settled(); }

bool EdgeRegistry::has_just_settled() {
  if (is_settled_told_ || !has_settled()) return false;
  is_settled_told_ = true;
  return true;
}

}  // namespace pixell::cmd
