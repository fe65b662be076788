#include "cmd/pac/edge_measurements.hpp"

#include <algorithm>
#include <limits>

namespace pixell::cmd {

namespace {

void add_clamped(std::uint32_t& sum, std::int64_t more) {
  constexpr std::int64_t kMost = std::numeric_limits<std::uint32_t>::max();
  sum = static_cast<std::uint32_t>(std::min(kMost - sum, std::clamp<std::int64_t>(more, 0, kMost)) +
                                   sum);
}

// By how much counters grew. Those that did not stay at 0.
model::RevisionTraffic growth(const model::RevisionTraffic& from,
                              const model::RevisionTraffic& to) {
  model::RevisionTraffic grown = to;
  grown.requests = std::max<std::int64_t>(0, to.requests - from.requests);
  grown.errors = std::max<std::int64_t>(0, to.errors - from.errors);
  for (std::size_t i = 0; i < grown.latency_counts.size(); ++i)
    grown.latency_counts[i] =
        std::max<std::int64_t>(0, to.latency_counts[i] - from.latency_counts[i]);
  return grown;
}

}  // namespace

UnixMillis EdgeMeasurements::take(std::string_view edge, const model::TrafficReport& report) {
  std::lock_guard lock(mutex_);
  for (const model::RevisionTraffic& told : report.revisions)
    take_one(edge, report.started_at, told);
  keep_in_bounds(clock_.unix_now());
  return listening_since_;
}

void EdgeMeasurements::take_one(std::string_view edge, UnixMillis started_at,
                                const model::RevisionTraffic& told) {
  const UnixMillis now = clock_.unix_now();
  const auto [found, is_new] =
      series_.try_emplace({std::string(edge), started_at, told.app_id, told.revision});
  Series& series = found->second;
  const bool goes_on = !is_new && series.last.since == told.since;
  if (goes_on) {
    // A late report that a later one overtook tells nothing new.
    if (told.requests < series.last.requests) return;
    add(growth(series.last, told), now);
  } else {
    // What was counted before anybody listened may be long ago: as long as the counters are old.
    const bool is_recent = told.since >= reliable_since_;
    add(told, is_recent ? now : std::min(now, told.since + kTrafficSampleSpan.count()));
  }
  series.last = told;
}

void EdgeMeasurements::add(const model::RevisionTraffic& grown, UnixMillis at) {
  if (grown.requests == 0 && grown.errors == 0) return;
  std::deque<Sample>& samples = samples_[{grown.app_id, grown.revision}];
  auto place = std::upper_bound(samples.begin(), samples.end(), at,
                                [](UnixMillis a, const Sample& b) { return a < b.last_at; });
  const bool joins =
      place != samples.begin() && at - std::prev(place)->first_at < kTrafficSampleSpan.count();
  if (joins) {
    --place;
  } else {
    place = samples.insert(place, Sample{.first_at = at});
    ++sample_count_;
  }
  place->last_at = at;
  add_clamped(place->requests, grown.requests);
  add_clamped(place->errors, grown.errors);
  for (std::size_t i = 0; i < place->latency.size(); ++i)
    add_clamped(place->latency[i], grown.latency_counts[i]);
}

void EdgeMeasurements::drop_until(UnixMillis horizon) {
  for (auto at = samples_.begin(); at != samples_.end();) {
    std::deque<Sample>& samples = at->second;
    while (!samples.empty() && samples.front().last_at <= horizon) {
      samples.pop_front();
      --sample_count_;
    }
    at = samples.empty() ? samples_.erase(at) : std::next(at);
  }
}

void EdgeMeasurements::keep_in_bounds(UnixMillis now) {
  if (now - dropped_at_ >= kTrafficDropPeriod.count()) {
    drop_until(now - kTrafficKept.count());
    dropped_at_ = now;
  }
  while (sample_count_ > limits_.samples) {
    UnixMillis oldest = now;
    for (const auto& [key, samples] : samples_) oldest = std::min(oldest, samples.front().last_at);
    drop_until(oldest + (now - oldest) / 4);
  }
  if (series_.size() <= limits_.series) return;
  // Half of them go, those that began first. Should one of them be told again, it is not known any
  // more what of it is new.
  std::vector<UnixMillis> begun;
  for (const auto& [key, series] : series_) begun.push_back(series.last.since);
  const auto middle = begun.begin() + static_cast<long>(begun.size() / 2);
  std::nth_element(begun.begin(), middle, begun.end());
  std::erase_if(series_, [&](const auto& entry) { return entry.second.last.since <= *middle; });
  reliable_since_ = std::max(reliable_since_, *middle + 1);
}

reconcile::TrafficMeasured EdgeMeasurements::measured(std::string_view app_id,
                                                      std::int64_t revision, UnixMillis since) {
  std::lock_guard lock(mutex_);
  reconcile::TrafficMeasured sum;
  model::LatencyCounts latency{};
  const auto found = samples_.find({std::string(app_id), revision});
  if (found == samples_.end()) return sum;
  const std::deque<Sample>& samples = found->second;
  for (auto at = samples.rbegin(); at != samples.rend() && at->last_at > since; ++at) {
    sum.requests += at->requests;
    sum.errors += at->errors;
    for (std::size_t i = 0; i < latency.size(); ++i) latency[i] += at->latency[i];
  }
  sum.p95_ms = model::latency_percentile_ms(latency, 95);
  return sum;
}

}  // namespace pixell::cmd
