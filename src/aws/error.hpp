#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace pixell::net {
struct FetchReply;
}

namespace pixell::aws {

/// What trying again would need.
enum class Remedy {
  None,            ///< the same call will fail again
  Wait,            ///< a failure of the moment: the service, or the way to it
  WaitLonger,      ///< throttled
  CorrectClock,    ///< our time is not theirs
  NewCredentials,  ///< these have expired
  OtherRegion,     ///< the bucket is in AwsError::region
};

/// A call that failed.
struct AwsError {
  ErrorCode code = ErrorCode::Unknown;
  std::string call;        ///< "s3 GetObject"
  std::string name;        ///< the service's own, "ThrottlingException"; empty: no answer came
  std::string message;     ///< the service's own, or ours
  std::string request_id;  ///< what AWS's support asks for; empty: no answer came
  int status = 0;          ///< HTTP; 0: no answer came
  std::string region{};    ///< with Remedy::OtherRegion; may be empty
  Remedy remedy = Remedy::None;
};

/// What a call returns.
template <class T>
using Answer = std::expected<T, AwsError>;

/// "s3 GetObject: NoSuchKey (404): The specified key … [request 4442587FB7D0A2F9]".
std::string describe(const AwsError& error);

/// The same as an Error, with its code; Retry::Later where waiting helps.
Error to_error(const AwsError& error);

/// Reads the answer of a refusal, in JSON (header x-amzn-errortype, __type, code), XML of S3
/// (Error), of the query services (ErrorResponse) and of EC2 (Response/Errors), or none.
AwsError read_refusal(const net::FetchReply& reply, std::string call);

/// A call that got no answer.
AwsError without_answer(const Error& error, std::string call);

/// What trying again would need after an answer with this name and status.
Remedy remedy_for(std::string_view name, std::string_view message, int status);

}  // namespace pixell::aws
