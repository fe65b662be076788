#include "par/telemetry/exporter.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/percent.hpp"
#include "net/client/http_fetch.hpp"

namespace pixell::telemetry {

namespace {

using Environment = std::map<std::string, std::string>;

std::string trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const auto begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return std::string(text.substr(begin, text.find_last_not_of(kBlank) - begin + 1));
}

std::string value_of(const Environment& env, const std::string& name) {
  const auto found = env.find(name);
  return found == env.end() ? std::string() : trimmed(found->second);
}

// OTEL_EXPORTER_OTLP_TRACES_<name>, else OTEL_EXPORTER_OTLP_<name>.
std::string setting(const Environment& env, const std::string& name) {
  std::string value = value_of(env, "OTEL_EXPORTER_OTLP_TRACES_" + name);
  return value.empty() ? value_of(env, "OTEL_EXPORTER_OTLP_" + name) : value;
}

std::vector<std::pair<std::string, std::string>> headers_of(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> headers;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find(','));
    if (const auto equals = part.find('='); equals != std::string_view::npos) {
      const auto value = percent_decode(trimmed(part.substr(equals + 1)));
      std::string key = trimmed(part.substr(0, equals));
      if (value && !key.empty()) headers.emplace_back(std::move(key), *value);
    }
    text.remove_prefix(std::min(text.size(), part.size() + 1));
  }
  return headers;
}

// The codes for which the protocol asks for another try.
bool may_try_again(int status) {
  return status == 429 || status == 502 || status == 503 || status == 504;
}

// Spans the collector says it did not take, of an answer with 200.
std::uint64_t rejected_in(const std::string& body) {
  const auto answer = nlohmann::json::parse(body, nullptr, false);
  const auto partial = answer.is_object() ? answer.find("partialSuccess") : answer.end();
  if (!answer.is_object() || partial == answer.end() || !partial->is_object()) return 0;
  const auto rejected = partial->find("rejectedSpans");
  if (rejected == partial->end()) return 0;
  if (rejected->is_number_unsigned()) return rejected->get<std::uint64_t>();
  std::uint64_t count = 0;  // 64-bit numbers are texts in this encoding
  if (const auto* text = rejected->get_ptr<const std::string*>())
    std::from_chars(text->data(), text->data() + text->size(), count);
  return count;
}

}  // namespace

Result<Collector> collector_of(const Environment& env) {
  Collector collector;
  collector.url = value_of(env, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
  if (collector.url.empty()) {
    collector.url = value_of(env, "OTEL_EXPORTER_OTLP_ENDPOINT");
    if (collector.url.empty())
      return make_error(ErrorCode::InvalidArgument, "OTEL_EXPORTER_OTLP_ENDPOINT is not set");
    while (collector.url.ends_with('/')) collector.url.pop_back();
    collector.url += "/v1/traces";
  }
  collector.headers = headers_of(setting(env, "HEADERS"));
  collector.ca_file = setting(env, "CERTIFICATE");
  const std::string timeout = setting(env, "TIMEOUT");
  std::int64_t millis = 0;
  std::from_chars(timeout.data(), timeout.data() + timeout.size(), millis);
  if (millis > 0) collector.timeout = std::min(Millis(millis), kMaxTimeout);
  return collector;
}

std::string request_body(std::string_view resource, std::string_view spans) {
  return fmt::format(
      R"({{"resourceSpans":[{{"resource":{},"scopeSpans":[{{"scope":{{"name":"par","version":"{}"}},"spans":[{}]}}]}}]}})",
      resource, PIXELL_VERSION, spans);
}

Exporter::Exporter(Collector collector, std::string resource, std::function<bool()> is_over)
    : collector_(std::move(collector)),
      resource_(std::move(resource)),
      is_over_(std::move(is_over)) {}

void Exporter::add(std::string_view span) {
  if (!spans_.empty()) spans_ += ',';
  spans_ += span;
  ++count_;
}

Outcome Exporter::send() { return send_batch(kTries, collector_.timeout); }

Outcome Exporter::flush() { return send_batch(1, std::min(collector_.timeout, kFlushTimeout)); }

Outcome Exporter::send_batch(int tries, Millis timeout) {
  const std::uint64_t count = std::exchange(count_, 0);
  net::FetchRequest request{.method = "POST",
                            .url = collector_.url,
                            .headers = collector_.headers,
                            .body = request_body(resource_, std::exchange(spans_, {})),
                            .timeout = timeout,
                            .connect_timeout = std::min(timeout, Millis(5'000)),
                            .max_body_bytes = kMaxReplyBytes,
                            .ca_file = collector_.ca_file};
  request.headers.emplace_back("Content-Type", "application/json");
  std::string reason;
  Millis pause = kRetryPause;
  for (int attempt = 1;; ++attempt, pause *= 2) {
    const auto reply = net::fetch(request);
    if (reply && reply->status / 100 == 2) {
      const std::uint64_t rejected = std::min(count, rejected_in(reply->body));
      return {.sent = count - rejected,
              .failed = rejected,
              .reason = rejected > 0 ? "the collector rejected some" : ""};
    }
    reason =
        reply ? fmt::format("the collector answered {}", reply->status) : reply.error().message;
    const bool is_final =
        reply ? !may_try_again(reply->status) : reply.error().retry != Retry::Later;
    if (is_final || attempt >= tries || is_over_()) break;
    ::poll(nullptr, 0, static_cast<int>(pause.count()));
  }
  return {.sent = 0, .failed = count, .reason = std::move(reason)};
}

}  // namespace pixell::telemetry
