#include "engine/local/node/health_probe.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>
#include <string_view>
#include <utility>

#include "model/health.hpp"

namespace pixell::engine::node {

namespace {

Result<Millis> setting(const std::map<std::string, std::string>& environment, const char* name,
                       Millis otherwise, Millis least) {
  const auto found = environment.find(name);
  if (found == environment.end() || found->second.empty()) return otherwise;
  const std::string& text = found->second;
  std::int64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool is_number = parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
  if (!is_number || value < least.count() || value > kMaxProbeTime.count())
    return make_error(ErrorCode::InvalidArgument,
                      fmt::format("{}={}: must be a whole number of milliseconds from {} to {}",
                                  name, text, least.count(), kMaxProbeTime.count()));
  return Millis(value);
}

Millis since(Instant then, Instant now) { return std::chrono::duration_cast<Millis>(now - then); }

}  // namespace

Result<ProbeSettings> probe_settings(const std::map<std::string, std::string>& environment) {
  ProbeSettings settings;
  TRY(settings.interval,
      setting(environment, "PIXELL_PROBE_INTERVAL_MS", settings.interval, Millis(0)));
  TRY(settings.timeout,
      setting(environment, "PIXELL_PROBE_TIMEOUT_MS", settings.timeout, Millis(1)));
  return settings;
}

void HealthProbe::start(net::Address address, OnLost on_lost) {
  if (on_lost_ || settings_.interval.count() == 0) return;
  address_ = std::move(address);
  on_lost_ = std::move(on_lost);
  failures_ = 0;
  asked_at_ = answered_at_ = loop_.clock().now();
  // Instances that became ready together, or are adopted together, are not asked together.
  const auto share = static_cast<std::int64_t>(std::hash<std::string>()(address_.text) % 1000);
  timer_ = loop_.after(settings_.interval * share / 1000, [this] { ask(); });
}

void HealthProbe::stop() {
  timer_.cancel();
  is_waiting_ = false;
  if (stream_ != nullptr) std::exchange(stream_, nullptr)->reset(net::ResetCode::Cancel);
  on_lost_ = nullptr;
}

void HealthProbe::ask() {
  if (stream_ != nullptr) std::exchange(stream_, nullptr)->reset(net::ResetCode::Cancel);
  asked_at_ = loop_.clock().now();
  is_waiting_ = true;
  net::RequestHead head{.method = "GET",
                        .target = "/health",
                        .scheme = "http",
                        .authority = "localhost",
                        .headers = {},
                        .protocol = net::Protocol::Http1};
  head.headers.add("user-agent", model::kProbeUserAgent);
  stream_ = &client_.open(address_, net::Protocol::Http1, head, *this);
  timer_ = loop_.after(settings_.timeout, [this] {
    // A process that could not run itself cannot tell who did not answer.
    const Millis waited = since(asked_at_, loop_.clock().now());
    if (waited > settings_.timeout + kMaxProbeDelay) return ask();
    failed(fmt::format("no answer within {} ms", settings_.timeout.count()));
  });
  stream_->finish();
}

void HealthProbe::answered() {
  if (!is_waiting_) return;
  is_waiting_ = false;
  failures_ = 0;
  answered_at_ = loop_.clock().now();
  ask_later();
}

void HealthProbe::on_abort(net::AbortReason reason) {
  stream_ = nullptr;
  if (is_waiting_) failed(std::string(net::to_string(reason)));
}

void HealthProbe::failed(std::string problem) {
  is_waiting_ = false;
  if (++failures_ < max_failures_) return ask_later();
  const LostContact lost{.failures = failures_,
                         .silent_for = since(answered_at_, loop_.clock().now()),
                         .problem = std::move(problem)};
  const OnLost on_lost = std::move(on_lost_);
  stop();
  on_lost(lost);
}

void HealthProbe::ask_later() {
  const Millis spent = since(asked_at_, loop_.clock().now());
  timer_ = loop_.after(std::max(settings_.interval - spent, Millis(0)), [this] { ask(); });
}

}  // namespace pixell::engine::node
