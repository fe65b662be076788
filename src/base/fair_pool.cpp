#include "base/fair_pool.hpp"

namespace pixell {

Result<void> FairPool::submit(std::string_view group, std::function<void()> job) {
  {
    std::lock_guard lock(mutex_);
    auto found = waiting_.find(group);
    if (found == waiting_.end()) found = waiting_.try_emplace(std::string(group)).first;
    found->second.push_back(std::move(job));
  }
  // One turn for each job; which job a turn runs is decided when it comes.
  auto submitted = pool_.submit([this] { run_next(); });
  if (submitted) return submitted;
  std::lock_guard lock(mutex_);
  const auto found = waiting_.find(group);
  if (found == waiting_.end()) return {};  // an earlier turn ran it
  found->second.pop_back();
  if (found->second.empty()) waiting_.erase(found);
  return submitted;
}

void FairPool::run_next() {
  std::function<void()> job;
  {
    std::lock_guard lock(mutex_);
    if (waiting_.empty()) return;  // a submit took its job back
    auto next = waiting_.upper_bound(last_);
    if (next == waiting_.end()) next = waiting_.begin();
    last_ = next->first;
    job = std::move(next->second.front());
    next->second.pop_front();
    if (next->second.empty()) waiting_.erase(next);
  }
  job();
}

}  // namespace pixell
