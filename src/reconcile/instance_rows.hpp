#pragma once

#include <mutex>

#include "model/agent_app.hpp"
#include "store/store.hpp"

namespace pixell::reconcile {

/// Writes what engines show into the store's instance rows. An instance only moves forward
/// (starting, ready, draining, ended): a late answer never takes a row back. Safe from any thread.
class InstanceRows {
 public:
  explicit InstanceRows(store::Store& store) : store_(store) {}

  /// The fencing token of the lease under which rows are written. Before the first write.
  void set_token(store::FencingToken token) { token_ = token; }

  /// Records an instance before it is started: no start time yet.
  Result<void> plan(const model::Instance& instance);
  /// Takes over what the engine shows of a recorded instance; one without a row is left alone.
  Result<void> observe(const model::Instance& seen);
  /// Marks a recorded instance as failed, with why. An ended one stays as it is.
  Result<void> fail(const std::string& id, const model::Failure& failure, UnixMillis now);
  Result<void> remove(const std::string& id);

 private:
  store::Store& store_;
  std::mutex mutex_;  // makes read and write of a row one step
  store::FencingToken token_ = 0;
};

}  // namespace pixell::reconcile
