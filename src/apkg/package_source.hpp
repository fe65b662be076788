#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "apkg/checked.hpp"
#include "apkg/limits.hpp"
#include "aws/s3.hpp"
#include "base/clock.hpp"

namespace pixell::net {
struct FetchRequest;
struct FetchReply;
}  // namespace pixell::net

namespace pixell::apkg {

/// A package URL, taken apart.
struct PackageUrl {
  enum class Scheme { Https, S3 };
  Scheme scheme = Scheme::Https;
  std::string text;   ///< trimmed; may carry a signature in its query: never log it
  std::string host;   ///< lower case, without brackets; for s3 the bucket
  std::string path;   ///< from the first '/' on, query included; for s3 the key
  std::string shown;  ///< without the query: for logs and errors
};

/// Checks PACKAGE_URL: https:// or s3://bucket/key, no user name, no blanks. ConfigInvalid says
/// which rule is broken. Pure.
Checked<PackageUrl> validate_package_url(std::string_view text);

/// What to fetch, and how much patience to have.
struct PackageRequest {
  std::string url;
  std::string sha256;  ///< expected, any case; empty = not checked
  std::uint64_t max_bytes = kDefaultMaxPackageBytes;
  std::vector<std::string> allow_hosts;  ///< may have private addresses (PACKAGE_URL_ALLOW_HOSTS)
  std::string ca_file;                   ///< empty = the system's, or SSL_CERT_FILE
  int attempts = kFetchAttempts;
  Millis timeout = kFetchTimeout;  ///< for all attempts together
  std::stop_token stop;
};

/// A failed attempt that will be tried again.
struct FailedAttempt {
  int attempt = 0;  ///< from 1
  std::string error;
  Millis remaining{0};
};

/// What fetching needs from outside.
struct PackageSourceParts {
  const Clock& clock;
  std::function<void(Millis)> sleep;
  std::function<Result<net::FetchReply>(const net::FetchRequest&)> fetch;
  std::function<void(const FailedAttempt&)> on_failed_attempt;  ///< may be empty
  /// aws::S3::download(), for s3:// URLs; ConfigInvalid without.
  std::function<aws::Answer<aws::ObjectInfo>(const aws::ObjectDownload&)> download;
};

/// The real clock, a real sleep and net::fetch.
PackageSourceParts system_package_source();

struct FetchedPackage {
  std::string sha256;
  std::uint64_t bytes = 0;
};

/// Downloads to `<destination>.downloading` and renames it when complete and verified; nothing is
/// left behind on failure. Failures: ConfigInvalid (URL), PackageNotFound (404, 410),
/// DownloadFailed, DigestMismatch, PackageTooLarge. Only answers 5xx and connections that
/// break or stand still are tried again. Redirects are followed to https only, each host checked
/// anew. What comes from S3 is taken up again where a connection broke.
Checked<FetchedPackage> fetch_package(const PackageRequest& request,
                                      const std::filesystem::path& destination,
                                      const PackageSourceParts& parts);

}  // namespace pixell::apkg
