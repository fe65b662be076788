#include "aws/call.hpp"

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "aws/retry.hpp"
#include "aws/sigv4.hpp"
#include "aws/times.hpp"

namespace pixell::aws {

// What one send() has been through.
struct Caller::Attempts {
  Instant deadline;
  int made = 0;
  bool has_delivered = false;  // bytes to the caller's sink
  bool has_corrected_clock = false;
  bool has_renewed = false;
  Credentials credentials;
  UnixMillis signed_at = 0;                // our own time, uncorrected
  std::optional<UnixMillis> their_time{};  // of the last answer
};

namespace {

SignableRequest signable(const Call& call) {
  SignableRequest request{.method = call.method,
                          .path = call.endpoint.path + call.path,
                          .query = call.query,
                          .headers = call.headers,
                          .payload_hash = {}};
  request.headers.emplace_back("Host", call.endpoint.authority());
  // Only TLS keeps a body that is not signed from being changed.
  const bool is_hashed = !call.has_unsigned_payload || !call.endpoint.is_https;
  request.payload_hash =
      is_hashed ? payload_hash_of(call.large_body.empty() ? call.body : call.large_body)
                : std::string(kUnsignedPayload);
  return request;
}

net::FetchRequest to_fetch(const Call& call, SignableRequest request) {
  net::FetchRequest fetch;
  fetch.method = call.method;
  fetch.url =
      (call.endpoint.is_https ? "https://" : "http://") + call.endpoint.authority() + request.path;
  if (!request.query.empty()) fetch.url += '?' + canonical_query(request.query);
  fetch.headers = std::move(request.headers);
  fetch.body = call.body;
  fetch.large_body = call.large_body;
  fetch.timeout = call.timeout;
  fetch.connect_timeout = kConnectTimeout;
  fetch.stall_timeout = kStall;
  fetch.max_body_bytes = call.max_body_bytes;
  fetch.stop = call.stop;
  return fetch;
}

}  // namespace

net::FetchRequest signed_request(const Call& call, const Credentials& credentials, UnixMillis now) {
  SignableRequest request = signable(call);
  sign(credentials,
       {.region = call.region, .service = call.signing_name, .time = now, .is_s3 = call.is_s3},
       request);
  return to_fetch(call, std::move(request));
}

net::FetchRequest unsigned_request(const Call& call) { return to_fetch(call, signable(call)); }

Answer<net::FetchReply> Caller::attempt(const Call& call, Attempts& so_far) {
  const auto left = std::chrono::duration_cast<Millis>(so_far.deadline - outside_.clock.now());
  const BucketKey key{account_, call.region, call.service, call.action_class};
  if (limiter_ != nullptr) {
    const auto turn = limiter_->acquire(key, call.lane, left, outside_, call.stop);
    if (!turn) return std::unexpected(without_answer(turn.error(), call.name));
  }
  auto credentials = credentials_.get(call.stop);
  if (!credentials) return std::unexpected(without_answer(credentials.error(), call.name));
  so_far.credentials = std::move(*credentials);
  so_far.signed_at = outside_.clock.unix_now();
  net::FetchRequest request =
      signed_request(call, so_far.credentials, so_far.signed_at + skew_ms_.load());
  request.timeout = std::clamp(left, Millis(1), call.timeout);
  if (call.sink)
    request.sink = [&](std::string_view bytes) {
      so_far.has_delivered = true;
      return call.sink(bytes);
    };
  request.on_head = call.on_head;
  auto reply = outside_.fetch(request);
  if (!reply) return std::unexpected(without_answer(reply.error(), call.name));
  so_far.their_time = parse_http_date(reply->header("date").value_or(std::string()));
  if (reply->status >= 200 && reply->status < 300) {
    if (limiter_ != nullptr) limiter_->succeeded(key);
    return std::move(*reply);
  }
  AwsError error = read_refusal(*reply, call.name);
  if (limiter_ != nullptr && error.remedy == Remedy::WaitLonger) limiter_->throttled(key);
  return std::unexpected(std::move(error));
}

// Decides, and does what is needed before the next attempt except for waiting.
bool Caller::may_try_again(const Call& call, const AwsError& error, Attempts& so_far) {
  if (so_far.has_delivered || call.stop.stop_requested()) return false;
  // A refusal of HEAD has no body that would name the clock; its date tells as well.
  const Millis skew(so_far.their_time.value_or(so_far.signed_at) - so_far.signed_at);
  const bool is_off = std::abs((skew - this->skew()).count()) > kMinSkew.count();
  const bool may_be_clock = error.remedy == Remedy::CorrectClock || error.status == 403;
  if (may_be_clock && is_off && so_far.their_time && !so_far.has_corrected_clock) {
    so_far.has_corrected_clock = true;
    skew_ms_ = skew.count();
    return true;
  }
  if (error.remedy == Remedy::NewCredentials && !so_far.has_renewed) {
    so_far.has_renewed = true;
    credentials_.reject(so_far.credentials);
    return true;
  }
  if (so_far.made >= call.attempts) return false;
  if (error.remedy == Remedy::WaitLonger) return true;
  return error.remedy == Remedy::Wait && call.is_repeatable;
}

Answer<net::FetchReply> Caller::send(const Call& call) {
  Attempts so_far{.deadline = outside_.clock.now() + call.patience, .credentials = {}};
  while (true) {
    ++so_far.made;
    so_far.their_time.reset();
    auto reply = attempt(call, so_far);
    if (reply || !may_try_again(call, reply.error(), so_far)) return reply;
    const Remedy remedy = reply.error().remedy;
    if (remedy != Remedy::Wait && remedy != Remedy::WaitLonger) continue;
    const Millis pause = full_jitter(remedy, so_far.made, outside_.random());
    if (outside_.clock.now() + pause >= so_far.deadline) return reply;
    outside_.sleep(pause, call.stop);
  }
}

}  // namespace pixell::aws
