// Credentials that somebody hands out: STS, profiles with roles, the container's endpoint, the
// instance's.

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "aws/credential_sources.hpp"
#include "aws/limits.hpp"
#include "aws/profile_file.hpp"
#include "aws/retry.hpp"
#include "aws/sts.hpp"
#include "aws/times.hpp"
#include "aws/uri.hpp"
#include "base/files.hpp"
#include "net/client/http_fetch.hpp"

namespace pixell::aws {

namespace {

constexpr std::string_view kContainerHost = "http://169.254.170.2";
constexpr std::string_view kInstanceHost = "http://169.254.169.254";
constexpr int kEndpointAttempts = 3;

const std::optional<Credentials> kNotSetUp;

Error unauthenticated(std::string message) {
  return make_error(ErrorCode::Unauthenticated, std::move(message));
}

// Tokens are written with an end of line.
Result<std::string> read_token(const std::string& path, const char* variable) {
  auto text = read_file(path);
  if (!text) return unauthenticated(fmt::format("{}: {}", variable, text.error().message));
  while (text->ends_with('\n') || text->ends_with('\r')) text->pop_back();
  if (text->empty()) return unauthenticated(fmt::format("{}: {} is empty", variable, path));
  return text;
}

bool is_loopback(std::string_view host) {
  if (host == "localhost" || host == "[::1]") return true;
  return host.starts_with("127.") && std::all_of(host.begin(), host.end(), [](char c) {
           return c == '.' || (c >= '0' && c <= '9');
         });
}

// Over plain http credentials may only come from this machine or from AWS's own local endpoints.
Result<void> check_full_uri(const std::string& url) {
  const std::string base = url.substr(0, url.find_first_of("?#"));
  TRY(const Endpoint endpoint, parse_endpoint(base));
  const bool is_awss_own = endpoint.host == "169.254.170.2" || endpoint.host == "169.254.170.23" ||
                           endpoint.host == "[fd00:ec2::23]";
  if (endpoint.is_https || is_awss_own || is_loopback(endpoint.host)) return {};
  return unauthenticated(fmt::format(
      "AWS_CONTAINER_CREDENTIALS_FULL_URI names {}; credentials are fetched over https, "
      "from loopback, or from 169.254.170.2, 169.254.170.23 and fd00:ec2::23",
      endpoint.host));
}

struct RoleOfProfile {
  const Outside& outside;
  const Environment& env;
  const Profiles& profiles;
};

Found of_profile(const RoleOfProfile& given, const std::string& name, int hops) {
  const auto at = given.profiles.find(name);
  if (at == given.profiles.end()) return kNotSetUp;
  const auto& settings = at->second;
  const std::string role = value_of(settings, "role_arn");
  const std::string source = value_of(settings, "source_profile");
  // A profile may be its own source: its keys, then its role.
  const bool is_own_source = source == name && hops > 0;
  if (!role.empty() && !source.empty() && !is_own_source) {
    if (hops >= kMaxProfileHops)
      return unauthenticated(
          fmt::format("profile '{}' leads on by source_profile for more than {} profiles", name,
                      kMaxProfileHops));
    TRY(const auto base, of_profile(given, source, hops + 1));
    if (!base)
      return unauthenticated(
          fmt::format("source_profile '{}' of profile '{}' has no credentials", source, name));
    const RoleRequest request{.role_arn = role,
                              .session_name = value_of(settings, "role_session_name"),
                              .external_id = value_of(settings, "external_id"),
                              .region = find_region(given.env)};
    TRY(Credentials taken, assume_role(given.outside, given.env, request, *base));
    return std::optional(std::move(taken));
  }
  const std::string key = value_of(settings, "aws_access_key_id");
  const std::string secret = value_of(settings, "aws_secret_access_key");
  if (!key.empty() && !secret.empty())
    return std::optional(
        Credentials{.access_key = key,
                    .secret_key = Secret<std::string>(secret),
                    .session_token = Secret<std::string>(value_of(settings, "aws_session_token"))});
  for (const char* other : {"credential_process", "sso_session", "sso_account_id"})
    if (!value_of(settings, other).empty())
      return unauthenticated(fmt::format(
          "profile '{}' uses {}, which Pixell does not; give it keys or a role", name, other));
  return kNotSetUp;
}

}  // namespace

Result<std::string> ask_endpoint(const Outside& outside, const EndpointQuestion& question) {
  net::FetchRequest request;
  request.method = question.method;
  request.url = question.url;
  request.timeout = question.timeout;
  request.connect_timeout = question.timeout;
  request.max_body_bytes = kMaxCredentialBytes;
  if (!question.header_name.empty())
    request.headers = {{question.header_name, question.header_value}};
  const std::string shown = question.url.substr(0, question.url.find('?'));
  for (int attempt = 1;; ++attempt) {
    const auto reply = outside.fetch(request);
    if (reply && reply->status == 200) return reply->body;
    const bool can_pass = !reply || reply->status >= 500 || reply->status == 429;
    if (can_pass && attempt < question.attempts) {
      outside.sleep(full_jitter(Remedy::Wait, attempt, outside.random()), {});
      continue;
    }
    if (!reply) return reply.error();
    return make_error(reply->status == 404 ? ErrorCode::NotFound : ErrorCode::Unavailable,
                      fmt::format("{} answered {}", shown, reply->status));
  }
}

Result<Credentials> credentials_of_json(const std::string& text, const std::string& source) {
  const auto object = nlohmann::json::parse(text, nullptr, false);
  const auto field = [&](const char* name) {
    const bool is_there = object.is_object() && object.contains(name) && object[name].is_string();
    return is_there ? object[name].get<std::string>() : std::string();
  };
  const auto expires = parse_iso_time(field("Expiration"));
  if (field("AccessKeyId").empty() || field("SecretAccessKey").empty() || !expires)
    return make_error(ErrorCode::InvalidArgument,
                      source + " answered without AccessKeyId, SecretAccessKey and Expiration");
  return Credentials{.access_key = field("AccessKeyId"),
                     .secret_key = Secret<std::string>(field("SecretAccessKey")),
                     .session_token = Secret<std::string>(field("Token")),
                     .expires_at = *expires};
}

Found from_web_identity(const Outside& outside, const Environment& env) {
  const std::string file = value_of(env, "AWS_WEB_IDENTITY_TOKEN_FILE");
  const std::string role = value_of(env, "AWS_ROLE_ARN");
  if (file.empty()) return kNotSetUp;
  if (role.empty())
    return unauthenticated("AWS_WEB_IDENTITY_TOKEN_FILE is set and AWS_ROLE_ARN is not; set both");
  TRY(const std::string token, read_token(file, "AWS_WEB_IDENTITY_TOKEN_FILE"));
  TRY(Credentials taken,
      assume_role_with_web_identity(outside, env,
                                    {.role_arn = role,
                                     .session_name = value_of(env, "AWS_ROLE_SESSION_NAME"),
                                     .region = find_region(env)},
                                    token));
  return std::optional(std::move(taken));
}

Found from_profile(const Outside& outside, const Environment& env) {
  TRY(const Profiles profiles, read_profiles(env));
  const std::string name = profile_name(env);
  if (!value_of(env, "AWS_PROFILE").empty() && !profiles.contains(name))
    return unauthenticated(fmt::format("there is no profile '{}', which AWS_PROFILE names", name));
  return of_profile({outside, env, profiles}, name, 0);
}

Found from_container(const Outside& outside, const Environment& env) {
  const std::string relative = value_of(env, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  const std::string full = value_of(env, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
  if (relative.empty() && full.empty()) return kNotSetUp;
  EndpointQuestion question{.url = relative.empty() ? full : std::string(kContainerHost) + relative,
                            .header_name = {},
                            .timeout = kCredentialTimeout,
                            .attempts = kEndpointAttempts};
  if (!relative.empty() && !relative.starts_with('/'))
    return unauthenticated("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI must begin with a '/'");
  if (relative.empty()) TRY_VOID(check_full_uri(full));
  const std::string file = value_of(env, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  question.header_value = value_of(env, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
  if (!file.empty()) {
    TRY(question.header_value, read_token(file, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"));
  }
  if (!question.header_value.empty()) question.header_name = "Authorization";
  const auto text = ask_endpoint(outside, question);
  if (!text) return unauthenticated("the container's credentials: " + text.error().message);
  TRY(Credentials given, credentials_of_json(*text, "the container's credential endpoint"));
  return std::optional(std::move(given));
}

Found from_instance(const Outside& outside, const Environment& env) {
  if (value_of(env, "AWS_EC2_METADATA_DISABLED") == "true") return kNotSetUp;
  std::string base = value_of(env, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
  if (base.empty()) base = kInstanceHost;
  while (base.ends_with('/')) base.pop_back();
  const auto token = ask_endpoint(outside, {.method = "PUT",
                                            .url = base + "/latest/api/token",
                                            .header_name = "X-aws-ec2-metadata-token-ttl-seconds",
                                            .header_value = kInstanceTokenLife,
                                            .timeout = kInstanceMetadataTimeout});
  if (!token) return kNotSetUp;  // this is no instance
  EndpointQuestion question{.url = base + "/latest/meta-data/iam/security-credentials/",
                            .header_name = "X-aws-ec2-metadata-token",
                            .header_value = *token,
                            .timeout = kInstanceMetadataTimeout,
                            .attempts = kEndpointAttempts};
  const auto roles = ask_endpoint(outside, question);
  if (!roles && roles.error().code == ErrorCode::NotFound) return kNotSetUp;  // it has no role
  if (!roles) return unauthenticated("the instance's credentials: " + roles.error().message);
  question.url += roles->substr(0, roles->find_first_of("\r\n"));
  const auto text = ask_endpoint(outside, question);
  if (!text) return unauthenticated("the instance's credentials: " + text.error().message);
  TRY(Credentials given, credentials_of_json(*text, "the instance's metadata service"));
  return std::optional(std::move(given));
}

}  // namespace pixell::aws
