// validate_package_url(): the pure half of package_source.hpp.

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "apkg/package_source.hpp"
#include "aws/s3.hpp"

namespace pixell::apkg {

using model::Cause;

namespace {

constexpr std::string_view kHttps = "https://";
constexpr std::string_view kS3 = "s3://";

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t start = text.find_first_not_of(kBlanks);
  if (start == text.npos) return {};
  return text.substr(start, text.find_last_not_of(kBlanks) - start + 1);
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

std::unexpected<model::Failure> invalid(std::string what) {
  return refuse(Cause::ConfigInvalid, "PACKAGE_URL " + what, {},
                "Set PACKAGE_URL to https://host/path or s3://bucket/key.");
}

bool is_host_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

bool is_port(std::string_view text) {
  if (text.empty() || text.size() > 5) return false;
  std::uint32_t port = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    port = port * 10 + static_cast<std::uint32_t>(c - '0');
  }
  return port >= 1 && port <= 65535;
}

// "host", "host:port" or "[v6]:port" to the host; empty when it is none of them. Strict, so that
// no other reader of the same URL can see another host in it.
std::string host_of(std::string_view authority) {
  std::string_view host = authority;
  std::string_view after;
  if (authority.starts_with('[')) {
    const std::size_t close = authority.find(']');
    if (close == authority.npos) return {};
    host = authority.substr(1, close - 1);
    after = authority.substr(close + 1);
    if (!std::all_of(host.begin(), host.end(), [](char c) {
          return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == ':' || c == '.';
        }))
      return {};
  } else {
    const std::size_t colon = authority.find(':');
    host = authority.substr(0, colon);
    if (colon != authority.npos) after = authority.substr(colon);
    if (!std::all_of(host.begin(), host.end(), is_host_char)) return {};
  }
  if (!after.empty() && (after[0] != ':' || !is_port(after.substr(1)))) return {};
  return std::string(host);
}

}  // namespace

Checked<PackageUrl> validate_package_url(std::string_view given) {
  const std::string_view text = trimmed(given);
  if (text.empty()) return invalid("is empty");
  if (text.size() > kMaxUrlBytes)
    return invalid(fmt::format("is longer than {} bytes", kMaxUrlBytes));
  if (std::any_of(text.begin(), text.end(), [](char c) {
        return static_cast<unsigned char>(c) <= ' ' || c == 0x7f || c == '\\';
      }))
    return invalid("holds a blank, a control character or a backslash");
  PackageUrl url{.text = std::string(text), .host = {}, .path = {}, .shown = {}};
  if (text.starts_with(kS3)) {
    auto location = aws::parse_s3_url(text);
    if (!location) return invalid(location.error().message);
    url.scheme = PackageUrl::Scheme::S3;
    url.host = std::move(location->bucket);
    url.path = std::move(location->key);
    url.shown = text;
    return url;
  }
  if (lower(text.substr(0, kHttps.size())) != kHttps)
    return invalid("must start with https:// or s3://");
  const std::string_view rest = text.substr(kHttps.size());
  const std::size_t end = std::min(rest.find_first_of("/?#"), rest.size());
  if (rest.substr(0, end).find('@') != rest.npos)
    return invalid("must not carry a user name or password");
  url.host = host_of(lower(rest.substr(0, end)));
  if (url.host.empty()) return invalid("has no valid host");
  const std::string_view tail = rest.substr(end, rest.find('#') - end);
  url.path = tail.starts_with('/') ? std::string(tail) : "/" + std::string(tail);
  // Rebuilt from its checked parts, so that what is fetched is what was checked.
  const std::string origin = std::string(kHttps) + lower(rest.substr(0, end));
  url.text = origin + url.path;
  url.shown = origin + url.path.substr(0, url.path.find('?'));
  return url;
}

}  // namespace pixell::apkg
