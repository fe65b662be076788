#include <fmt/format.h>

#include "aws/credential_sources.hpp"
#include "aws/profile_file.hpp"

namespace pixell::aws {

Found from_environment(const Environment& env) {
  const std::string key = value_of(env, "AWS_ACCESS_KEY_ID");
  const std::string secret = value_of(env, "AWS_SECRET_ACCESS_KEY");
  if (key.empty() && secret.empty()) return std::optional<Credentials>();
  if (key.empty() || secret.empty())
    return make_error(ErrorCode::Unauthenticated,
                      fmt::format("{} is set and {} is not; set both or none",
                                  key.empty() ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID",
                                  key.empty() ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY"));
  return std::optional(
      Credentials{.access_key = key,
                  .secret_key = Secret<std::string>(secret),
                  .session_token = Secret<std::string>(value_of(env, "AWS_SESSION_TOKEN"))});
}

Result<Credentials> find_credentials(const Outside& outside, const Environment& env) {
  TRY(auto found, from_environment(env));
  if (found) return std::move(*found);
  TRY(found, from_web_identity(outside, env));
  if (found) return std::move(*found);
  TRY(found, from_profile(outside, env));
  if (found) return std::move(*found);
  TRY(found, from_container(outside, env));
  if (found) return std::move(*found);
  TRY(found, from_instance(outside, env));
  if (found) return std::move(*found);
  return make_error(
      ErrorCode::Unauthenticated,
      fmt::format("there are no AWS credentials: AWS_ACCESS_KEY_ID, AWS_WEB_IDENTITY_TOKEN_FILE "
                  "and AWS_CONTAINER_CREDENTIALS_RELATIVE_URI are not set, the profile '{}' has "
                  "none, and no instance metadata service answers; set one of them up",
                  profile_name(env)));
}

Environment without_own_credentials(Environment env) {
  for (const char* name : {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
                           "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN",
                           "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"})
    env.erase(name);
  return env;
}

std::string find_region(const Environment& env) {
  for (const char* name : {"AWS_REGION", "AWS_DEFAULT_REGION"})
    if (const std::string region = value_of(env, name); !region.empty()) return region;
  const auto profiles = read_profiles(env);
  if (!profiles) return {};  // whoever needs credentials hears why
  const auto profile = profiles->find(profile_name(env));
  return profile == profiles->end() ? std::string() : value_of(profile->second, "region");
}

}  // namespace pixell::aws
