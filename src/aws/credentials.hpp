#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "aws/sigv4.hpp"
#include "aws/transport.hpp"
#include "base/result.hpp"

namespace pixell::aws {

/// Where a caller gets what it signs with. Safe from several threads.
class CredentialSource {
 public:
  virtual ~CredentialSource() = default;
  /// Credentials that are valid now. Waits for new ones when there are none; Cancelled when
  /// stopped meanwhile.
  virtual Result<Credentials> get(const std::stop_token& stop) = 0;
  /// A service said that these have expired: the next get() does not return them again.
  virtual void reject(const Credentials& expired) = 0;
};

/// Keeps credentials and renews them before they expire (limits.hpp), one fetch at a time whatever
/// the number of callers. While renewing fails, the old ones serve until they expire.
class CachedCredentials final : public CredentialSource {
 public:
  using Fetch = std::function<Result<Credentials>()>;
  /// `clock` outlives this.
  CachedCredentials(const Clock& clock, Fetch fetch) : clock_(clock), fetch_(std::move(fetch)) {}

  Result<Credentials> get(const std::stop_token& stop) override;
  void reject(const Credentials& expired) override;

 private:
  enum class Age { None, Fresh, Advisory, Mandatory };
  Age age() const;
  Result<Credentials> renew(std::unique_lock<std::mutex>& lock);

  const Clock& clock_;
  const Fetch fetch_;
  std::mutex mutex_;  // guards everything below
  std::condition_variable_any renewed_;
  std::optional<Credentials> current_;
  UnixMillis advisory_at_ = 0;
  UnixMillis mandatory_at_ = 0;
  Instant no_try_before_{};
  bool is_renewing_ = false;
  std::uint64_t rounds_ = 0;  // renewals that ended
  std::optional<Error> last_failure_;
};

/// Looks for credentials as AWS's SDKs do: environment (AWS_ACCESS_KEY_ID …), web identity
/// (AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN), profile (AWS_PROFILE in ~/.aws/credentials and
/// ~/.aws/config, source_profile with role_arn), container (AWS_CONTAINER_CREDENTIALS_…_URI),
/// instance metadata (IMDSv2). One that is set up and fails ends the search with its error.
/// Unauthenticated when nothing is set up: the message lists where it looked.
Result<Credentials> find_credentials(const Outside& outside, const Environment& env);

/// The environment without what names credentials other than those of the container or machine, so
/// that find_credentials() does not see an agent's own.
Environment without_own_credentials(Environment env);

/// AWS_REGION, AWS_DEFAULT_REGION, or the profile's; empty when none says.
std::string find_region(const Environment& env);

}  // namespace pixell::aws
