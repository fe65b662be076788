#include <algorithm>

#include "aws/credentials.hpp"
#include "aws/limits.hpp"

namespace pixell::aws {

CachedCredentials::Age CachedCredentials::age() const {
  if (!current_) return Age::None;
  if (!current_->expires_at) return Age::Fresh;
  const UnixMillis now = clock_.unix_now();
  if (now >= *current_->expires_at) return Age::None;
  if (now >= mandatory_at_) return Age::Mandatory;
  return now >= advisory_at_ ? Age::Advisory : Age::Fresh;
}

Result<Credentials> CachedCredentials::get(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (true) {
    const Age now = age();
    if (now == Age::Fresh) return *current_;
    const bool is_resting = clock_.now() < no_try_before_;
    if (now != Age::None && is_resting) return *current_;
    if (!is_renewing_) return renew(lock);
    if (now == Age::Advisory) return *current_;
    const std::uint64_t round = rounds_;
    if (!renewed_.wait(lock, stop, [&] { return rounds_ != round; }))
      return make_error(ErrorCode::Cancelled, "stopped while waiting for credentials");
    // Whoever waited for a renewal that failed shares its failure.
    if (age() == Age::None && last_failure_) return *last_failure_;
  }
}

Result<Credentials> CachedCredentials::renew(std::unique_lock<std::mutex>& lock) {
  is_renewing_ = true;
  lock.unlock();
  Result<Credentials> fetched = fetch_();
  lock.lock();
  is_renewing_ = false;
  ++rounds_;
  renewed_.notify_all();
  if (!fetched) {
    last_failure_ = fetched.error();
    no_try_before_ = clock_.now() + kRefreshPause;
    if (age() != Age::None) return *current_;
    return fetched;
  }
  last_failure_.reset();
  no_try_before_ = {};
  current_ = *fetched;
  if (current_->expires_at) {
    const Millis life(std::max<UnixMillis>(0, *current_->expires_at - clock_.unix_now()));
    advisory_at_ = *current_->expires_at - std::min(kAdvisoryRefresh, life / 2).count();
    mandatory_at_ = *current_->expires_at - std::min(kMandatoryRefresh, life / 3).count();
  }
  return fetched;
}

void CachedCredentials::reject(const Credentials& expired) {
  const std::lock_guard lock(mutex_);
  // Somebody else may have renewed them already.
  if (!current_ || current_->access_key != expired.access_key ||
      current_->session_token.reveal() != expired.session_token.reveal())
    return;
  current_.reset();
  no_try_before_ = {};
}

}  // namespace pixell::aws
