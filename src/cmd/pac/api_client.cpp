#include "cmd/pac/api_client.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cmd/pac/limits.hpp"
#include "net/client/http_fetch.hpp"

namespace pixell::cmd {

using nlohmann::json;

namespace {

CommandFailure fail(ExitCode code, std::string line) {
  return {.code = code, .lines = {std::move(line)}};
}

std::string text_of(const json& value) {
  return value.is_string() ? value.get<std::string>()
                           : value.dump(-1, ' ', false, json::error_handler_t::replace);
}

ExitCode exit_code_of(int status) {
  if (status == 404) return ExitCode::NotFound;
  const bool is_away = status == 502 || status == 503 || status == 504;
  return is_away ? ExitCode::NotReachable : ExitCode::Failed;
}

// What the API said went wrong, and as much as helps of an answer that is not the API's.
CommandFailure failure_of(const net::FetchReply& reply) {
  CommandFailure failure{.code = exit_code_of(reply.status), .lines = {}};
  const json body = json::parse(reply.body, nullptr, false);
  if (!body.is_object() || !body.contains("error")) {
    failure.lines = {fmt::format("the answer is {}, and not of Pixell's API: {}; check --url",
                                 reply.status, reply.body.substr(0, kShownAnswerBytes))};
    return failure;
  }
  failure.lines = {text_of(body["error"])};
  const auto details = body.find("details");
  if (details == body.end() || !details->is_array()) return failure;
  for (const json& detail : *details)
    // A single finding is its own headline.
    if (text_of(detail) != failure.lines.front()) failure.lines.push_back("  " + text_of(detail));
  return failure;
}

}  // namespace

ApiClient::ApiClient(std::string url) : url_(std::move(url)) {
  while (url_.ends_with('/')) url_.pop_back();
}

Outcome<json> ApiClient::get(std::string_view path) const {
  const auto reply = call({}, path);
  if (!reply) return std::unexpected(reply.error());
  return read_json(*reply);
}

Outcome<json> ApiClient::post(std::string_view path, const json& body) const {
  const auto reply = call({.method = "POST",
                           .headers = {{"content-type", "application/json"}},
                           .body = body.dump(-1, ' ', false, json::error_handler_t::replace)},
                          path);
  if (!reply) return std::unexpected(reply.error());
  return read_json(*reply);
}

Outcome<std::string> ApiClient::get_text(std::string_view path) const {
  auto reply = call({}, path);
  if (!reply) return std::unexpected(reply.error());
  return std::move(reply->body);
}

Outcome<net::FetchReply> ApiClient::call(net::FetchRequest request, std::string_view path) const {
  request.url = fmt::format("{}{}", url_, path);
  auto reply = net::fetch(request);
  if (!reply) {
    const Error& error = reply.error();
    if (error.code == ErrorCode::Unavailable || error.code == ErrorCode::DeadlineExceeded)
      return std::unexpected(fail(
          ExitCode::NotReachable,
          fmt::format("cannot reach Pixell: {}; is `pac serve` running there? --url or PIXELL_URL "
                      "name another place",
                      error.message)));
    return std::unexpected(fail(
        ExitCode::Failed, fmt::format("cannot ask Pixell: {}; --url or PIXELL_URL must be like "
                                      "http://127.0.0.1:4000",
                                      error.message)));
  }
  if (reply->status < 200 || reply->status >= 300) return std::unexpected(failure_of(*reply));
  return std::move(*reply);
}

Outcome<json> ApiClient::read_json(const net::FetchReply& reply) const {
  json body = json::parse(reply.body, nullptr, false);
  if (!body.is_discarded()) return body;
  return std::unexpected(
      fail(ExitCode::Failed, fmt::format("the answer is not JSON: {}; check --url",
                                         reply.body.substr(0, kShownAnswerBytes))));
}

std::string percent_encode(std::string_view text, std::string_view kept) {
  constexpr std::string_view kUnreserved =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  std::string encoded;
  for (const char c : text) {
    if (kUnreserved.find(c) != std::string_view::npos || kept.find(c) != std::string_view::npos)
      encoded += c;
    else
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return encoded;
}

}  // namespace pixell::cmd
