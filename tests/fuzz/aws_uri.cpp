// Endpoints, S3 URLs and paths of strangers: what is accepted is in its final form, and what is
// signed is what is sent.

#include <algorithm>
#include <cstdint>
#include <string>

#include "aws/uri.hpp"
#include "base/check.hpp"
#include "base/percent.hpp"
#include "input.hpp"

namespace {

namespace aws = pixell::aws;

void check_endpoint(std::string_view text) {
  const auto endpoint = aws::parse_endpoint(text);
  if (!endpoint) return;
  const auto again = aws::parse_endpoint(endpoint->url());
  CHECK(again && again->url() == endpoint->url() && again->host == endpoint->host,
        "an endpoint is read as it is written");
  CHECK(endpoint->host.find_first_of("@/?# \r\n") == std::string::npos, "the host is one name");
}

void check_s3_url(std::string_view text) {
  const auto location = aws::parse_s3_url(text);
  if (!location) return;
  CHECK("s3://" + location->bucket + "/" + location->key == text, "nothing of it is lost");
  CHECK(location->bucket.find_first_of("/@:?#") == std::string::npos, "the bucket is one label");
}

void check_path(std::string_view text) {
  const std::string path = aws::normalize_path(text);
  CHECK(path.starts_with('/') && path.find("//") == std::string::npos,
        "one root, no empty segment");
  CHECK(aws::normalize_path(path) == path, "normalising twice is the same");
  const std::string bounded = path.ends_with('/') ? path : path + "/";
  CHECK(bounded.find("/./") == std::string::npos && bounded.find("/../") == std::string::npos,
        "no dots are left");
}

void check_encoding(std::string_view text) {
  const std::string encoded = aws::uri_encode(text);
  CHECK(encoded.find_first_of("/+&= #?\r\n") == std::string::npos, "nothing has a meaning in it");
  // percent_decode() refuses a hidden NUL.
  if (text.find('\0') == text.npos)
    CHECK(pixell::percent_decode(encoded) == std::string(text), "decoding gives the text back");
  CHECK(pixell::aws::uri_encode(text, true).size() <= encoded.size(), "slashes are the difference");
}

// The text cut at its '&' and '='.
aws::Fields fields_of(std::string_view text) {
  aws::Fields fields;
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(pair.size() + 1, text.size()));
    const std::size_t equals = std::min(pair.find('='), pair.size());
    fields.emplace_back(pair.substr(0, equals),
                        equals < pair.size() ? pair.substr(equals + 1) : std::string_view());
  }
  return fields;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = pixell::fuzz::text_of(data, size);
  check_endpoint(text);
  check_s3_url(text);
  check_path(text);
  check_encoding(text);
  aws::Fields fields = fields_of(text);
  const std::string query = aws::canonical_query(fields);
  std::reverse(fields.begin(), fields.end());
  CHECK(aws::canonical_query(fields) == query, "the order of the fields does not matter");
  return 0;
}
