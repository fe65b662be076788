#pragma once

#include <atomic>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include "aws/credentials.hpp"
#include "aws/error.hpp"
#include "aws/limits.hpp"
#include "aws/rate_limiter.hpp"
#include "aws/transport.hpp"
#include "aws/uri.hpp"
#include "net/client/http_fetch.hpp"

namespace pixell::aws {

/// One call of a service, before it is signed.
struct Call {
  std::string name;  ///< for errors: "ecs CreateService"
  std::string signing_name;
  std::string region;
  Endpoint endpoint;
  std::string method = "POST";
  std::string path = "/";  ///< percent-encoded, after the endpoint's own
  Fields query;
  Fields headers;  ///< without Host and what signing adds
  std::string body;
  std::string_view large_body{};  ///< in place of `body`, not copied: the caller's, until the end
  bool is_s3 = false;
  /// S3 over https: the body is not hashed.
  bool has_unsigned_payload = false;
  /// Whether doing it twice is doing it once. If not, it is tried again only after an answer that
  /// says that it was not done.
  bool is_repeatable = true;
  std::string service;       ///< for the rate limiter
  std::string action_class;  ///< for the rate limiter
  Lane lane = Lane::Reconcile;
  int attempts = kCallAttempts;
  Millis timeout = kCallTimeout;  ///< of each attempt
  Millis patience{120'000};       ///< of all, pauses and waiting included
  std::size_t max_body_bytes = kMaxAnswerBytes;
  /// As in FetchRequest. After its first byte a call is not tried again: see S3 for resuming.
  std::function<Result<void>(std::string_view)> sink;
  std::function<Result<void>(const net::FetchReply& head)> on_head;  ///< as in FetchRequest
  std::stop_token stop;
};

/// The request of a call, signed as of `now`.
net::FetchRequest signed_request(const Call& call, const Credentials& credentials, UnixMillis now);

/// The same without a signature.
net::FetchRequest unsigned_request(const Call& call);

/// Sends calls: waits for the rate limiter, signs, tries again as the failure asks (full jitter),
/// corrects the clock, renews credentials. Safe from several threads; blocks.
class Caller {
 public:
  /// `limiter` may be null; it and `credentials` outlive this. `account` is for the limiter's key.
  Caller(Outside outside, CredentialSource& credentials, RateLimiter* limiter = nullptr,
         std::string account = {})
      : outside_(std::move(outside)),
        credentials_(credentials),
        limiter_(limiter),
        account_(std::move(account)) {}

  /// The answer, with a status of 2xx.
  Answer<net::FetchReply> send(const Call& call);

  const Outside& outside() const { return outside_; }
  /// The service's time minus ours, as far as a service complained.
  Millis skew() const { return Millis(skew_ms_.load()); }

 private:
  struct Attempts;
  Answer<net::FetchReply> attempt(const Call& call, Attempts& so_far);
  bool may_try_again(const Call& call, const AwsError& error, Attempts& so_far);

  const Outside outside_;
  CredentialSource& credentials_;
  RateLimiter* const limiter_;
  const std::string account_;
  std::atomic<Millis::rep> skew_ms_{0};
};

}  // namespace pixell::aws
