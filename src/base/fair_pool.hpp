#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/thread_pool.hpp"

namespace pixell {

/// A thread pool that takes its jobs from groups in turn: a group with a thousand waiting jobs does
/// not hold up one with a single job. Within a group jobs run in order of arrival.
class FairPool {
 public:
  explicit FairPool(std::size_t threads) : pool_(threads) {}
  FairPool(const FairPool&) = delete;
  FairPool& operator=(const FairPool&) = delete;

  /// As ThreadPool::submit(), for a group.
  Result<void> submit(std::string_view group, std::function<void()> job);

  /// As ThreadPool::stop().
  void stop() { pool_.stop(); }

 private:
  void run_next();

  std::mutex mutex_;  // guards waiting_ and last_
  std::map<std::string, std::deque<std::function<void()>>, std::less<>> waiting_;  // none is empty
  std::string last_;                                                               // served last
  ThreadPool pool_;  // last: its threads use the rest
};

}  // namespace pixell
