#include "aws/sigv4.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "aws/hash.hpp"
#include "aws/limits.hpp"

namespace pixell::aws {

namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

// Names in lower case with their values; repeated ones are joined, in order.
using CanonicalHeaders = std::map<std::string, std::string>;

// What HTTP clients and proxies add, change or remove after signing.
constexpr std::array<std::string_view, 10> kUncovered{
    "accept-encoding",   "authorization", "connection", "expect",         "keep-alive", "te",
    "transfer-encoding", "upgrade",       "user-agent", "x-amzn-trace-id"};

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return lower;
}

// Without blanks at the ends, and one for each run of them inside.
std::string with_single_blanks(std::string_view value) {
  std::string single;
  bool is_blank_due = false;
  for (const char c : value) {
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
      is_blank_due = !single.empty();
      continue;
    }
    if (is_blank_due) single += ' ';
    is_blank_due = false;
    single += c;
  }
  return single;
}

CanonicalHeaders canonical_headers(const Fields& headers) {
  CanonicalHeaders canonical;
  for (const auto& [written, value] : headers) {
    const std::string name = lower_case(written);
    if (std::find(kUncovered.begin(), kUncovered.end(), name) != kUncovered.end()) continue;
    const auto [at, is_new] = canonical.emplace(name, with_single_blanks(value));
    if (!is_new) at->second += "," + with_single_blanks(value);
  }
  return canonical;
}

std::string names_of(const CanonicalHeaders& headers) {
  std::string names;
  for (const auto& [name, value] : headers) {
    if (!names.empty()) names += ';';
    names += name;
  }
  return names;
}

std::string canonical_path(const SigningScope& scope, const std::string& path) {
  if (scope.is_s3) return path.empty() ? "/" : path;
  return uri_encode(normalize_path(path), true);
}

std::string scope_text(const SigningScope& scope) {
  return fmt::format("{}/{}/{}/aws4_request", amz_date(scope.time).substr(0, 8), scope.region,
                     scope.service);
}

Digest signing_key(const Credentials& credentials, const SigningScope& scope) {
  Digest key =
      hmac_sha256("AWS4" + credentials.secret_key.reveal(), amz_date(scope.time).substr(0, 8));
  key = hmac_sha256(bytes_of(key), scope.region);
  key = hmac_sha256(bytes_of(key), scope.service);
  return hmac_sha256(bytes_of(key), "aws4_request");
}

Signature signature_of(const Credentials& credentials, const SigningScope& scope,
                       const SignableRequest& request, const CanonicalHeaders& headers) {
  Signature result;
  result.canonical_request = request.method + '\n' + canonical_path(scope, request.path) + '\n' +
                             canonical_query(request.query) + '\n';
  for (const auto& [name, value] : headers) result.canonical_request += name + ':' + value + '\n';
  result.canonical_request += '\n' + names_of(headers) + '\n' + request.payload_hash;
  result.string_to_sign = fmt::format("{}\n{}\n{}\n{}", kAlgorithm, amz_date(scope.time),
                                      scope_text(scope), payload_hash_of(result.canonical_request));
  const Digest key = signing_key(credentials, scope);
  const Digest digest = hmac_sha256(bytes_of(key), result.string_to_sign);
  result.signature = hex(bytes_of(digest));
  return result;
}

}  // namespace

std::string payload_hash_of(std::string_view body) {
  const Digest digest = sha256(body);
  return hex(bytes_of(digest));
}

std::string amz_date(UnixMillis time) {
  // 2013-05-24T00:00:00.000Z, without what stands between the numbers.
  std::string date;
  for (const char c : iso8601(time).substr(0, 19))
    if (c != '-' && c != ':') date += c;
  return date + 'Z';
}

Signature sign(const Credentials& credentials, const SigningScope& scope,
               SignableRequest& request) {
  request.headers.emplace_back("X-Amz-Date", amz_date(scope.time));
  if (scope.is_s3) request.headers.emplace_back("X-Amz-Content-Sha256", request.payload_hash);
  if (!credentials.session_token.empty())
    request.headers.emplace_back("X-Amz-Security-Token", credentials.session_token.reveal());
  const CanonicalHeaders headers = canonical_headers(request.headers);
  Signature result = signature_of(credentials, scope, request, headers);
  request.headers.emplace_back(
      "Authorization",
      fmt::format("{} Credential={}/{}, SignedHeaders={}, Signature={}", kAlgorithm,
                  credentials.access_key, scope_text(scope), names_of(headers), result.signature));
  return result;
}

Result<Signature> presign(const Credentials& credentials, const SigningScope& scope,
                          std::chrono::seconds life, SignableRequest& request) {
  if (life < std::chrono::seconds(1) || life > kMaxPresignLife)
    return make_error(ErrorCode::InvalidArgument,
                      fmt::format("a presigned URL cannot live {} s; 1 to {} are possible",
                                  life.count(), kMaxPresignLife.count()));
  const CanonicalHeaders headers = canonical_headers(request.headers);
  Fields& query = request.query;
  query.emplace_back("X-Amz-Algorithm", kAlgorithm);
  query.emplace_back("X-Amz-Credential", credentials.access_key + '/' + scope_text(scope));
  query.emplace_back("X-Amz-Date", amz_date(scope.time));
  query.emplace_back("X-Amz-Expires", std::to_string(life.count()));
  query.emplace_back("X-Amz-SignedHeaders", names_of(headers));
  if (!credentials.session_token.empty())
    query.emplace_back("X-Amz-Security-Token", credentials.session_token.reveal());
  Signature result = signature_of(credentials, scope, request, headers);
  query.emplace_back("X-Amz-Signature", result.signature);
  return result;
}

}  // namespace pixell::aws
