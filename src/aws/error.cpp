#include "aws/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <span>

#include "aws/xml.hpp"
#include "net/client/http_fetch.hpp"

namespace pixell::aws {

namespace {

using Names = std::span<const std::string_view>;

constexpr std::array<std::string_view, 12> kThrottled{"BandwidthLimitExceeded",
                                                      "EC2ThrottledException",
                                                      "PriorRequestNotComplete",
                                                      "RequestLimitExceeded",
                                                      "RequestThrottled",
                                                      "RequestThrottledException",
                                                      "SlowDown",
                                                      "ThrottledException",
                                                      "Throttling",
                                                      "ThrottlingException",
                                                      "TooManyRequestsException",
                                                      "ProvisionedThroughputExceededException"};

constexpr std::array<std::string_view, 7> kOfTheMoment{
    "InternalError",   "InternalFailure",         "InternalServiceError", "RequestTimeout",
    "ServerException", "RequestTimeoutException", "ServiceUnavailable"};

constexpr std::array<std::string_view, 4> kSkewed{"RequestTimeTooSkewed", "RequestExpired",
                                                  "RequestInTheFuture", "SignatureExpired"};

constexpr std::array<std::string_view, 3> kExpired{"ExpiredToken", "ExpiredTokenException",
                                                   "TokenRefreshRequired"};

constexpr std::array<std::string_view, 2> kElsewhere{"AuthorizationHeaderMalformed",
                                                     "PermanentRedirect"};

bool is_one_of(std::string_view name, Names names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool has(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

ErrorCode code_of(std::string_view name, int status, Remedy remedy) {
  if (remedy == Remedy::WaitLonger) return ErrorCode::ResourceExhausted;
  if (remedy == Remedy::NewCredentials || status == 401) return ErrorCode::Unauthenticated;
  if (status == 404 || has(name, "NotFound") || name.starts_with("NoSuch"))
    return ErrorCode::NotFound;
  if (has(name, "AlreadyExists") || name.starts_with("Duplicate")) return ErrorCode::AlreadyExists;
  if (status == 403 || has(name, "AccessDenied")) return ErrorCode::PermissionDenied;
  if (status == 412) return ErrorCode::FailedPrecondition;
  if (status == 409) return ErrorCode::Aborted;
  if (status == 416) return ErrorCode::OutOfRange;
  if (has(name, "LimitExceeded") || name.starts_with("TooMany"))
    return ErrorCode::ResourceExhausted;
  if (status == 501) return ErrorCode::Unimplemented;
  return status >= 500 ? ErrorCode::Unavailable : ErrorCode::InvalidArgument;
}

// "com.amazonaws.ecs#ClientException:http://internal/" to "ClientException".
std::string plain_name(std::string_view name) {
  name = name.substr(0, name.find(':'));
  if (const auto hash = name.rfind('#'); hash != name.npos) name.remove_prefix(hash + 1);
  return std::string(name);
}

std::string text_at(const nlohmann::json& object, std::initializer_list<const char*> keys) {
  for (const char* key : keys)
    if (const auto found = object.find(key); found != object.end() && found->is_string())
      return *found;
  return {};
}

void read_json(const std::string& body, AwsError& error) {
  const auto object = nlohmann::json::parse(body, nullptr, false);
  if (!object.is_object()) return;
  if (error.name.empty()) error.name = plain_name(text_at(object, {"__type", "code", "Code"}));
  error.message = text_at(object, {"message", "Message"});
}

void read_xml(const std::string& body, AwsError& error) {
  const auto document = parse_xml(body);
  if (!document) return;
  const XmlElement* found = &*document;
  if (const XmlElement* errors = found->child("Errors")) found = errors;  // EC2
  if (const XmlElement* inner = found->child("Error")) found = inner;
  error.name = found->text_of("Code");
  error.message = found->text_of("Message");
  error.region = found->text_of("Region");
  for (const XmlElement* each : {found, &*document})
    for (const char* name : {"RequestId", "RequestID"})
      if (error.request_id.empty()) error.request_id = each->text_of(name);
}

}  // namespace

Remedy remedy_for(std::string_view name, std::string_view message, int status) {
  if (is_one_of(name, kThrottled) || status == 429) return Remedy::WaitLonger;
  if (is_one_of(name, kExpired)) return Remedy::NewCredentials;
  // The query services call a wrong time a wrong signature, and say which it was.
  const bool is_off = has(message, "Signature expired") || has(message, "not yet current");
  if (is_one_of(name, kSkewed) || is_off) return Remedy::CorrectClock;
  if (is_one_of(name, kElsewhere) || status == 301 || status == 307) return Remedy::OtherRegion;
  if (is_one_of(name, kOfTheMoment)) return Remedy::Wait;
  return status == 500 || status == 502 || status == 503 || status == 504 ? Remedy::Wait
                                                                          : Remedy::None;
}

AwsError read_refusal(const net::FetchReply& reply, std::string call) {
  AwsError error{.call = std::move(call), .name = {}, .message = {}, .request_id = {}};
  error.status = reply.status;
  error.request_id = reply.header("x-amzn-requestid")
                         .value_or(reply.header("x-amz-request-id").value_or(std::string()));
  error.name = plain_name(reply.header("x-amzn-errortype").value_or(std::string()));
  const std::size_t first = reply.body.find_first_not_of(" \t\r\n");
  if (first != std::string::npos && reply.body[first] == '{') read_json(reply.body, error);
  if (first != std::string::npos && reply.body[first] == '<') read_xml(reply.body, error);
  if (const auto region = reply.header("x-amz-bucket-region")) error.region = *region;
  error.remedy = remedy_for(error.name, error.message, error.status);
  error.code = code_of(error.name, error.status, error.remedy);
  return error;
}

AwsError without_answer(const Error& error, std::string call) {
  const bool can_pass = error.code == ErrorCode::Unavailable ||
                        (error.code == ErrorCode::DeadlineExceeded && error.retry == Retry::Later);
  return {.code = error.code,
          .call = std::move(call),
          .name = {},
          .message = error.message,
          .request_id = {},
          .remedy = can_pass ? Remedy::Wait : Remedy::None};
}

std::string describe(const AwsError& error) {
  std::string text = error.call + ": ";
  if (error.status != 0)
    text += fmt::format("{} ({})", error.name.empty() ? "refused" : error.name, error.status);
  if (!error.message.empty())
    text += fmt::format("{}{}", error.status != 0 ? ": " : "", error.message);
  if (!error.request_id.empty()) text += fmt::format(" [request {}]", error.request_id);
  return text;
}

Error to_error(const AwsError& error) {
  Error plain = make_error(error.code, describe(error));
  if (error.remedy == Remedy::Wait || error.remedy == Remedy::WaitLonger)
    plain.retry = Retry::Later;
  return plain;
}

}  // namespace pixell::aws
