#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "edge/route_table.hpp"
#include "net/client.hpp"

namespace pixell::edge {

/// Why a try failed, when the target is to blame. A 5xx of the agent's own code is not among them:
/// it is the agent's answer, another instance runs the same code and would give it too, and taking
/// instances away from an agent that fails makes it fail more.
enum class TargetFailure {
  Refused,   ///< nobody accepts there, or not in time; nothing was sent
  Closed,    ///< the connection ended or broke HTTP before the reply's head
  NotReady,  ///< par said that its agent cannot serve now
  Slow,      ///< no reply in time: the agent may only be slow, so a probe has to tell
};

/// What all targets of an edge share: who is told of suspects, and what was counted.
struct TargetEvents {
  /// Told by any loop that a target should be probed now. Set before the loops run.
  std::function<void()> on_suspect;
  std::atomic<std::int64_t> ejections = 0;
};

/// What is known of one upstream address, shared by all loops without a lock. Counts and marks are
/// relaxed: a loop that sees an old value picks a target that is a little worse.
///
///   in rotation ─Refused, NotReady, or several Closed in a row─▶ ejected until a time
///   ejected ─time passed, a reply, or a probe answered 200─▶ in rotation
///   in rotation ─probes without answer─▶ unhealthy ─a probe is answered, or a reply─▶ in rotation
class TargetState {
 public:
  TargetState(net::Address address, Instant since, std::shared_ptr<TargetEvents> events);

  const net::Address& address() const { return address_; }
  /// When it came into the table.
  Instant since() const { return Instant(std::chrono::nanoseconds(since_)); }
  int outstanding() const { return outstanding_.load(std::memory_order_acquire); }

  bool is_ejected(Instant now) const {
    return ejected_until_.load(std::memory_order_relaxed) > ticks(now);
  }
  bool is_unhealthy() const { return is_unhealthy_.load(std::memory_order_relaxed); }
  bool is_usable(Instant now) const { return !is_ejected(now) && !is_unhealthy(); }
  /// A request was begun within `window` before `now`, as far as kUsedResolution tells.
  bool was_used(Instant now, Millis window) const;
  /// A failure asks for a probe; the checker takes the wish with take_suspicion().
  bool is_suspect() const { return is_suspect_.load(std::memory_order_relaxed); }
  bool take_suspicion() { return is_suspect_.exchange(false, std::memory_order_relaxed); }

  /// A request is about to be sent; end() follows exactly once. See TargetClaim.
  void begin(Instant now);
  void end() { outstanding_.fetch_sub(1, std::memory_order_release); }
  /// The reply's head came, whatever its status: ejection and verdict are over.
  void succeeded() {
    if (has_marks()) clear();
  }
  /// True when this took it out of rotation.
  bool failed(TargetFailure failure, Instant now);

  // For the health checker.
  /// Answered anything but 503: par and its worker are up, so ejection and verdict are over.
  void probe_succeeded() { succeeded(); }
  /// Answered 503: par lives, but drains or has no worker. Ejected for a while from now.
  void probe_found_not_ready(Instant now);
  bool has_missed() const { return misses_.load(std::memory_order_relaxed) != 0; }
  /// Nobody accepts there, or the connection ended without an answer. Ejected for a while from now;
  /// no further probe is asked for, since the checker goes on by itself.
  void probe_refused(Instant now);
  /// Not answered in time; kMaxProbeMisses in a row make it unhealthy.
  void probe_missed();

 private:
  static std::int64_t ticks(Instant time) { return time.time_since_epoch().count(); }
  bool has_marks() const {
    return failures_.load(std::memory_order_relaxed) != 0 ||
           ejected_until_.load(std::memory_order_relaxed) != 0 ||
           misses_.load(std::memory_order_relaxed) != 0;
  }
  void clear();
  bool count_failure(TargetFailure failure, Instant now);
  bool eject(Instant now, Millis time);
  void end_verdict();

  // What a request touches, on one cache line.
  alignas(64) std::atomic<std::int32_t> outstanding_ = 0;
  std::atomic<std::int32_t> failures_ = 0;  // connection failures in a row
  std::atomic<std::int64_t> ejected_until_ = 0;
  std::atomic<std::int64_t> last_used_ = 0;
  const std::int64_t since_;
  std::atomic<std::int32_t> ejections_ = 0;  // in a row, for connection failures
  std::atomic<std::int32_t> misses_ = 0;     // probes in a row
  std::atomic<bool> is_unhealthy_ = false;
  std::atomic<bool> is_suspect_ = false;

  alignas(64) const net::Address address_;
  const std::shared_ptr<TargetEvents> events_;
};

/// One request's place at a target: counted from its making, before anything is sent, to its end,
/// exactly once. The target stays while it is claimed. Belongs to one thread.
class TargetClaim {
 public:
  TargetClaim() = default;
  TargetClaim(TargetState& target, Instant now) : target_(&target) { target.begin(now); }
  TargetClaim(TargetClaim&& other) noexcept : target_(std::exchange(other.target_, nullptr)) {}
  TargetClaim& operator=(TargetClaim&& other) noexcept {
    if (this == &other) return *this;
    release();
    target_ = std::exchange(other.target_, nullptr);
    return *this;
  }
  ~TargetClaim() { release(); }

  /// Null when nothing is claimed.
  TargetState* target() const { return target_; }
  explicit operator bool() const { return target_ != nullptr; }
  /// Gives the place back; the target may be gone after it. No effect the second time.
  void release() {
    if (TargetState* target = std::exchange(target_, nullptr)) target->end();
  }

 private:
  TargetState* target_ = nullptr;
};

/// The targets of one table, by the slot of their leg. Immutable; keeps them alive.
class TargetSet {
 public:
  TargetSet() = default;
  /// Those of a leg, in the order of its addresses; empty for a slot that the table has not.
  std::span<TargetState* const> of(std::size_t slot) const {
    if (slot + 1 >= begins_.size()) return {};
    return std::span(flat_).subspan(begins_[slot], begins_[slot + 1] - begins_[slot]);
  }
  /// Each once.
  const std::vector<std::shared_ptr<TargetState>>& all() const { return all_; }

 private:
  friend class TargetRegistry;
  std::vector<TargetState*> flat_;
  std::vector<std::size_t> begins_;  // of each slot in flat_, and the end
  std::vector<std::shared_ptr<TargetState>> all_;
};

struct TargetFigures {
  std::int64_t targets = 0;
  std::int64_t outstanding = 0;
  std::int64_t ejected = 0;
  std::int64_t unhealthy = 0;
  std::int64_t ejections = 0;  ///< since the edge runs
};

/// The targets of an edge by address, over all its tables: outstanding requests, ejections and
/// verdicts outlive a swap. Any thread.
class TargetRegistry {
 public:
  /// `on_suspect` is told by any loop that the health checker should look now.
  explicit TargetRegistry(const Clock& clock, std::function<void()> on_suspect = {});

  std::shared_ptr<const TargetSet> targets_for(const RouteTable& table);
  /// Every loop uses `used` now: the other targets go as soon as no request is with them.
  void keep_only(const TargetSet& used);
  TargetFigures figures() const;

 private:
  struct Known {
    std::shared_ptr<TargetState> state;
    bool is_routed = true;
  };
  const Clock& clock_;
  const std::shared_ptr<TargetEvents> events_;
  mutable std::mutex mutex_;  // guards known_
  std::map<std::string, Known, std::less<>> known_;
};

}  // namespace pixell::edge
