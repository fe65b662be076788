#include "edge/traffic_meter.hpp"

#include <algorithm>

#include "edge/limits.hpp"

namespace pixell::edge {

TrafficCell::~TrafficCell() {
  for (const auto& surface : surfaces_) delete surface.load(std::memory_order_relaxed);
}

SurfaceCounters& TrafficCell::of(Surface surface) {
  std::atomic<SurfaceCounters*>& place = surfaces_[static_cast<std::size_t>(surface)];
  SurfaceCounters* counters = place.load(std::memory_order_relaxed);
  if (counters == nullptr) {
    counters = new SurfaceCounters();
    place.store(counters, std::memory_order_release);
  }
  return *counters;
}

void TrafficCell::replied(const ReplyCount& reply) {
  SurfaceCounters& counters = of(reply.surface);
  ++counters.latency[model::latency_bucket(reply.latency)];
  counters.latency_us += reply.latency.count() / 1000;
  ++counters.by_class[static_cast<std::size_t>(std::clamp(reply.status / 100, 1, 5))];
  if (reply.is_error) ++counters.errors;
}

void TrafficCell::moved(Surface surface, std::int64_t bytes_in, std::int64_t bytes_out) {
  SurfaceCounters& counters = of(surface);
  counters.bytes_in += bytes_in;
  counters.bytes_out += bytes_out;
}

void TrafficCell::add_to(model::RevisionTraffic& sum) const {
  for (const Surface surface : kSurfaces) {
    const SurfaceCounters* one = counters(surface);
    if (one == nullptr) continue;
    for (const LoopCounter& replies : one->by_class) sum.requests += replies.value();
    sum.errors += one->errors.value();
    for (std::size_t i = 0; i < one->latency.size(); ++i)
      sum.latency_counts[i] += one->latency[i].value();
  }
}

TrafficMeter::TrafficMeter(int loops, const Clock& clock)
    : loops_(static_cast<std::size_t>(loops)), clock_(clock), started_at_(clock.unix_now()) {}

TrafficMeter::Revision& TrafficMeter::revision_of(App& app, std::int64_t number) {
  const auto [found, is_new] = app.revisions.try_emplace(number);
  Revision& revision = found->second;
  if (is_new) {
    ++revisions_;
    revision.cells = std::make_unique<TrafficCell[]>(loops_);
    // Counters that begin anew are told from the former ones by this.
    revision.since = last_since_ = std::max(clock_.unix_now(), last_since_ + 1);
  }
  revision.is_routed = true;
  return revision;
}

std::vector<TrafficMeter::Cells> TrafficMeter::cells_for(const RouteTable& table) {
  std::lock_guard lock(mutex_);
  std::vector<Cells> cells(loops_,
                           Cells{.legs = std::vector<TrafficCell*>(table.slots()),
                                 .apps = std::vector<EdgeCounters*>(table.routes().size())});
  for (const AgentRoute& route : table.routes()) {
    App& app = apps_[route.app_id];
    if (!app.counters) app.counters = std::make_unique<EdgeCounters[]>(loops_);
    app.is_routed = true;
    for (std::size_t loop = 0; loop < loops_; ++loop)
      cells[loop].apps[route.index] = &app.counters[loop];
    const auto add = [&](const Leg& leg) {
      const Revision& revision = revision_of(app, leg.revision);
      for (std::size_t loop = 0; loop < loops_; ++loop)
        cells[loop].legs[leg.slot] = &revision.cells[loop];
    };
    for (const Leg& leg : route.legs) add(leg);
    if (route.legacy) add(*route.legacy);
  }
  return cells;
}

void TrafficMeter::keep_only(const RouteTable& table) {
  std::lock_guard lock(mutex_);
  for (auto& [app_id, app] : apps_) {
    app.is_routed = false;
    for (auto& [number, revision] : app.revisions) revision.is_routed = false;
  }
  for (const AgentRoute& route : table.routes()) {
    const auto app = apps_.find(route.app_id);
    if (app == apps_.end()) continue;
    app->second.is_routed = true;
    const auto keep = [&revisions = app->second.revisions](const Leg& leg) {
      if (const auto kept = revisions.find(leg.revision); kept != revisions.end())
        kept->second.is_routed = true;
    };
    for (const Leg& leg : route.legs) keep(leg);
    if (route.legacy) keep(*route.legacy);
  }
  if (revisions_ > kMaxMeasuredRevisions)
    for (auto& [app_id, app] : apps_)
      revisions_ -=
          std::erase_if(app.revisions, [this](const auto& entry) { return is_over(entry.second); });
  drop_ended_apps();
}

bool TrafficMeter::is_over(const Revision& revision) const {
  if (revision.is_routed) return false;
  for (std::size_t loop = 0; loop < loops_; ++loop)
    if (!revision.cells[loop].is_idle()) return false;
  return true;
}

bool TrafficMeter::is_over(const App& app) const {
  if (app.is_routed || !app.revisions.empty()) return false;
  for (std::size_t loop = 0; loop < loops_; ++loop)
    if (app.counters[loop].waiting.value() != 0) return false;
  return true;
}

void TrafficMeter::drop_ended_apps() {
  std::erase_if(apps_, [this](const auto& entry) { return is_over(entry.second); });
}

std::vector<model::RevisionTraffic> TrafficMeter::changed() {
  std::vector<model::RevisionTraffic> found;
  std::lock_guard lock(mutex_);
  for (auto& [app_id, app] : apps_) {
    for (auto at = app.revisions.begin(); at != app.revisions.end();) {
      const auto& [number, revision] = *at;
      // Asked before the counts are read: what an exchange counted is seen once it is over.
      const bool is_ended = is_over(revision);
      model::RevisionTraffic now{.app_id = app_id, .revision = number, .since = revision.since};
      for (std::size_t loop = 0; loop < loops_; ++loop) revision.cells[loop].add_to(now);
      // Control judges revisions; what a legacy service answers is none.
      const bool is_known =
          number == kLegacyRevision || (now.requests == revision.acknowledged_requests &&
                                        now.errors == revision.acknowledged_errors);
      if (!is_known) found.push_back(std::move(now));
      if (is_known && is_ended) {
        at = app.revisions.erase(at);
        --revisions_;
      } else {
        ++at;
      }
    }
  }
  drop_ended_apps();
  return found;
}

void TrafficMeter::acknowledge(const std::vector<model::RevisionTraffic>& told) {
  std::lock_guard lock(mutex_);
  for (const model::RevisionTraffic& one : told) {
    const auto app = apps_.find(one.app_id);
    if (app == apps_.end()) continue;
    const auto found = app->second.revisions.find(one.revision);
    if (found == app->second.revisions.end() || found->second.since != one.since) continue;
    found->second.acknowledged_requests = one.requests;
    found->second.acknowledged_errors = one.errors;
  }
}

void TrafficMeter::forget_acknowledged() {
  std::lock_guard lock(mutex_);
  for (auto& [app_id, app] : apps_)
    for (auto& [number, revision] : app.revisions)
      revision.acknowledged_requests = revision.acknowledged_errors = 0;
}

void TrafficMeter::visit(const std::function<void(const AppView&)>& see) const {
  std::lock_guard lock(mutex_);
  AppView view;
  for (const auto& [app_id, app] : apps_) {
    view.app_id = app_id;
    view.counters = {app.counters.get(), loops_};
    view.revisions.clear();
    for (const auto& [number, revision] : app.revisions)
      view.revisions.emplace_back(number, std::span(revision.cells.get(), loops_));
    see(view);
  }
}

}  // namespace pixell::edge
