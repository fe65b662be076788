#include <algorithm>
#include <map>
#include <optional>
#include <queue>
#include <random>

#include "aws/limits.hpp"
#include "aws/rate_limiter.hpp"
#include "aws/retry.hpp"
#include "aws/services.hpp"
#include "base/testing/fake_clock.hpp"
#include "operations.hpp"

namespace pixell::probe {

using nlohmann::json;

namespace {

/// AWS's side: a bucket for each class of action, of which it only tells when it is empty.
class ModelOfAws {
 public:
  ModelOfAws(const Clock& clock, std::function<aws::BucketRate(const aws::BucketKey&)> rate_of)
      : clock_(clock), rate_of_(std::move(rate_of)) {}

  bool admits(const aws::BucketKey& key) {
    const auto [at, is_new] = buckets_.try_emplace(key);
    Bucket& bucket = at->second;
    const aws::BucketRate rate = rate_of_(key);
    if (is_new) bucket = {.tokens = rate.burst, .filled_at = clock_.now()};
    const std::chrono::duration<double> past = clock_.now() - bucket.filled_at;
    bucket.tokens = std::min(rate.burst, bucket.tokens + rate.per_second * past.count());
    bucket.filled_at = clock_.now();
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

 private:
  struct Bucket {
    double tokens = 0;
    Instant filled_at{};
  };
  const Clock& clock_;
  const std::function<aws::BucketRate(const aws::BucketKey&)> rate_of_;
  std::map<aws::BucketKey, Bucket> buckets_;
};

/// A sync that is under way: which call of its agent, which attempt.
struct Worker {
  std::size_t call = 0;
  int attempt = 1;
  bool is_idle = true;
  std::optional<aws::RateLimiter::Place> place{};
};

class Rollout {
 public:
  explicit Rollout(const json& asked)
      : agents_(asked.at("agents")),
        latency_(asked.value("latency_ms", 50)),
        workers_(asked.value("workers", std::size_t{16})),
        model_(clock_,
               [share = asked.value("share", 1.0)](const aws::BucketKey& key) {
                 aws::BucketRate rate = aws::published_rate(key);
                 return aws::BucketRate{.burst = std::max(1.0, rate.burst * share),
                                        .per_second = rate.per_second * share};
               }),
        limiter_(clock_, aws::published_rate),
        random_(asked.value("seed", 1)) {
    for (const json& each : asked.at("calls")) {
      const aws::Action* action =
          aws::find_action(each.at(0).get<std::string>(), each.at(1).get<std::string>());
      if (action != nullptr)
        calls_.push_back({.account = {},
                          .region = "us-east-2",
                          .service = std::string(action->service),
                          .action_class = std::string(action->action_class)});
    }
  }

  json run() {
    const Instant began = clock_.now();
    for (std::size_t i = 0; i < workers_.size(); ++i) due_.push({clock_.now(), i});
    while (!due_.empty()) {
      const auto [when, index] = due_.top();
      due_.pop();
      if (when > clock_.now()) clock_.advance(std::chrono::ceil<Millis>(when - clock_.now()));
      if (const Millis next = step(workers_[index]); next >= Millis(0))
        due_.push({clock_.now() + next, index});
    }
    const std::chrono::duration<double> taken = clock_.now() - began;
    return {{"seconds", taken.count()},
            {"sent", sent_},
            {"throttled", throttled_},
            {"given_up", given_up_}};
  }

 private:
  // What a worker does now, and how long until it does more; negative when there is no agent left.
  Millis step(Worker& worker) {
    if (worker.is_idle) {
      if (agents_ == 0) return Millis(-1);
      --agents_;
      worker = {.is_idle = false};
    }
    const aws::BucketKey& key = calls_.at(worker.call);
    if (!worker.place) {
      const auto place = limiter_.enter(key, aws::Lane::Deploy);
      if (!place) return aws::kTokenLook;
      worker.place = *place;
    }
    if (const Millis wait = limiter_.poll(*worker.place); wait > Millis(0))
      return std::min(wait, aws::kTokenLook);
    worker.place.reset();
    ++sent_;
    if (!model_.admits(key)) return refused(worker, key);
    limiter_.succeeded(key);
    worker.attempt = 1;
    worker.is_idle = ++worker.call == calls_.size();
    return latency_;
  }

  Millis refused(Worker& worker, const aws::BucketKey& key) {
    ++throttled_;
    limiter_.throttled(key);
    const double random = std::uniform_real_distribution<double>(0, 1)(random_);
    const Millis pause = aws::full_jitter(aws::Remedy::WaitLonger, worker.attempt, random);
    // The call fails, and the next pass of the reconciler does it again.
    if (++worker.attempt > aws::kCallAttempts) {
      worker.attempt = 1;
      ++given_up_;
    }
    return latency_ + pause;
  }

  using Due = std::pair<Instant, std::size_t>;

  int agents_;
  const Millis latency_;
  std::vector<Worker> workers_;
  std::vector<aws::BucketKey> calls_;
  FakeClock clock_;
  ModelOfAws model_;
  aws::RateLimiter limiter_;
  std::mt19937 random_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
  int sent_ = 0;
  int throttled_ = 0;
  int given_up_ = 0;
};

}  // namespace

json simulate_rollout(const json& asked) { return Rollout(asked).run(); }

json list_rates(const json& asked) {
  json rates = json::object();
  for (const json& each : asked.at("calls")) {
    const aws::Action* action =
        aws::find_action(each.at(0).get<std::string>(), each.at(1).get<std::string>());
    if (action == nullptr) continue;
    const std::string bucket =
        std::string(action->service) + ' ' + std::string(action->action_class);
    const aws::BucketRate rate =
        aws::published_rate({.account = {},
                             .region = {},
                             .service = std::string(action->service),
                             .action_class = std::string(action->action_class)});
    json& row = rates[bucket];
    row["burst"] = rate.burst;
    row["per_second"] = rate.per_second;
    row["calls"] = row.value("calls", 0) + 1;
  }
  return {{"rates", rates}};
}

}  // namespace pixell::probe
