#include "edge/health_checker.hpp"

#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "edge/limits.hpp"
#include "model/health.hpp"

namespace pixell::edge {

/// One question to one target.
class HealthChecker::Probe final : public net::ClientHandler {
 public:
  Probe(HealthChecker& checker, std::shared_ptr<TargetState> target)
      : checker_(checker), target_(std::move(target)) {}
  ~Probe() override {
    if (stream_ != nullptr) stream_->reset(net::ResetCode::Cancel);
  }

  void ask() {
    asked_at_ = now();
    net::RequestHead head{.method = "GET",
                          .target = "/health",
                          .scheme = "http",
                          .authority = "localhost",
                          .headers = {},
                          .protocol = net::Protocol::Http1};
    head.headers.add("user-agent", model::kProbeUserAgent);
    stream_ = &checker_.client_.open(target_->address(), net::Protocol::Http1, head, *this);
    timer_ = checker_.loop_.after(kProbeTimeout, [this] { late(); });
    stream_->finish();
  }

  void on_head(net::ResponseHead& head) override {
    if (head.status == 503)
      target_->probe_found_not_ready(now());
    else
      target_->probe_succeeded();
    is_answered_ = true;
  }
  void on_data(std::string_view) override {}
  void on_end(const net::Headers&) override {
    stream_ = nullptr;
    over();
  }
  void on_abort(net::AbortReason reason) override {
    stream_ = nullptr;
    if (!is_answered_) {
      if (reason == net::AbortReason::Timeout) {
        target_->probe_missed();
      } else {
        target_->probe_refused(now());
        checker_.schedule(kSuspectProbeInterval);
      }
    }
    over();
  }

 private:
  Instant now() const { return checker_.loop_.clock().now(); }
  void late() {
    // A loop that could not run itself cannot tell who did not answer.
    const bool was_late_itself = now() - asked_at_ > kProbeTimeout + kMaxProbeDelay;
    if (!is_answered_ && !was_late_itself) target_->probe_missed();
    over();
  }
  void over() {
    timer_.cancel();
    checker_.over(*target_);
  }

  HealthChecker& checker_;
  const std::shared_ptr<TargetState> target_;
  net::ClientStream* stream_ = nullptr;
  net::Timer timer_;
  Instant asked_at_{};
  bool is_answered_ = false;
};

HealthChecker::HealthChecker(net::EventLoop& loop)
    : loop_(loop),
      // Each question has a connection of its own, for par must still take them.
      client_(loop, {.connect_timeout = kProbeTimeout, .idle_timeout = Millis(0), .max_idle = 1}) {}

HealthChecker::~HealthChecker() = default;

void HealthChecker::watch(std::shared_ptr<const TargetSet> targets) {
  targets_ = std::move(targets);
  std::unordered_map<const TargetState*, std::unique_ptr<Probe>> kept;
  open_ = 0;
  for (const auto& target : targets_->all()) {
    const auto found = probes_.find(target.get());
    if (found == probes_.end() || found->second == nullptr) continue;
    kept[target.get()] = std::move(found->second);
    ++open_;
  }
  probes_.swap(kept);
  waiting_.clear();  // they are found again by the next look
  if (timer_.is_set()) return;
  next_turn_ = loop_.clock().now() + kProbeInterval;
  schedule(kProbeInterval);
}

void HealthChecker::look_soon() {
  if (is_look_due_.exchange(true)) return;
  loop_.post([this] {
    is_look_due_ = false;
    look();
  });
}

void HealthChecker::look() {
  const Instant now = loop_.clock().now();
  const bool is_turn = now >= next_turn_;
  if (is_turn) next_turn_ = now + kProbeInterval;
  bool is_any_suspect = false;
  for (const auto& target : targets_->all()) {
    const bool is_suspect =
        target->take_suspicion() || target->has_missed() || !target->is_usable(now);
    is_any_suspect = is_any_suspect || is_suspect;
    if (!is_suspect && !(is_turn && target->was_used(now, kProbeUsedWithin))) continue;
    if (probes_.try_emplace(target.get()).second) waiting_.push_back(target);
  }
  start_waiting();
  schedule(is_any_suspect ? kSuspectProbeInterval : kProbeInterval);
}

void HealthChecker::start_waiting() {
  for (; !waiting_.empty() && open_ < kMaxProbesAtOnce; ++open_) {
    const std::shared_ptr<TargetState> target = std::move(waiting_.front());
    waiting_.pop_front();
    auto probe = std::make_unique<Probe>(*this, target);
    probe->ask();
    probes_[target.get()] = std::move(probe);
  }
}

void HealthChecker::over(const TargetState& target) {
  const auto found = probes_.find(&target);
  CHECK(found != probes_.end() && found->second != nullptr, "a probe ends once");
  // We are in a callback of the probe.
  loop_.delete_later(std::move(found->second));
  probes_.erase(found);
  --open_;
  start_waiting();
}

void HealthChecker::schedule(Millis at_most) {
  const auto to_turn = std::chrono::ceil<Millis>(next_turn_ - loop_.clock().now());
  timer_ = loop_.after(std::min(at_most, to_turn), [this] { look(); });
}

}  // namespace pixell::edge
