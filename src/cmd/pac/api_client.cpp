#include "cmd/pac/api_client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/percent.hpp"
#include "cmd/pac/arguments.hpp"
#include "cmd/pac/limits.hpp"
#include "cmd/terminal/text.hpp"
#include "net/client/http_fetch.hpp"

namespace pixell::cmd {

using nlohmann::json;

namespace {

ExitCode exit_code_of(int status) {
  if (status == 404) return ExitCode::NotFound;
  if (status == 409 || status == 412) return ExitCode::Conflict;
  const bool is_away = status == 502 || status == 503 || status == 504;
  return is_away ? ExitCode::NotReachable : ExitCode::Failed;
}

// The findings of a problem: where and what. `errors` says more than `details`.
std::vector<std::string> findings_of(const json& problem) {
  std::vector<std::string> findings;
  const auto errors = problem.find("errors");
  if (errors != problem.end() && errors->is_array())
    for (const json& one : *errors)
      if (one.is_object())
        findings.push_back(fmt::format("{}: {}", text_at(one, "pointer"), text_at(one, "message")));
  const auto details = problem.find("details");
  if (findings.empty() && details != problem.end() && details->is_array())
    for (const json& one : *details) findings.push_back(text_of(one));
  return findings;
}

// What the API said went wrong, and as much as helps of an answer that is not the API's.
CommandFailure failure_of(const net::FetchReply& reply) {
  CommandFailure failed{.code = exit_code_of(reply.status), .lines = {}};
  const json body = json::parse(reply.body, nullptr, false);
  if (!body.is_object() || !body.contains("error")) {
    failed.lines = {fmt::format("the answer is {}, and not of Pixell's API: {}; check --url",
                                reply.status, plain(reply.body.substr(0, kShownAnswerBytes)))};
    return failed;
  }
  failed.lines = {text_of(body["error"])};
  for (const std::string& finding : findings_of(body))
    // A single finding is its own headline.
    if (finding != failed.lines.front()) failed.lines.push_back("  " + finding);
  if (reply.status == 401)
    failed.lines.push_back("  give an API key with --api-key or PIXELL_API_KEY");
  return failed;
}

std::string dumped(const json& body) {
  return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

// Takes bytes and hands on whole lines.
class Lines {
 public:
  explicit Lines(const std::function<bool(std::string_view)>& on_line) : on_line_(on_line) {}

  bool take(std::string_view bytes) {
    waiting_ += bytes;
    std::size_t start = 0;
    for (std::size_t end = waiting_.find('\n'); end != std::string::npos;
         end = waiting_.find('\n', start)) {
      if (!on_line_(std::string_view(waiting_).substr(start, end - start))) return false;
      start = end + 1;
    }
    waiting_.erase(0, start);
    // A line without an end is shown in pieces.
    return waiting_.size() <= kMaxShownLineBytes || flush();
  }
  bool flush() {
    const bool goes_on = waiting_.empty() || on_line_(waiting_);
    waiting_.clear();
    return goes_on;
  }

 private:
  const std::function<bool(std::string_view)>& on_line_;
  std::string waiting_;
};

// A multipart/form-data body (RFC 7578). The boundary must not be in the file: it is long, and
// tried until it is not.
std::pair<std::string, std::string> multipart(Upload upload) {
  std::string boundary = "-----------------------------pixell-cli";
  while (upload.file.find(boundary) != std::string::npos) boundary += "-again";
  std::string body;
  body.reserve(upload.file.size() + 1024);
  const auto add_field = [&](std::string_view name, std::string_view value) {
    body += fmt::format("--{}\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n{}\r\n",
                        boundary, name, value);
  };
  if (!upload.version.empty()) add_field("version", upload.version);
  if (upload.replaces) add_field("force_overwrite", "true");
  body += fmt::format(
      "--{}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"agent.apkg\"\r\n"
      "Content-Type: application/octet-stream\r\n\r\n",
      boundary);
  body += upload.file;
  body += fmt::format("\r\n--{}--\r\n", boundary);
  return {"multipart/form-data; boundary=" + boundary, std::move(body)};
}

}  // namespace

std::unexpected<CommandFailure> failure(ExitCode code, std::string line) {
  return std::unexpected(CommandFailure{.code = code, .lines = {std::move(line)}});
}

ApiClient::ApiClient(std::string url, Secret<std::string> key, std::stop_token stop)
    : url_(std::move(url)), key_(std::move(key)), stop_(std::move(stop)) {
  while (url_.ends_with('/')) url_.pop_back();
}

ApiClient ApiClient::stopped_by(std::stop_token stop) const {
  return ApiClient(url_, key_, std::move(stop));
}

Outcome<json> ApiClient::get(std::string_view path) const {
  const auto reply = call({}, path);
  if (!reply) return std::unexpected(reply.error());
  return read_json(*reply);
}

Outcome<json> ApiClient::send(const ApiChange& change) const {
  net::FetchRequest request{.method = change.method};
  if (change.body != nullptr) {
    request.headers.emplace_back("content-type", "application/json");
    request.body = dumped(*change.body);
  }
  if (!change.if_match.empty()) request.headers.emplace_back("if-match", change.if_match);
  if (change.only_creates) request.headers.emplace_back("if-none-match", "*");
  const auto reply = call(std::move(request), change.path);
  if (!reply) return std::unexpected(reply.error());
  if (reply->status == 204) return json();
  return read_json(*reply);
}

Outcome<json> ApiClient::upload(Upload upload) const {
  const std::string path = upload.path;
  auto [type, body] = multipart(std::move(upload));
  const auto reply = call({.method = "POST",
                           .headers = {{"content-type", std::move(type)}},
                           .body = std::move(body),
                           .timeout = kUploadTimeout},
                          path);
  if (!reply) return std::unexpected(reply.error());
  return read_json(*reply);
}

Outcome<json> ApiClient::list(std::string path, const char* member, std::size_t most) const {
  json items = json::array();
  std::string page = path;
  while (items.size() < most) {
    const auto reply = get(page);
    if (!reply) return std::unexpected(reply.error());
    for (const json& item : reply->at(member).get_ref<const json::array_t&>())
      if (items.size() < most) items.push_back(item);
    const auto next = reply->find("next_cursor");
    if (next == reply->end()) break;
    page = fmt::format("{}{}cursor={}", path, path.find('?') == std::string::npos ? '?' : '&',
                       percent_encode(next->get_ref<const std::string&>()));
  }
  return items;
}

Outcome<json> ApiClient::watch(std::int64_t after, const std::string& app, Millis patience) const {
  const std::string query = query_of({{"after", std::to_string(after)},
                                      {"app", app},
                                      {"timeout_ms", std::to_string(patience.count())}});
  const auto reply = call({.timeout = patience + kWatchMargin}, "/v1/watch" + query);
  if (!reply) return std::unexpected(reply.error());
  return read_json(*reply);
}

Outcome<void> ApiClient::stream(std::string_view path,
                                const std::function<bool(std::string_view)>& on_line) const {
  Lines lines(on_line);
  bool is_ended = false;
  const auto reply = call({.timeout = kStreamTimeout,
                           .max_body_bytes = std::numeric_limits<std::size_t>::max(),
                           .sink = [&](std::string_view bytes) -> Result<void> {
                             if (lines.take(bytes)) return {};
                             is_ended = true;
                             return make_error(ErrorCode::Cancelled, "enough was read");
                           }},
                          path);
  if (is_ended) return {};
  lines.flush();
  if (!reply) return std::unexpected(reply.error());
  return {};
}

Outcome<net::FetchReply> ApiClient::call(net::FetchRequest request, std::string_view path) const {
  request.url = fmt::format("{}{}", url_, path);
  request.stop = stop_;
  const std::string& key = key_.reveal();
  if (!std::ranges::all_of(key, [](char c) { return c > ' ' && c < 0x7f; }))
    return failure(ExitCode::Failed,
                   "--api-key or PIXELL_API_KEY has a character that no API key has");
  if (!key.empty()) request.headers.emplace_back("authorization", "Bearer " + key);
  auto reply = net::fetch(request);
  if (!reply) {
    const Error& error = reply.error();
    if (error.code == ErrorCode::Cancelled) return failure(ExitCode::Interrupted, "interrupted");
    if (error.code == ErrorCode::Unavailable || error.code == ErrorCode::DeadlineExceeded)
      return failure(
          ExitCode::NotReachable,
          fmt::format("cannot reach Pixell: {}; is `pac serve` running there? --url or PIXELL_URL "
                      "name another place",
                      error.message));
    return failure(ExitCode::Failed,
                   fmt::format("cannot ask Pixell: {}; --url or PIXELL_URL must be like "
                               "http://127.0.0.1:4000",
                               error.message));
  }
  if (reply->status < 200 || reply->status >= 300) return std::unexpected(failure_of(*reply));
  return std::move(*reply);
}

Outcome<json> ApiClient::read_json(const net::FetchReply& reply) const {
  json body = json::parse(reply.body, nullptr, false);
  if (!body.is_discarded()) return body;
  return failure(ExitCode::Failed, fmt::format("the answer is not JSON: {}; check --url",
                                               plain(reply.body.substr(0, kShownAnswerBytes))));
}

}  // namespace pixell::cmd
