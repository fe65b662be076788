#pragma once

#include <string>

#include "aws/credentials.hpp"
#include "aws/transport.hpp"

namespace pixell::aws {

/// A role to take on.
struct RoleRequest {
  std::string role_arn;
  std::string session_name;  ///< empty = "pixell"
  std::string external_id{};
  std::string region;  ///< empty = us-east-1
};

/// STS AssumeRole, signed with `source`
/// (https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html).
Result<Credentials> assume_role(const Outside& outside, const Environment& env,
                                const RoleRequest& role, const Credentials& source);

/// STS AssumeRoleWithWebIdentity, which is not signed: the token says who asks.
Result<Credentials> assume_role_with_web_identity(const Outside& outside, const Environment& env,
                                                  const RoleRequest& role,
                                                  const std::string& token);

}  // namespace pixell::aws
