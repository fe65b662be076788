#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

#include "base/files.hpp"
#include "base/log.hpp"
#include "edge/route_source.hpp"
#include "edge/route_table.hpp"

namespace pixell::edge {

struct RouteFollowerOptions {
  std::filesystem::path snapshot_path;
  std::vector<std::string> domains{};  ///< below which every app has a host; see HostIndex
};

/// Follows a RouteSource on its own thread: pulls, builds a table, publishes it, saves it to disk.
/// When the source is away the last table stays in force. A table is saved before it is
/// acknowledged, so that a killed edge finds it again; it is synced to disk, against power cuts, as
/// soon as no other comes for kRouteSettleTime, so that no acknowledgement waits for the disk.
class RouteFollower {
 public:
  /// Puts a table in force on every loop; returns when all have it.
  using Publish = std::function<Result<void>(std::shared_ptr<const RouteTable>)>;

  RouteFollower(RouteSource& source, RouteFollowerOptions options, Publish publish, Log log);
  ~RouteFollower();

  /// Publishes what the snapshot file holds, if anything, then starts to pull.
  void start();
  /// Waits until routes are in force or it is known that there are none, at most so long; whether
  /// that is so. After start(), and until it was true once.
  bool wait_for_routes(Millis timeout) { return known_.try_acquire_for(timeout); }
  /// Ends the thread; waits for it.
  void stop();
  /// From now on nothing is saved: another process keeps the snapshot file. From any thread.
  void leave_file_alone() { is_file_ours_ = false; }

 private:
  void follow(std::stop_token stop);
  /// Puts the routes in force, or an error; the former table stays in force then.
  Result<void> apply(const model::RouteSnapshot& snapshot, RouteTable::Origin origin);
  void save(const model::RouteSnapshot& snapshot, Durability durability);
  /// Takes what a pull gave; an error when it could not be put in force.
  Result<void> take(std::optional<model::RouteSnapshot> next);
  void sync();
  Millis poll_timeout() const;
  void tell_known();

  RouteSource& source_;
  RouteFollowerOptions options_;
  Publish publish_;
  Log log_;
  std::atomic<bool> is_file_ours_ = true;
  std::binary_semaphore known_{0};
  bool is_known_ = false;                         // start(), then follower thread only
  std::int64_t generation_ = 0;                   // follower thread only, after start()
  std::optional<model::RouteSnapshot> unsynced_;  // follower thread only
  std::jthread thread_;
};

}  // namespace pixell::edge
