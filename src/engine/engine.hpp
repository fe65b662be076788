#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "engine/instance_spec.hpp"
#include "model/agent_app.hpp"
#include "model/instance_usage.hpp"

namespace pixell::engine {

class Scaler;
class TrafficMover;

/// What an engine can do; callers ask instead of testing its type.
struct Capabilities {
  std::string name;        ///< local, docker, ecs, fake
  bool own_users = false;  ///< each instance runs under its own user id
  bool memory_limits = false;
  bool cpu_limits = false;
  int max_revisions = 0;           ///< of one app that run at once; 0 = as many as wanted
  bool can_wake = false;           ///< a parked instance is woken by its first byte
  std::vector<std::string> notes;  ///< what is degraded and why, one sentence each
};

/// Which part of an instance's log to read.
struct LogRange {
  /// Absolute position in bytes since the instance's first line; -1 = the last `max_bytes`.
  std::int64_t from = -1;
  std::size_t max_bytes = 64 * 1024;  ///< an engine may return less
};

/// A part of a log. Whole lines, but for a line longer than `max_bytes` and the last one of an
/// instance that has ended; the line that is being written comes when it is complete.
struct LogPiece {
  std::string text;
  std::int64_t from = 0;  ///< position of the text's first byte
  std::int64_t next = 0;  ///< where to go on; equals `from` when there is nothing more yet
};

/// Starts, stops and lists instances. All calls are blocking, idempotent and safe from any thread;
/// each ends by its own deadline. Instances that do not carry this installation's mark are never
/// touched.
class Engine {
 public:
  virtual ~Engine() = default;

  virtual Capabilities capabilities() = 0;

  /// Makes sure the instance exists and runs. The same spec again is success without effect;
  /// another spec under the same id is AlreadyExists. Returns what is observed now (Starting). One
  /// that could not be started, for a reason with a cause of its own (no image, a full disk …), is
  /// returned as Failed with that cause and started_at 0; nothing is kept of it.
  virtual Result<model::Instance> ensure(const InstanceSpec& spec) = 0;

  /// Asks the instance to drain and end within `grace`, then ends it by force. Returns when the
  /// request is recorded, not when it ended; an unknown id is success.
  virtual Result<void> stop(std::string_view instance_id, Millis grace) = 0;

  /// Forgets an ended instance and removes what it left. An unknown id is success;
  /// FailedPrecondition while it runs.
  virtual Result<void> remove(std::string_view instance_id) = 0;

  /// Removes what is kept for an app beside its instances, such as a service and its load balancing
  /// in a cloud, once the app is deleted and its last instance removed; nobody ensures instances of
  /// it from then on. True when nothing is left, false while that takes its time: ask again. An
  /// unknown app is true. An engine that keeps nothing for apps has nothing to do.
  virtual Result<bool> forget_app(std::string_view app_id);

  /// What else than our edges brings requests to the instances; null = nothing. Of the engine's
  /// life.
  virtual TrafficMover* traffic_mover();

  /// Its own scaling of apps; null = it has none. Of the engine's life.
  virtual Scaler* scaler();

  /// Every instance of this installation, ended ones (until removed) included.
  virtual Result<std::vector<model::Instance>> list() = 0;

  /// NotFound when there is none.
  virtual Result<model::Instance> inspect(std::string_view instance_id) = 0;

  /// What a running instance uses now. NotFound for an unknown id, FailedPrecondition for one that
  /// does not run, Unavailable (retry later) where it has to be asked for and does not answer.
  virtual Result<model::InstanceUsage> usage(std::string_view instance_id) = 0;

  /// Reads the instance's log. Positions stay valid while the instance exists, also when old
  /// bytes are dropped: a position among those is moved up to the oldest byte kept, one beyond the
  /// end down to the end; the piece's `from` tells. NotFound for an unknown id; the end of a failed
  /// instance's log may stay readable for a while after its removal.
  virtual Result<LogPiece> read_log(std::string_view instance_id, const LogRange& range) = 0;

  /// Blocks until something may have changed since `after` (the value of the last call, 0 at
  /// first), the deadline passes, or stop is asked. Returns the new position.
  virtual Result<std::int64_t> wait_for_change(std::int64_t after, Millis timeout,
                                               std::stop_token stop) = 0;
};

/// The error of usage() for an instance that does not run.
Error does_not_run(std::string_view instance_id);

}  // namespace pixell::engine
