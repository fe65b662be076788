#include "edge/route_follower.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "edge/limits.hpp"
#include "edge/snapshot_file.hpp"

namespace pixell::edge {

RouteFollower::RouteFollower(RouteSource& source, RouteFollowerOptions options, Publish publish,
                             Log log)
    : source_(source),
      options_(std::move(options)),
      publish_(std::move(publish)),
      log_(std::move(log)) {}

RouteFollower::~RouteFollower() { stop(); }

void RouteFollower::start() {
  if (const auto saved = load_snapshot(options_.snapshot_path)) {
    const auto applied = apply(*saved, RouteTable::Origin::SnapshotFile);
    if (applied) tell_known();
    if (!applied) log_.warning("Saved routes not used", {{"error", applied.error().message}});
  } else if (saved.error().code != ErrorCode::NotFound) {
    log_.warning("Saved routes not used", {{"error", saved.error().message}});
  }
  thread_ = std::jthread([this](std::stop_token stop) { follow(stop); });
}

void RouteFollower::stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

Result<void> RouteFollower::apply(const model::RouteSnapshot& snapshot, RouteTable::Origin origin) {
  TRY(auto table, RouteTable::build(snapshot, origin, options_.domains));
  TRY_VOID(publish_(std::move(table)));
  log_.info("Routes applied", {{"generation", snapshot.generation},
                               {"was", generation_},
                               {"agents", snapshot.routes.size()}});
  generation_ = snapshot.generation;
  return {};
}

void RouteFollower::save(const model::RouteSnapshot& snapshot, Durability durability) {
  if (!is_file_ours_) return;
  if (const auto saved = save_snapshot(options_.snapshot_path, snapshot, durability); !saved)
    log_.error("Routes not saved", {{"error", saved.error().message}});
}

Result<void> RouteFollower::take(std::optional<model::RouteSnapshot> next) {
  if (!next) {
    sync();
    return {};
  }
  TRY_VOID(apply(*next, RouteTable::Origin::Control));
  save(*next, Durability::ProcessCrash);
  unsynced_ = std::move(next);
  return {};
}

void RouteFollower::sync() {
  if (unsynced_) save(*unsynced_, Durability::PowerCut);
  unsynced_.reset();
}

Millis RouteFollower::poll_timeout() const {
  // The first question of all is not kept waiting by a source that has no routes.
  if (!is_known_) return Millis(0);
  return unsynced_ ? kRouteSettleTime : kRoutePollTimeout;
}

void RouteFollower::tell_known() {
  if (!std::exchange(is_known_, true)) known_.release();
}

void RouteFollower::follow(std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  Millis backoff = kRoutePullBackoffMin;
  bool was_away = false;
  while (!stop.stop_requested()) {
    auto next = source_.next(generation_, poll_timeout(), stop);
    Result<void> taken;
    if (next)
      taken = take(std::move(*next));
    else
      sync();
    if (next && taken) {
      tell_known();
      if (was_away) log_.info("Route source is back");
      was_away = false;
      backoff = kRoutePullBackoffMin;
      continue;
    }
    const Error error = next ? taken.error() : next.error();
    if (stop.stop_requested() || error.code == ErrorCode::Cancelled) continue;
    // One line per outage, not one per try.
    if (!was_away)
      log_.warning("Route source is away, serving the last routes", {{"error", error.message}});
    was_away = true;
    std::unique_lock lock(mutex);
    wake.wait_for(lock, stop, backoff, [] { return false; });
    backoff = std::min(backoff * 2, kRoutePullBackoffMax);
  }
  sync();
}

}  // namespace pixell::edge
