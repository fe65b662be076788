#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace pixell::aws {

/// Names and values in order; a name may repeat.
using Fields = std::vector<std::pair<std::string, std::string>>;

/// Percent-encodes all but the unreserved characters of RFC 3986 section 2.3, with upper-case hex:
/// the one form SigV4 knows. A '/' stays when `keeps_slash`.
std::string uri_encode(std::string_view text, bool keeps_slash = false);

/// A path without empty, "." and ".." segments (RFC 3986 section 5.2.4, and doubled slashes); never
/// above the root. A trailing slash stays.
std::string normalize_path(std::string_view path);

/// Encoded names and values sorted by both, joined as a query. What is sent and what is signed are
/// this same text.
std::string canonical_query(const Fields& query);

/// Where requests go: scheme, authority and a path prefix.
struct Endpoint {
  bool is_https = true;
  std::string host;        ///< lower case; an IPv6 address in brackets
  std::uint16_t port = 0;  ///< 0 = the scheme's own
  std::string path;        ///< "" or "/prefix", without a final slash

  /// The Host header: a port that is the scheme's own is left out, as HTTP clients do.
  std::string authority() const;
  /// "https://host:port/prefix".
  std::string url() const;
};

/// Reads "http://host:port/prefix" or https. InvalidArgument names the value and the rule: no user
/// name, no query, no fragment, a host of letters, digits, '-', '.' and '_' or an address in
/// brackets, a port of 1 to 65535.
Result<Endpoint> parse_endpoint(std::string_view text);

/// An object in S3.
struct S3Location {
  std::string bucket;
  std::string key;  ///< opaque, never empty
};

/// Reads "s3://bucket/key". The key is everything after the slash, as it is. InvalidArgument for
/// another scheme, a bucket that S3 does not allow (3 to 63 lower-case letters, digits, '-', '.',
/// beginning and ending with a letter or digit), an empty key, or one of more than 1024 bytes.
Result<S3Location> parse_s3_url(std::string_view url);

}  // namespace pixell::aws
