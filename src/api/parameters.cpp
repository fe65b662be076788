#include "api/parameters.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "api/limits.hpp"
#include "net/url.hpp"

namespace pixell::api {

namespace {

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// base64url without padding (RFC 4648 section 5).
std::string encode(std::string_view bytes) {
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    std::uint32_t group = 0;
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - at);
    for (std::size_t i = 0; i < 3; ++i)
      group = group << 8 | (i < count ? static_cast<unsigned char>(bytes[at + i]) : 0);
    for (std::size_t i = 0; i <= count; ++i) text += kDigits[group >> (18 - 6 * i) & 63];
  }
  return text;
}

std::optional<std::string> decode(std::string_view text) {
  std::string bytes;
  std::uint32_t group = 0;
  int bits = 0;
  for (const char c : text) {
    const std::size_t value = kDigits.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    group = group << 6 | static_cast<std::uint32_t>(value);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes += static_cast<char>(group >> bits & 255);
  }
  return bytes;
}

// A wrong value, cut so that it can be recognised.
std::string_view shown(std::string_view text) { return text.substr(0, 80); }

template <class Number>
std::optional<Number> whole_number(std::string_view text) {
  Number number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// Ids are letters, digits, '_' and '-': anything else is no cursor of ours.
bool is_id(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '-' || c == '_';
  });
}

}  // namespace

void Parameters::add(std::string_view name, std::string message) {
  findings_.push_back({std::string(name), std::move(message)});
}

std::optional<std::string> Parameters::given(std::string_view name) const {
  auto values = net::query_values(call_.head.query(), name);
  if (values.empty()) return std::nullopt;
  return std::move(values.front());
}

std::int64_t Parameters::number(std::string_view name, std::int64_t fallback, std::int64_t least,
                                std::int64_t most) {
  const auto value = given(name);
  if (!value) return fallback;
  const auto read = whole_number<std::int64_t>(*value);
  if (read && *read >= least && *read <= most) return *read;
  add(name, fmt::format("{} must be a whole number from {} to {}, not '{}'", name, least, most,
                        shown(*value)));
  return fallback;
}

bool Parameters::flag(std::string_view name, bool fallback) {
  const auto value = given(name);
  if (!value) return fallback;
  if (*value == "true" || *value == "1") return true;
  if (*value == "false" || *value == "0") return false;
  add(name, fmt::format("{} must be true or false, not '{}'", name, shown(*value)));
  return fallback;
}

std::string Parameters::choice(std::string_view name, const std::vector<std::string_view>& names) {
  const auto value = given(name);
  if (!value) return {};
  if (std::find(names.begin(), names.end(), *value) != names.end()) return *value;
  add(name,
      fmt::format("{} must be one of {}, not '{}'", name, fmt::join(names, ", "), shown(*value)));
  return {};
}

std::size_t Parameters::limit() {
  return static_cast<std::size_t>(number("limit", kUsualPageItems, 1, kMaxPageItems));
}

std::string Parameters::cursor() {
  const std::string value = text("cursor");
  if (value.empty()) return {};
  auto id = decode(value);
  if (id && is_id(*id)) return std::move(*id);
  add("cursor", fmt::format("cursor '{}' is not one of ours: use the next_cursor of the page "
                            "before, or leave it out to begin anew",
                            shown(value)));
  return {};
}

std::int64_t Parameters::number_cursor(std::int64_t fallback) {
  const std::string id = cursor();
  if (id.empty()) return fallback;
  const auto number = whole_number<std::int64_t>(id);
  if (number && *number > 0) return *number;
  add("cursor", "cursor belongs to another list: use the next_cursor of the page before");
  return fallback;
}

std::optional<Reply> Parameters::wrong() const {
  if (findings_.empty()) return std::nullopt;
  return invalid_request(findings_);
}

std::string page_cursor(std::string_view id) { return encode(id); }

Reply page_reply(std::string_view name, nlohmann::json items, const std::string& next_cursor) {
  nlohmann::json body = {{name, std::move(items)}};
  if (!next_cursor.empty()) body["next_cursor"] = next_cursor;
  return json_reply(200, body);
}

}  // namespace pixell::api
