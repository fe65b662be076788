#include "base/log.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <strings.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <iterator>

#include "base/limits.hpp"
#include "base/plain_text.hpp"
#include "base/utf8.hpp"

namespace pixell {

namespace {

constexpr std::array kSecretKeys = {
    std::string_view("password"),      std::string_view("secret"),
    std::string_view("token"),         std::string_view("api_key"),
    std::string_view("apikey"),        std::string_view("auth"),
    std::string_view("authorization"), std::string_view("access_key"),
    std::string_view("accesskey"),     std::string_view("secret_key"),
    std::string_view("secretkey")};

std::string_view level_name(LogLevel level) {
  switch (level) {
    case LogLevel::Debug:
      return "debug";
    case LogLevel::Info:
      return "info";
    case LogLevel::Warning:
      return "warning";
    case LogLevel::Error:
      return "error";
  }
  return "info";
}

// What stands in a JSON string as it is; nearly all of a log line, so it is copied in runs.
bool is_plain(char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; }

std::size_t end_of_plain(std::string_view text, std::size_t at) {
  for (std::uint64_t eight; at + sizeof eight <= text.size(); at += sizeof eight) {
    std::memcpy(&eight, text.data() + at, sizeof eight);
    if (!are_plain(eight)) break;
  }
  while (at < text.size() && is_plain(text[at])) ++at;
  return at;
}

// Room for any number: a double of six digits, an integer of 64 bits.
constexpr std::size_t kMaxNumberBytes = 24;
constexpr int kDoubleDigits = 6;

template <class... Form>
void append_number(std::string& out, auto number, Form... form) {
  std::array<char, kMaxNumberBytes> text;
  out.append(text.data(), std::to_chars(text.begin(), text.end(), number, form...).ptr);
}

constexpr int kFullOutputWaitMs = 1000;
// Most lines are shorter, so that memory is asked for once.
constexpr std::size_t kUsualLineBytes = 1024;

void write_line(int fd, std::string_view line) {
  while (!line.empty()) {
    const ssize_t written = ::write(fd, line.data(), line.size());
    if (written < 0 && errno == EINTR) continue;
    // Somebody has made our output non-blocking: wait, or half a line would stand there.
    pollfd full{.fd = fd, .events = POLLOUT, .revents = 0};
    if (written < 0 && errno == EAGAIN && ::poll(&full, 1, kFullOutputWaitMs) == 1) continue;
    if (written <= 0) return;  // nobody reads the log any more; there is no other place to tell
    line.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

bool is_secret_key(std::string_view key) {
  for (std::string_view secret : kSecretKeys)
    if (key.size() == secret.size() && strncasecmp(key.data(), secret.data(), key.size()) == 0)
      return true;
  return false;
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t plain = end_of_plain(text, i);
    out.append(text, i, plain - i);
    i = plain;
    if (i == text.size()) break;
    const char c = text[i];
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
      ++i;
    } else if (c == '\n') {
      out += "\\n";
      ++i;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
      ++i;
    } else if (const std::size_t length = utf8_length(text, i); length > 0) {
      out.append(text, i, length);
      i += length;
    } else {
      out += "\xEF\xBF\xBD";
      ++i;
    }
  }
  out += '"';
}

LogValue LogValue::raw_json(std::string_view json) { return LogValue(Raw{json}); }

void LogValue::append_to(std::string& line) const {
  if (const auto* text = std::get_if<std::string_view>(&value_)) {
    append_json_string(line, text->substr(0, kMaxLogValueBytes));
  } else if (const auto* flag = std::get_if<bool>(&value_)) {
    line += *flag ? "true" : "false";
  } else if (const auto* number = std::get_if<double>(&value_)) {
    if (std::isfinite(*number))
      append_number(line, *number, std::chars_format::general, kDoubleDigits);
    else
      line += "null";
  } else if (const auto* integer = std::get_if<std::int64_t>(&value_)) {
    append_number(line, *integer);
  } else {
    line += std::get<Raw>(value_).json;
  }
}

Log::Log(int fd, LogLevel least, const Clock& clock) : fd_(fd), least_(least), clock_(&clock) {}

Log Log::with(std::string_view key, std::string_view value) const {
  Log copy = *this;
  copy.bound_ += ',';
  append_json_string(copy.bound_, key);
  copy.bound_ += ':';
  append_json_string(copy.bound_, is_secret_key(key) ? "[REDACTED]" : value);
  return copy;
}

void Log::debug(std::string_view event, std::initializer_list<LogField> fields) const {
  if (writes(LogLevel::Debug)) write(LogLevel::Debug, event, {fields.begin(), fields.size()});
}
void Log::info(std::string_view event, std::initializer_list<LogField> fields) const {
  if (writes(LogLevel::Info)) write(LogLevel::Info, event, {fields.begin(), fields.size()});
}
void Log::warning(std::string_view event, std::initializer_list<LogField> fields) const {
  if (writes(LogLevel::Warning)) write(LogLevel::Warning, event, {fields.begin(), fields.size()});
}
void Log::error(std::string_view event, std::initializer_list<LogField> fields) const {
  if (writes(LogLevel::Error)) write(LogLevel::Error, event, {fields.begin(), fields.size()});
}

void Log::line(LogLevel level, std::string_view event, std::span<const LogField> fields) const {
  if (writes(level)) write(level, event, fields);
}

void Log::write(LogLevel level, std::string_view event, std::span<const LogField> fields) const {
  std::string line;
  line.reserve(kUsualLineBytes);
  line += R"({"event":)";
  append_json_string(line, event);
  line += R"(,"level":")";
  line += level_name(level);
  line += R"(","timestamp":")";
  line += iso8601(clock_->unix_now());
  line += '"';
  line += bound_;
  for (const LogField& field : fields) {
    line += ',';
    append_json_string(line, field.key);
    line += ':';
    if (is_secret_key(field.key))
      line += "\"[REDACTED]\"";
    else
      field.value.append_to(line);
  }
  line += "}\n";
  write_line(fd_, line);
}

}  // namespace pixell
