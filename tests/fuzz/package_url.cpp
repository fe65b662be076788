// The package URL of a stranger: what is accepted names one host, to us and to libcurl alike, and
// a file:// URL leads to nothing but files below the allowed directory.

#include <arpa/inet.h>
#include <curl/curl.h>

#include <cstdint>
#include <string>

#include "api/package_location.hpp"
#include "apkg/address_guard.hpp"
#include "apkg/package_source.hpp"
#include "base/check.hpp"
#include "input.hpp"
#include "scratch_directory.hpp"

namespace {

namespace fs = std::filesystem;
using pixell::apkg::PackageUrl;

// An allowed directory with a file and a link out of it, beside a file that is not allowed.
struct Files {
  Files() {
    fs::create_directory(allowed);
    pixell::fuzz::write_scratch(allowed / "a.apkg", "a");
    pixell::fuzz::write_scratch(scratch.path() / "b.apkg", "b");
    fs::create_symlink(scratch.path() / "b.apkg", allowed / "link.apkg");
  }
  pixell::fuzz::ScratchDirectory scratch;
  fs::path allowed = scratch.path() / "allowed";
};

// The host libcurl would speak to; empty when it refuses the URL.
std::string host_for_curl(const std::string& url) {
  CURLU* parsed = curl_url();
  char* host = nullptr;
  std::string found;
  if (curl_url_set(parsed, CURLUPART_URL, url.c_str(), 0) == CURLUE_OK &&
      curl_url_get(parsed, CURLUPART_HOST, &host, 0) == CURLUE_OK)
    found = host;
  curl_free(host);
  curl_url_cleanup(parsed);
  if (found.starts_with('[')) found = found.substr(1, found.size() - 2);
  return found;
}

// libcurl writes addresses in their usual form: "0x7f.1" is 127.0.0.1, "::0" is "::".
bool is_same_address(const std::string& usual, const std::string& written) {
  in_addr v4, other_v4;
  if (::inet_pton(AF_INET, usual.c_str(), &v4) == 1)
    return ::inet_aton(written.c_str(), &other_v4) == 1 && v4.s_addr == other_v4.s_addr;
  in6_addr v6, other_v6;
  return ::inet_pton(AF_INET6, usual.c_str(), &v6) == 1 &&
         ::inet_pton(AF_INET6, written.c_str(), &other_v6) == 1 &&
         IN6_ARE_ADDR_EQUAL(&v6, &other_v6);
}

void check_url(const PackageUrl& url) {
  CHECK(!url.host.empty() && !url.path.empty(), "a host and a path");
  const auto again = pixell::apkg::validate_package_url(url.text);
  CHECK(again && again->text == url.text && again->host == url.host, "checking twice is the same");
  if (url.scheme != PackageUrl::Scheme::Https) return;
  CHECK(url.shown.find_first_of("?#") == std::string::npos, "what is shown has no signature");
  const std::string host = host_for_curl(url.text);
  CHECK(host.empty() || host == url.host || is_same_address(host, url.host),
        "nobody sees another host in it");
}

void check_address(const std::string& text) {
  if (!pixell::apkg::is_public_address(text)) return;
  in_addr v4;
  in6_addr v6;
  if (::inet_pton(AF_INET, text.c_str(), &v4) == 1) {
    const std::uint32_t address = ntohl(v4.s_addr);
    CHECK(address >> 24 != 127 && address >> 24 != 10 && address >> 24 != 0, "not this network");
    CHECK(address >> 16 != 0xc0a8 && address >> 16 != 0xa9fe && address >> 20 != 0xac1,
          "not a private one");
    CHECK(address >> 28 < 0xe, "not many at once");
  } else {
    CHECK(::inet_pton(AF_INET6, text.c_str(), &v6) == 1, "public means an address");
    CHECK(!IN6_IS_ADDR_LOOPBACK(&v6) && !IN6_IS_ADDR_LINKLOCAL(&v6) &&
              !IN6_IS_ADDR_MULTICAST(&v6) && !IN6_IS_ADDR_UNSPECIFIED(&v6) &&
              (v6.s6_addr[0] & 0xfe) != 0xfc,
          "not a private one");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Files files;
  const std::string_view text = pixell::fuzz::text_of(data, size);
  if (const auto url = pixell::apkg::validate_package_url(text)) check_url(*url);
  check_address(std::string(text));

  // "@" stands for the allowed directory, whose name no input can know.
  std::string location(text);
  if (const auto at = location.find('@'); at != std::string::npos)
    location.replace(at, 1, files.allowed.string());
  const auto checked = pixell::api::check_package_location(location, {files.allowed});
  if (checked && checked->starts_with("file://"))
    CHECK(pixell::api::path_of_file_url(*checked) == files.allowed / "a.apkg",
          "one file is allowed, by whatever path");
  return 0;
}
