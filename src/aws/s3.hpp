#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "aws/call.hpp"
#include "aws/credentials.hpp"
#include "aws/error.hpp"
#include "aws/transport.hpp"
#include "aws/uri.hpp"

namespace pixell::aws {

/// What S3 says about an object.
struct ObjectInfo {
  std::uint64_t bytes = 0;
  std::string etag;
};

/// One page of a listing.
struct ObjectPage {
  struct Object {
    std::string key;
    std::uint64_t bytes = 0;
  };
  std::vector<Object> objects;
  std::string next;  ///< for the next page; empty at the end
};

/// An attempt of a download that failed and will be tried again.
struct FailedDownload {
  int attempt = 0;  ///< from 1, since bytes came last
  std::string error;
  std::uint64_t bytes_so_far = 0;
};

/// An object to fetch.
struct ObjectDownload {
  S3Location from;
  std::uint64_t max_bytes = 0;
  Millis patience{60'000};  ///< in all
  int attempts = 3;         ///< in a row without a byte
  std::function<Result<void>(std::string_view)> sink;
  std::function<void(const FailedDownload&)> on_failed_attempt;  ///< may be empty
  std::stop_token stop;
};

/// An object to write.
struct ObjectUpload {
  S3Location to;
  std::string_view body;  ///< stays until put() has returned
  Fields metadata;        ///< sent as x-amz-meta-…
  /// Refused with FailedPrecondition when the key is there already.
  bool must_be_new = false;
  Lane lane = Lane::Deploy;
  std::stop_token stop;
};

/// Objects in S3 (https://docs.aws.amazon.com/AmazonS3/latest/API/). Credentials, region and
/// endpoint come from the environment given to it; a bucket of another region is followed there.
/// Safe from several threads; blocks.
class S3 {
 public:
  /// `limiter` may be null, and outlives this.
  S3(Outside outside, Environment env, RateLimiter* limiter = nullptr);

  /// GetObject in pieces as they come. A connection that breaks is taken up again where it broke,
  /// as long as the object is the same (Range, If-Match). NotFound, PermissionDenied and other
  /// refusals are not tried again; ResourceExhausted beyond max_bytes; FailedPrecondition when the
  /// object was replaced meanwhile.
  Answer<ObjectInfo> download(const ObjectDownload& wanted);

  /// HeadObject.
  Answer<ObjectInfo> head(const S3Location& at, const std::stop_token& stop = {});

  /// PutObject with its SHA-256, which S3 checks.
  Answer<ObjectInfo> put(const ObjectUpload& upload);

  /// ListObjectsV2: keys that begin with `prefix`, at most 1,000; `next` from the page before.
  Answer<ObjectPage> list(const std::string& bucket, const std::string& prefix,
                          const std::string& next = {}, const std::stop_token& stop = {});

  /// DeleteObject; a key that is not there is success.
  Answer<void> remove(const S3Location& at, const std::stop_token& stop = {});

 private:
  struct Progress;
  Answer<net::FetchReply> send(Call call, const std::string& bucket);
  Answer<net::FetchReply> get_rest(const ObjectDownload& wanted, Progress& progress);
  Result<void> aim(Call& call, const std::string& bucket) const;
  std::string region_of(const std::string& bucket) const;

  const Environment env_;
  const std::string region_;
  CachedCredentials credentials_;
  Caller caller_;
  mutable std::mutex mutex_;                    // guards what follows
  std::map<std::string, std::string> regions_;  // of buckets that are elsewhere
};

}  // namespace pixell::aws
