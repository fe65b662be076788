#pragma once

#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/unique_fd.hpp"
#include "engine/docker/docker_api.hpp"
#include "engine/docker/events.hpp"

namespace pixell::engine::docker {

/// Knows when something changed: by Docker's event stream, by the records par writes (inotify), and
/// by its owner's word; and tells when the time of a stop is over. Nothing is polled.
class ChangeWatch {
 public:
  struct Parts {
    DockerApi& api;
    std::string installation;
    const Clock& clock;
    Log log;
    /// A container that does not answer its health check any more. On a thread of the watch.
    std::function<void(const std::string& container)> on_unhealthy;
    /// The time of an instance's stop is over. On a thread of the watch.
    std::function<void(const std::string& instance)> on_overdue;
  };

  explicit ChangeWatch(Parts parts) : parts_(std::move(parts)) {}
  ~ChangeWatch() { stop(); }
  ChangeWatch(const ChangeWatch&) = delete;
  ChangeWatch& operator=(const ChangeWatch&) = delete;

  /// Begins, when it has not yet: two threads. An error leaves it for the next call.
  Result<void> start();
  /// Ends the threads.
  void stop();

  /// Something changed.
  void changed();
  /// As Engine::wait_for_change has it.
  std::int64_t wait(std::int64_t after, Millis timeout, std::stop_token stop);

  /// Watches the directory where an instance's par writes its records.
  void watch_records(const std::string& instance, const std::filesystem::path& directory);
  /// Calls on_overdue for the instance then; the nearest of several moments counts.
  void set_deadline(const std::string& instance, UnixMillis deadline);
  void forget(const std::string& instance);

 private:
  void follow_events(std::stop_token stop);
  void follow_records(std::stop_token stop);
  Result<void> read_events(std::int64_t& since, std::stop_token stop);
  bool drain_records();
  int until_next_deadline();
  void tell_overdue();
  void wake();

  Parts parts_;
  std::mutex mutex_;  // guards everything below but the threads
  std::condition_variable_any moved_;
  std::int64_t position_ = 1;
  bool is_started_ = false;
  UniqueFd inotify_;
  UniqueFd wake_;
  std::map<std::string, int> watched_;  // instance -> watch of its directory
  std::map<std::string, UnixMillis> deadlines_;
  std::vector<std::jthread> threads_;  // started once, joined by stop()
};

}  // namespace pixell::engine::docker
