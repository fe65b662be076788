#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "store/sqlite/database.hpp"

namespace pixell::store {

/// Copies the write-ahead log to the database file in a thread and a connection of its own, so that
/// no writer waits for the disk because of it.
class Checkpointer {
 public:
  /// `report` hears, on that thread, how each checkpoint ended (null: well).
  Checkpointer(std::unique_ptr<Database> database, std::function<void(const Error*)> report);
  ~Checkpointer();

  /// Asks for a checkpoint; returns at once.
  void wake();

 private:
  void run(std::stop_token stop);

  const std::unique_ptr<Database> database_;  // used by the thread only
  const std::function<void(const Error*)> report_;
  std::mutex mutex_;  // guards is_wanted_
  std::condition_variable_any wake_;
  bool is_wanted_ = false;
  std::jthread thread_;  // last: uses all of the above
};

}  // namespace pixell::store
