#include "edge/parking.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace pixell::edge {

std::string describe_unserved(std::string_view app, Unserved why) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(kMaxParkingTime).count();
  switch (why) {
    case Unserved::TimedOut:
      return fmt::format("agent '{}' got no ready instance within {} s; try again", app, seconds);
    case Unserved::AppFull:
      return fmt::format(
          "agent '{}' has no ready instance at the moment and {} requests wait for one; try again",
          app, kMaxParkedPerApp);
    case Unserved::LoopFull:
      return fmt::format(
          "agent '{}' has no ready instance at the moment and {} requests wait for agents; try "
          "again",
          app, kMaxParkedPerLoop);
    case Unserved::AppIsDown:
      return fmt::format(
          "agent '{}' has no ready instance, for more than {} s by now; look at its instances, or "
          "try again",
          app, seconds);
  }
  return {};
}

ParkingLot::Ticket& ParkingLot::Ticket::operator=(Ticket&& other) noexcept {
  if (this == &other) return *this;
  leave();
  lot_ = std::exchange(other.lot_, nullptr);
  if (lot_ == nullptr) return *this;
  entry_ = other.entry_;
  entry_->ticket = this;
  return *this;
}

void ParkingLot::Ticket::leave() {
  ParkingLot* lot = std::exchange(lot_, nullptr);
  if (lot == nullptr) return;
  add(lot->waiting_, -1);
  entry_->home->erase(entry_);
}

ParkingLot::~ParkingLot() {
  for (auto& [app, down] : apps_)
    for (Entry& entry : down.queue) entry.ticket->lot_ = nullptr;
}

void ParkingLot::add(std::atomic<std::int64_t>& count, std::int64_t n) {
  count.store(count.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

std::optional<Unserved> ParkingLot::refuses(std::string_view app, Instant arrived) const {
  if (waiting_.load(std::memory_order_relaxed) >= std::int64_t(limits_.per_loop))
    return Unserved::LoopFull;
  const auto found = apps_.find(app);
  if (found == apps_.end()) return std::nullopt;
  if (arrived - found->second.down_since > limits_.time) return Unserved::AppIsDown;
  if (found->second.queue.size() >= limits_.per_app) return Unserved::AppFull;
  return std::nullopt;
}

std::expected<ParkingLot::Ticket, Unserved> ParkingLot::park(std::string_view app,
                                                             Request request) {
  const Instant now = loop_.clock().now();
  const bool is_late = request.deadline <= now;
  const auto why = is_late ? std::optional(Unserved::TimedOut) : refuses(app, request.arrived);
  if (why) {
    add(is_late ? timed_out_ : refused_, 1);
    return std::unexpected(*why);
  }
  auto found = apps_.find(app);
  if (found == apps_.end()) found = apps_.emplace(app, App{.down_since = now}).first;
  App& down = found->second;

  // Whoever came again keeps its old place.
  auto place = down.queue.end();
  while (place != down.queue.begin() && std::prev(place)->request.arrived > request.arrived)
    --place;
  const auto rest = std::chrono::ceil<Millis>(request.deadline - now);
  const auto entry = down.queue.emplace(place);
  entry->request = std::move(request);
  entry->home = &down.queue;
  entry->timer = loop_.after(rest, [this, entry] {
    add(timed_out_, 1);
    call(*entry->home, entry, Over::TimedOut);
  });
  add(waiting_, 1);
  add(parked_, 1);
  if (down.has_targets) retry_later();
  Ticket ticket;
  ticket.lot_ = this;
  ticket.entry_ = entry;
  entry->ticket = &ticket;
  return ticket;
}

void ParkingLot::call(Queue& from, Queue::iterator entry, Over over) {
  Queue called;  // keeps it while the owner may park again, or leave with others
  called.splice(called.begin(), from, entry);
  entry->ticket->lot_ = nullptr;
  entry->timer.cancel();
  add(waiting_, -1);
  entry->request.on_over(over);
}

void ParkingLot::wake(std::string_view app) {
  const auto found = apps_.find(app);
  if (found == apps_.end()) return;
  Queue woken;
  woken.splice(woken.begin(), found->second.queue);
  apps_.erase(found);
  for (Entry& entry : woken) entry.home = &woken;
  while (!woken.empty()) call(woken, woken.begin(), Over::Woken);
}

void ParkingLot::served(std::string_view app, bool had_waited) {
  const auto found = apps_.find(app);
  if (found != apps_.end() && (had_waited || found->second.queue.empty())) wake(app);
}

void ParkingLot::lost_targets(std::string_view app, Instant since) {
  const auto found = apps_.find(app);
  if (found != apps_.end()) {
    found->second.has_targets = false;
    return;
  }
  App& down = apps_.emplace(app, App{}).first->second;
  down.down_since = since;
  down.has_targets = false;
}

void ParkingLot::retry_later() {
  if (!retry_.is_set()) retry_ = loop_.after(kParkedRetryInterval, [this] { retry_first(); });
}

void ParkingLot::retry_first() {
  retry_.cancel();
  std::vector<std::string> asking;
  for (const auto& [app, down] : apps_)
    if (down.has_targets && !down.queue.empty()) asking.push_back(app);
  for (const std::string& app : asking) {
    const auto found = apps_.find(app);  // the owner before may have woken it
    if (found == apps_.end() || found->second.queue.empty()) continue;
    call(found->second.queue, found->second.queue.begin(), Over::Woken);
  }
  if (!asking.empty()) retry_later();
}

std::vector<std::string> ParkingLot::down() const {
  std::vector<std::string> names;
  for (const auto& [app, down] : apps_) names.push_back(app);
  return names;
}

ParkingFigures ParkingLot::figures() const {
  return {.waiting = waiting_.load(std::memory_order_relaxed),
          .parked = parked_.load(std::memory_order_relaxed),
          .timed_out = timed_out_.load(std::memory_order_relaxed),
          .refused = refused_.load(std::memory_order_relaxed)};
}

}  // namespace pixell::edge
