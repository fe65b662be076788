#include "aws/uri.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "aws/limits.hpp"

namespace pixell::aws {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

bool is_unreserved(char c) {
  return is_digit(c) || is_lower(c) || is_upper(c) || c == '-' || c == '_' || c == '.' || c == '~';
}

Error invalid(std::string message) {
  return make_error(ErrorCode::InvalidArgument, std::move(message));
}

Error bad_endpoint(std::string_view text, std::string_view rule) {
  return invalid(fmt::format("endpoint '{}' {}; write https://host[:port][/prefix]",
                             text.substr(0, 200), rule));
}

bool is_host_char(char c) { return is_digit(c) || is_lower(c) || c == '-' || c == '.' || c == '_'; }

bool is_address_char(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || c == ':' || c == '.';
}

// The length of the host at the beginning of an authority; 0 when there is none.
std::size_t host_length(std::string_view authority) {
  if (!authority.starts_with('[')) return std::min(authority.find(':'), authority.size());
  const std::size_t end = authority.find(']');
  return end == authority.npos ? 0 : end + 1;
}

bool is_host(std::string_view host) {
  if (host.starts_with('['))
    return host.size() > 4 && std::all_of(host.begin() + 1, host.end() - 1, is_address_char);
  return !host.empty() && std::all_of(host.begin(), host.end(), is_host_char);
}

// 1 to 65535, or 0 when it is no port.
std::uint16_t port_of(std::string_view text) {
  if (text.empty() || text.size() > 5 || !std::all_of(text.begin(), text.end(), is_digit)) return 0;
  unsigned port = 0;
  for (const char c : text) port = port * 10 + static_cast<unsigned>(c - '0');
  return port <= 65535 ? static_cast<std::uint16_t>(port) : std::uint16_t{0};
}

// A prefix is put before request paths as it is, so it has to be in its final form.
bool is_prefix(std::string_view path) {
  return std::all_of(path.begin(), path.end(),
                     [](char c) { return is_unreserved(c) || c == '/'; }) &&
         (path.empty() || normalize_path(path) == path);
}

bool is_bucket(std::string_view name) {
  const auto is_end = [](char c) { return is_lower(c) || is_digit(c); };
  return name.size() >= 3 && name.size() <= 63 && is_end(name.front()) && is_end(name.back()) &&
         name.find("..") == name.npos && std::all_of(name.begin(), name.end(), [&](char c) {
           return is_end(c) || c == '-' || c == '.';
         });
}

}  // namespace

std::string uri_encode(std::string_view text, bool keeps_slash) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string encoded;
  encoded.reserve(text.size() + 8);
  for (const char c : text) {
    if (is_unreserved(c) || (keeps_slash && c == '/')) {
      encoded += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    encoded += '%';
    encoded += kDigits[byte >> 4];
    encoded += kDigits[byte & 15];
  }
  return encoded;
}

std::string normalize_path(std::string_view path) {
  std::vector<std::string_view> kept;
  std::string_view last;
  for (std::size_t at = 0; at <= path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    last = path.substr(at, end - at);
    if (last == "..") {
      if (!kept.empty()) kept.pop_back();
    } else if (!last.empty() && last != ".") {
      kept.push_back(last);
    }
    at = end + 1;
  }
  if (kept.empty()) return "/";
  std::string normalized;
  for (const std::string_view segment : kept) {
    normalized += '/';
    normalized += segment;
  }
  if (last.empty()) normalized += '/';
  return normalized;
}

std::string canonical_query(const Fields& query) {
  Fields encoded;
  encoded.reserve(query.size());
  for (const auto& [name, value] : query) encoded.emplace_back(uri_encode(name), uri_encode(value));
  std::sort(encoded.begin(), encoded.end());
  std::string joined;
  for (const auto& [name, value] : encoded) {
    if (!joined.empty()) joined += '&';
    joined += name;
    joined += '=';
    joined += value;
  }
  return joined;
}

std::string Endpoint::authority() const {
  if (port == 0 || port == (is_https ? 443 : 80)) return host;
  return fmt::format("{}:{}", host, port);
}

std::string Endpoint::url() const {
  return fmt::format("{}://{}{}", is_https ? "https" : "http", authority(), path);
}

Result<Endpoint> parse_endpoint(std::string_view text) {
  if (text.size() > kMaxEndpointBytes)
    return invalid(
        fmt::format("the endpoint has {} bytes; {} are allowed", text.size(), kMaxEndpointBytes));
  Endpoint endpoint;
  endpoint.is_https = text.starts_with("https://");
  if (!endpoint.is_https && !text.starts_with("http://"))
    return bad_endpoint(text, "must begin with http:// or https://");
  std::string_view rest = text.substr(text.find("//") + 2);
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  std::string authority(rest.substr(0, slash));
  std::string_view path = rest.substr(slash);
  for (char& c : authority)
    if (is_upper(c)) c = static_cast<char>(c - 'A' + 'a');
  const std::size_t host_end = host_length(authority);
  endpoint.host = authority.substr(0, host_end);
  if (!is_host(endpoint.host)) return bad_endpoint(text, "has no valid host");
  if (host_end < authority.size()) {
    endpoint.port = authority[host_end] == ':' ? port_of(authority.substr(host_end + 1)) : 0;
    if (endpoint.port == 0) return bad_endpoint(text, "has no valid port");
  }
  while (path.ends_with('/')) path.remove_suffix(1);
  if (!is_prefix(path)) return bad_endpoint(text, "has a path that is no plain prefix");
  endpoint.path = path;
  return endpoint;
}

Result<S3Location> parse_s3_url(std::string_view url) {
  constexpr std::string_view kScheme = "s3://";
  const std::string_view shown = url.substr(0, 200);
  if (!url.starts_with(kScheme)) return invalid(fmt::format("'{}' must be s3://bucket/key", shown));
  url.remove_prefix(kScheme.size());
  const std::size_t slash = url.find('/');
  if (slash == url.npos || slash + 1 == url.size())
    return invalid(fmt::format("'{}' must name a bucket and a key: s3://bucket/key", shown));
  if (!is_bucket(url.substr(0, slash)))
    return invalid(fmt::format(
        "'{}' names no bucket that S3 allows (3 to 63 lower-case letters, digits, '-' and '.')",
        shown));
  if (url.size() - slash - 1 > kMaxS3KeyBytes)
    return invalid(
        fmt::format("the key has {} bytes; S3 allows {}", url.size() - slash - 1, kMaxS3KeyBytes));
  return S3Location{.bucket = std::string(url.substr(0, slash)),
                    .key = std::string(url.substr(slash + 1))};
}

}  // namespace pixell::aws
