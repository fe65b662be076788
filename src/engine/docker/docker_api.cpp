#include "engine/docker/docker_api.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/percent.hpp"
#include "engine/docker/limits.hpp"
#include "net/client/http_fetch.hpp"

namespace pixell::engine::docker {

using nlohmann::json;

namespace {

// The minor number of "1.41".
std::optional<int> minor_of(const json& answer, const char* name) {
  const auto found = answer.find(name);
  if (found == answer.end() || !found->is_string()) return {};
  const std::string text = found->get<std::string>();
  if (!text.starts_with("1.")) return {};
  int minor = 0;
  const auto read = std::from_chars(text.data() + 2, text.data() + text.size(), minor);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return {};
  return minor;
}

ErrorCode code_of(int status) {
  switch (status) {
    case 400:
      return ErrorCode::InvalidArgument;
    case 403:
      return ErrorCode::PermissionDenied;
    case 404:
      return ErrorCode::NotFound;
    case 409:
      return ErrorCode::AlreadyExists;
    default:
      return status >= 500 ? ErrorCode::Internal : ErrorCode::FailedPrecondition;
  }
}

Result<json> parsed(const std::string& body) {
  if (body.empty()) return json();
  json document = json::parse(body, nullptr, false);
  if (document.is_discarded())
    return make_error(ErrorCode::DataLoss, "the Docker daemon's answer is not JSON");
  return document;
}

}  // namespace

struct DockerApi::Call {
  std::string method;
  std::string path;
  std::string body{};
  std::string content_type{};
  Millis timeout = kCallTimeout;
  const Stream* stream = nullptr;
};

Result<DaemonVersion> choose_version(const json& answer) {
  const auto newest = answer.is_object() ? minor_of(answer, "ApiVersion") : std::nullopt;
  if (!newest)
    return make_error(ErrorCode::DataLoss, "what answers on the socket is no Docker daemon");
  const int oldest = minor_of(answer, "MinAPIVersion").value_or(0);
  const int chosen = std::min(*newest, kNewestApiMinor);
  if (chosen < kOldestApiMinor || chosen < oldest)
    return make_error(
        ErrorCode::FailedPrecondition,
        fmt::format("the Docker daemon speaks API 1.{} to 1.{}; Pixell needs one of 1.{} to 1.{}",
                    oldest, *newest, kOldestApiMinor, kNewestApiMinor));
  return DaemonVersion{.server = text_in(answer, "Version"),
                       .architecture = text_in(answer, "Arch"),
                       .api_minor = chosen};
}

Error refusal(int status, std::string_view body) {
  const json document = json::parse(body, nullptr, false);
  std::string message = document.is_object() ? text_in(document, "message") : std::string();
  if (message.empty()) message = fmt::format("it answered with status {}", status);
  return make_error(code_of(status), "Docker: " + message);
}

Error DockerApi::unreachable(Error error) {
  {
    // The one that comes back may be another version.
    const std::lock_guard lock(mutex_);
    version_ = {};
  }
  error.retry = Retry::Later;
  const std::string path = socket_.string();
  if (::access(path.c_str(), R_OK | W_OK) != 0) {
    const int failed = errno;
    error.message =
        failed == EACCES
            ? fmt::format(
                  "the Docker socket {} may not be used by user {}: add it to the group "
                  "docker, or run pac as root",
                  path, ::geteuid())
            : fmt::format(
                  "there is no Docker socket {}: start the daemon, or name its socket with "
                  "--docker-socket",
                  path);
  } else {
    error.message = fmt::format("the Docker daemon does not answer: {}", error.message);
  }
  return error;
}

Result<std::string> DockerApi::perform(const Call& call) {
  net::FetchRequest request;
  request.method = call.method;
  request.url = "http://docker" + call.path;
  request.unix_socket = socket_.string();
  request.timeout = call.timeout;
  request.max_body_bytes = kMaxAnswerBytes;
  request.body = call.body;
  if (!call.content_type.empty()) request.headers.emplace_back("content-type", call.content_type);
  if (call.stream != nullptr) {
    request.sink = call.stream->sink;
    request.stop = call.stream->stop;
    request.max_body_bytes = call.stream->max_bytes;
  }
  auto reply = net::fetch(request);
  if (!reply && reply.error().code == ErrorCode::Unavailable) return unreachable(reply.error());
  if (!reply) return std::move(reply).error();
  if (reply->status >= 400) return refusal(reply->status, reply->body);
  return std::move(reply->body);
}

Result<DaemonVersion> DockerApi::version() {
  {
    const std::lock_guard lock(mutex_);
    if (version_.api_minor != 0) return version_;
  }
  TRY(const std::string body, perform({.method = "GET", .path = "/version"}));
  TRY(const json document, parsed(body));
  TRY(DaemonVersion chosen, choose_version(document));
  const std::lock_guard lock(mutex_);
  version_ = chosen;
  return chosen;
}

Result<std::string> DockerApi::versioned(Call call) {
  TRY(const DaemonVersion chosen, version());
  call.path = fmt::format("/v1.{}{}", chosen.api_minor, call.path);
  return perform(call);
}

Result<json> DockerApi::get(const std::string& path) {
  TRY(const std::string body, versioned({.method = "GET", .path = path}));
  return parsed(body);
}

Result<json> DockerApi::post(const std::string& path, const json& body) {
  Call call{.method = "POST", .path = path, .timeout = kStartTimeout};
  if (!body.is_null()) {
    call.body = body.dump(-1, ' ', false, json::error_handler_t::replace);
    call.content_type = "application/json";
  }
  TRY(const std::string answer, versioned(std::move(call)));
  return parsed(answer);
}

Result<void> DockerApi::remove(const std::string& path) {
  TRY(const std::string ignored,
      versioned({.method = "DELETE", .path = path, .timeout = kStartTimeout}));
  return {};
}

Result<void> DockerApi::stream(const std::string& path, const Stream& stream) {
  Call call{.method = "GET", .path = path};
  call.timeout = stream.timeout;
  call.stream = &stream;
  TRY(const std::string ignored, versioned(std::move(call)));
  return {};
}

Result<void> DockerApi::send(const std::string& path, std::string body,
                             const std::string& content_type) {
  TRY(const std::string ignored, versioned({.method = "POST",
                                            .path = path,
                                            .body = std::move(body),
                                            .content_type = content_type,
                                            .timeout = kStartTimeout}));
  return {};
}

std::string text_in(const json& object, const char* name) {
  if (!object.is_object()) return {};
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string label_in(const json& object, const char* label) {
  if (!object.is_object()) return {};
  const auto labels = object.find("Labels");
  return labels == object.end() ? std::string() : text_in(*labels, label);
}

std::string label_filter(std::string_view label) {
  const json filter = {{"label", {label}}};
  return percent_encode(filter.dump());
}

}  // namespace pixell::engine::docker
