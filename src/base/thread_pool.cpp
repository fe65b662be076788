#include "base/thread_pool.hpp"

#include "base/limits.hpp"

namespace pixell {

ThreadPool::ThreadPool(std::size_t threads) {
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

ThreadPool::~ThreadPool() { stop(); }

Result<void> ThreadPool::submit(std::function<void()> job) {
  {
    std::lock_guard lock(mutex_);
    if (is_stopping_) return make_error(ErrorCode::Cancelled, "the process is stopping");
    if (jobs_.size() >= kMaxQueuedJobs)
      return make_error(ErrorCode::ResourceExhausted, "too many jobs are waiting; try again later");
    jobs_.push_back(std::move(job));
  }
  wake_.notify_one();
  return {};
}

void ThreadPool::stop() {
  std::deque<std::function<void()>> dropped;  // destroyed without the lock: a job may call us
  {
    std::lock_guard lock(mutex_);
    is_stopping_ = true;
    dropped.swap(jobs_);
  }
  wake_.notify_all();
  dropped.clear();
  for (std::thread& thread : threads_)
    if (thread.joinable()) thread.join();
}

void ThreadPool::work() {
  while (true) {
    std::function<void()> job;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return is_stopping_ || !jobs_.empty(); });
      if (is_stopping_) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job();
  }
}

}  // namespace pixell
