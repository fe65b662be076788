#include "aws/sts.hpp"

#include <fmt/format.h>

#include "aws/call.hpp"
#include "aws/endpoint.hpp"
#include "aws/limits.hpp"
#include "aws/times.hpp"
#include "aws/xml.hpp"
#include "net/client/http_fetch.hpp"

namespace pixell::aws {

namespace {

constexpr ServiceEndpoint kSts{.prefix = "sts", .override_name = "STS"};

Fields form_of(const char* action, const RoleRequest& role) {
  Fields form{{"Action", action}, {"Version", "2011-06-15"}, {"RoleArn", role.role_arn}};
  form.emplace_back("RoleSessionName", role.session_name.empty() ? "pixell" : role.session_name);
  if (!role.external_id.empty()) form.emplace_back("ExternalId", role.external_id);
  return form;
}

Result<Call> call_of(const char* action, const RoleRequest& role, const Environment& env) {
  Call call;
  call.name = fmt::format("sts {}", action);
  call.signing_name = "sts";
  call.region = role.region.empty() ? "us-east-1" : role.region;
  TRY(call.endpoint, find_endpoint(kSts, call.region, env));
  call.headers = {{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}};
  call.timeout = kCredentialTimeout;
  return call;
}

Result<Credentials> read_credentials(const net::FetchReply& reply, const Call& call) {
  if (reply.status != 200) {
    Error refused = to_error(read_refusal(reply, call.name));
    refused.code = ErrorCode::Unauthenticated;
    return refused;
  }
  TRY(const XmlElement document, parse_xml(reply.body));
  // AssumeRole…Response / AssumeRole…Result / Credentials
  const XmlElement* found =
      document.children.empty() ? nullptr : document.children[0].child("Credentials");
  const auto expires =
      found == nullptr ? std::nullopt : parse_iso_time(found->text_of("Expiration"));
  if (!expires || found->text_of("AccessKeyId").empty())
    return make_error(ErrorCode::Unauthenticated, call.name + " answered without credentials");
  return Credentials{.access_key = found->text_of("AccessKeyId"),
                     .secret_key = Secret<std::string>(found->text_of("SecretAccessKey")),
                     .session_token = Secret<std::string>(found->text_of("SessionToken")),
                     .expires_at = *expires};
}

}  // namespace

Result<Credentials> assume_role(const Outside& outside, const Environment& env,
                                const RoleRequest& role, const Credentials& source) {
  TRY(Call call, call_of("AssumeRole", role, env));
  call.body = canonical_query(form_of("AssumeRole", role));
  TRY(const net::FetchReply reply,
      outside.fetch(signed_request(call, source, outside.clock.unix_now())));
  return read_credentials(reply, call);
}

Result<Credentials> assume_role_with_web_identity(const Outside& outside, const Environment& env,
                                                  const RoleRequest& role,
                                                  const std::string& token) {
  TRY(Call call, call_of("AssumeRoleWithWebIdentity", role, env));
  Fields form = form_of("AssumeRoleWithWebIdentity", role);
  form.emplace_back("WebIdentityToken", token);
  call.body = canonical_query(form);
  TRY(const net::FetchReply reply, outside.fetch(unsigned_request(call)));
  return read_credentials(reply, call);
}

}  // namespace pixell::aws
