#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "edge/edge_counters.hpp"
#include "edge/route_table.hpp"
#include "edge/surface.hpp"
#include "model/traffic_report.hpp"

namespace pixell::edge {

/// How a request ended for the client, as its reply's head tells it.
struct ReplyCount {
  Surface surface = Surface::Rest;
  int status = 0;
  std::chrono::nanoseconds latency{};  ///< from the request to the head of its reply
  bool is_error = false;               ///< 5xx, a failing gRPC status, or no reply of the upstream
};

/// One revision's requests to one surface.
struct SurfaceCounters {
  /// Replies by the class of their status; [0] = the client left before the reply's head.
  std::array<LoopCounter, 6> by_class{};
  LoopCounter errors{};
  LoopCounter latency_us{};  ///< sum over all that have a latency
  std::array<LoopCounter, model::kLatencyBuckets> latency{};
  LoopCounter bytes_in{};   ///< bodies of requests, as far as they were forwarded
  LoopCounter bytes_out{};  ///< bodies of replies
};

/// What one loop counts of one revision. Only that loop writes, without a lock; the reporter and
/// the metrics page read meanwhile. A surface's counters are made by its first request: 10,000
/// revisions that nobody asks for cost 64 bytes each for each loop.
class alignas(64) TrafficCell {
 public:
  TrafficCell() = default;
  ~TrafficCell();
  TrafficCell(const TrafficCell&) = delete;
  TrafficCell& operator=(const TrafficCell&) = delete;

  /// An exchange starts; end() follows exactly once, and keeps the cell alive until then.
  void begin() { active_.store(active() + 1, std::memory_order_relaxed); }
  /// Its reply's head went to the client.
  void replied(const ReplyCount& reply);
  /// It failed behind the head of its reply.
  void failed(Surface surface) { ++of(surface).errors; }
  /// The client left before the reply's head: a request, but neither an error nor a latency.
  void left(Surface surface) { ++of(surface).by_class[0]; }
  /// What went through, once it is over.
  void moved(Surface surface, std::int64_t bytes_in, std::int64_t bytes_out);
  /// A reader that sees the exchange ended also sees what it counted.
  void end() { active_.store(active() - 1, std::memory_order_release); }

  /// Any thread. No exchange runs, and all that ran are counted.
  bool is_idle() const { return active_.load(std::memory_order_acquire) == 0; }
  /// Any thread: exchanges that run.
  std::int64_t active() const { return active_.load(std::memory_order_relaxed); }
  /// Any thread: null before the first request to that surface.
  const SurfaceCounters* counters(Surface surface) const {
    return surfaces_[static_cast<std::size_t>(surface)].load(std::memory_order_acquire);
  }
  /// Any thread: adds what was counted.
  void add_to(model::RevisionTraffic& sum) const;

 private:
  SurfaceCounters& of(Surface surface);

  std::atomic<std::int64_t> active_ = 0;
  std::array<std::atomic<SurfaceCounters*>, kSurfaces.size()> surfaces_{};  // owned
};

/// Counts requests by app and revision, on every loop by itself.
class TrafficMeter {
 public:
  /// What one loop counts in for one table.
  struct Cells {
    std::vector<TrafficCell*> legs;   ///< by Leg::slot; legs of one revision share one
    std::vector<EdgeCounters*> apps;  ///< by AgentRoute::index
    TrafficCell& of(const Leg& leg) const { return *legs[leg.slot]; }
    EdgeCounters& of(const AgentRoute& route) const { return *apps[route.index]; }
  };

  TrafficMeter(int loops, const Clock& clock);

  /// The cells that the legs of `table` count in, for each loop. They stay until keep_only() of a
  /// table without them. One caller at a time, as for keep_only().
  std::vector<Cells> cells_for(const RouteTable& table);
  /// Every loop uses `table`: the other revisions end once they are acknowledged and have no
  /// exchange any more; over kMaxMeasuredRevisions they end without being acknowledged.
  void keep_only(const RouteTable& table);

  UnixMillis started_at() const { return started_at_; }
  /// Calls `see` for every app, with what each loop counts of it. Any thread but those of the
  /// loops: it takes as long as `see` does, and cells_for() waits meanwhile.
  struct AppView {
    std::string_view app_id;
    std::span<const EdgeCounters> counters;  ///< by loop
    /// By revision; cells by loop.
    std::vector<std::pair<std::int64_t, std::span<const TrafficCell>>> revisions;
  };
  void visit(const std::function<void(const AppView&)>& see) const;
  /// The revisions that have other counts than those acknowledged. Any thread.
  std::vector<model::RevisionTraffic> changed();
  /// Control has these. Any thread.
  void acknowledge(const std::vector<model::RevisionTraffic>& told);
  /// Control has nothing any more. Any thread.
  void forget_acknowledged();

 private:
  struct Revision {
    std::unique_ptr<TrafficCell[]> cells;  // one for each loop
    UnixMillis since = 0;
    std::int64_t acknowledged_requests = 0;
    std::int64_t acknowledged_errors = 0;
    bool is_routed = true;
  };
  using Revisions = std::map<std::int64_t, Revision>;
  struct App {
    std::unique_ptr<EdgeCounters[]> counters;  // one for each loop
    Revisions revisions;
    bool is_routed = true;
  };
  Revision& revision_of(App& app, std::int64_t revision);
  bool is_over(const Revision& revision) const;
  bool is_over(const App& app) const;
  void drop_ended_apps();

  const std::size_t loops_;
  const Clock& clock_;
  const UnixMillis started_at_;
  mutable std::mutex mutex_;  // guards all below, but not what the cells hold
  UnixMillis last_since_ = 0;
  std::map<std::string, App, std::less<>> apps_;
  std::size_t revisions_ = 0;  // of all apps
};

}  // namespace pixell::edge
