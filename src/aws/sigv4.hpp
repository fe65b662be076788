#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "aws/uri.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"

namespace pixell::aws {

/// What requests are signed with.
struct Credentials {
  std::string access_key;
  Secret<std::string> secret_key;
  Secret<std::string> session_token;       ///< empty for those of a user
  std::optional<UnixMillis> expires_at{};  ///< nothing = they do not
};

/// The parts of a request that a signature covers.
struct SignableRequest {
  std::string method = "GET";
  std::string path = "/";    ///< as sent: percent-encoded
  Fields query;              ///< not encoded; sent as canonical_query()
  Fields headers;            ///< must hold Host
  std::string payload_hash;  ///< payload_hash_of() the body, or kUnsignedPayload
};

/// What a signature is for.
struct SigningScope {
  std::string region;
  std::string service;  ///< the signing name, as "elasticloadbalancing"
  UnixMillis time = 0;
  /// S3 signs its paths as they are sent and always says what the payload hashes to; everybody else
  /// normalises the path and encodes it again.
  bool is_s3 = false;
};

/// A signature and what led to it; the first two are for tests and for comparing with the answer
/// of a service that disagrees.
struct Signature {
  std::string canonical_request;
  std::string string_to_sign;
  std::string signature;  ///< lower-case hex
};

/// Stands for a body that is not hashed; S3 takes it over https.
inline constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";

/// Lower-case hex of the SHA-256 of a body.
std::string payload_hash_of(std::string_view body);

/// "20130524T000000Z".
std::string amz_date(UnixMillis time);

/// Signs with AWS Signature Version 4
/// (https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html): adds X-Amz-Date,
/// X-Amz-Security-Token, for S3 X-Amz-Content-Sha256, and Authorization to the headers. Headers
/// that clients and proxies change on the way are not covered.
Signature sign(const Credentials& credentials, const SigningScope& scope, SignableRequest& request);

/// The same for a URL that anybody may use for so long: adds X-Amz-… to the query. Headers that are
/// there must be sent with it. InvalidArgument unless `life` is 1 s to kMaxPresignLife.
Result<Signature> presign(const Credentials& credentials, const SigningScope& scope,
                          std::chrono::seconds life, SignableRequest& request);

}  // namespace pixell::aws
