#include "edge/traffic_meter.hpp"

#include <algorithm>
#include <set>

#include "edge/limits.hpp"

namespace pixell::edge {

void TrafficCell::replied(std::chrono::nanoseconds latency, bool is_error) {
  add(requests_);
  add(latency_[model::latency_bucket(latency)]);
  if (is_error) add(errors_);
}

void TrafficCell::add_to(model::RevisionTraffic& sum) const {
  sum.requests += requests_.load(std::memory_order_relaxed);
  sum.errors += errors_.load(std::memory_order_relaxed);
  for (std::size_t i = 0; i < latency_.size(); ++i)
    sum.latency_counts[i] += latency_[i].load(std::memory_order_relaxed);
}

TrafficMeter::TrafficMeter(int loops, const Clock& clock)
    : loops_(static_cast<std::size_t>(loops)), clock_(clock), started_at_(clock.unix_now()) {}

std::vector<TrafficMeter::Cells> TrafficMeter::cells_for(const RouteTable& table) {
  std::lock_guard lock(mutex_);
  std::vector<Cells> cells(loops_, Cells(table.slots()));
  for (const AgentRoute& route : table.routes())
    for (const Leg& leg : route.legs) {
      const auto [found, is_new] = revisions_.try_emplace({route.app_id, leg.revision});
      Revision& revision = found->second;
      if (is_new) {
        revision.cells = std::make_unique<TrafficCell[]>(loops_);
        // Counters that begin anew are told from the former ones by this.
        revision.since = last_since_ = std::max(clock_.unix_now(), last_since_ + 1);
      }
      revision.is_routed = true;
      for (std::size_t loop = 0; loop < loops_; ++loop)
        cells[loop][leg.slot] = &revision.cells[loop];
    }
  return cells;
}

void TrafficMeter::keep_only(const RouteTable& table) {
  std::set<Key> kept;
  for (const AgentRoute& route : table.routes())
    for (const Leg& leg : route.legs) kept.emplace(route.app_id, leg.revision);
  std::lock_guard lock(mutex_);
  for (auto& [key, revision] : revisions_) revision.is_routed = kept.contains(key);
  if (revisions_.size() <= kMaxMeasuredRevisions) return;
  std::erase_if(revisions_, [this](const auto& entry) { return is_over(entry.second); });
}

bool TrafficMeter::is_over(const Revision& revision) const {
  if (revision.is_routed) return false;
  for (std::size_t loop = 0; loop < loops_; ++loop)
    if (!revision.cells[loop].is_idle()) return false;
  return true;
}

model::RevisionTraffic TrafficMeter::sum(const Key& key, const Revision& revision) const {
  model::RevisionTraffic total{
      .app_id = key.first, .revision = key.second, .since = revision.since};
  for (std::size_t loop = 0; loop < loops_; ++loop) revision.cells[loop].add_to(total);
  return total;
}

std::vector<model::RevisionTraffic> TrafficMeter::changed() {
  std::vector<model::RevisionTraffic> found;
  std::lock_guard lock(mutex_);
  for (auto at = revisions_.begin(); at != revisions_.end();) {
    const auto& [key, revision] = *at;
    // Asked before the counts are read: what an exchange counted is seen once it is over.
    const bool is_ended = is_over(revision);
    model::RevisionTraffic now = sum(key, revision);
    const bool is_known = now.requests == revision.acknowledged_requests &&
                          now.errors == revision.acknowledged_errors;
    if (!is_known) found.push_back(std::move(now));
    at = is_known && is_ended ? revisions_.erase(at) : std::next(at);
  }
  return found;
}

void TrafficMeter::acknowledge(const std::vector<model::RevisionTraffic>& told) {
  std::lock_guard lock(mutex_);
  for (const model::RevisionTraffic& one : told) {
    const auto found = revisions_.find({one.app_id, one.revision});
    if (found == revisions_.end() || found->second.since != one.since) continue;
    found->second.acknowledged_requests = one.requests;
    found->second.acknowledged_errors = one.errors;
  }
}

void TrafficMeter::forget_acknowledged() {
  std::lock_guard lock(mutex_);
  for (auto& [key, revision] : revisions_)
    revision.acknowledged_requests = revision.acknowledged_errors = 0;
}

}  // namespace pixell::edge
