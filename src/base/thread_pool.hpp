#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "base/result.hpp"

namespace pixell {

/// A fixed number of threads that run jobs in order of arrival. The queue is bounded.
class ThreadPool {
 public:
  explicit ThreadPool(std::size_t threads);
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  /// Same as stop().
  ~ThreadPool();

  /// Hands a job to a thread. ResourceExhausted when kMaxQueuedJobs wait; Cancelled after stop().
  /// Jobs handle their own errors; a job that throws ends the process.
  Result<void> submit(std::function<void()> job);

  /// Lets running jobs end, drops waiting ones, joins the threads. Not from a job of this pool.
  void stop();

 private:
  void work();

  std::mutex mutex_;  // guards jobs_ and is_stopping_
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;
  bool is_stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace pixell
