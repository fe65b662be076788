#pragma once

#include <optional>
#include <string>

#include "aws/credentials.hpp"

namespace pixell::aws {

/// The sources of the chain, one by one. Nothing = it is not set up; an error = it is and fails.
using Found = Result<std::optional<Credentials>>;

Found from_environment(const Environment& env);
Found from_web_identity(const Outside& outside, const Environment& env);
Found from_profile(const Outside& outside, const Environment& env);
Found from_container(const Outside& outside, const Environment& env);
Found from_instance(const Outside& outside, const Environment& env);

/// One GET or PUT of a credential endpoint.
struct EndpointQuestion {
  std::string method = "GET";
  std::string url;
  std::string header_name;  ///< empty = none
  std::string header_value{};
  Millis timeout{0};
  int attempts = 1;
};

/// Asks a credential endpoint; answers of 5xx and none at all are tried again. The body of a 200;
/// NotFound for 404, else Unavailable, with the address and what it said.
Result<std::string> ask_endpoint(const Outside& outside, const EndpointQuestion& question);

/// {"AccessKeyId", "SecretAccessKey", "Token", "Expiration"}; `source` is for the message of an
/// InvalidArgument.
Result<Credentials> credentials_of_json(const std::string& text, const std::string& source);

}  // namespace pixell::aws
