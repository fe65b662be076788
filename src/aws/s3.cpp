#include "aws/s3.hpp"

#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "aws/endpoint.hpp"
#include "aws/hash.hpp"
#include "aws/limits.hpp"
#include "aws/retry.hpp"
#include "aws/xml.hpp"

namespace pixell::aws {

namespace {

constexpr ServiceEndpoint kS3{.prefix = "s3", .override_name = "S3"};

std::uint64_t number_of(std::string_view text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

Call call_of(std::string method, std::string action, const std::string& key,
             const std::stop_token& stop) {
  Call call;
  call.name = "s3 " + std::move(action);
  call.method = std::move(method);
  call.path = "/" + uri_encode(key, true);
  call.signing_name = "s3";
  call.service = "s3";
  call.action_class = call.method == "GET" || call.method == "HEAD" ? "read" : "write";
  call.is_s3 = true;
  call.stop = stop;
  return call;
}

AwsError failure(ErrorCode code, const std::string& call, std::string message) {
  return {.code = code, .call = call, .name = {}, .message = std::move(message), .request_id = {}};
}

ObjectInfo info_of(const net::FetchReply& reply) {
  return {.bytes = number_of(reply.header("content-length").value_or("0")),
          .etag = reply.header("etag").value_or(std::string())};
}

}  // namespace

// A download under way.
struct S3::Progress {
  std::uint64_t bytes = 0;
  std::string etag;
  bool has_moved = false;  // in the latest attempt
  std::optional<AwsError> failure{};
};

S3::S3(Outside outside, Environment env, RateLimiter* limiter)
    : env_(std::move(env)),
      region_(find_region(env_)),
      credentials_(outside.clock, [this, outside] { return find_credentials(outside, env_); }),
      caller_(outside, credentials_, limiter) {}

std::string S3::region_of(const std::string& bucket) const {
  const std::lock_guard lock(mutex_);
  const auto known = regions_.find(bucket);
  if (known != regions_.end()) return known->second;
  // S3 names the right one when this is not it.
  return region_.empty() ? "us-east-1" : region_;
}

// Region, host and path: the bucket is in the host at AWS, in the path where an endpoint is given
// or a certificate for *.s3… would not match.
Result<void> S3::aim(Call& call, const std::string& bucket) const {
  call.region = region_of(bucket);
  TRY(call.endpoint, find_endpoint(kS3, call.region, env_));
  if (is_overridden(kS3, env_) || bucket.find('.') != std::string::npos)
    call.path = "/" + bucket + call.path;
  else
    call.endpoint.host = bucket + "." + call.endpoint.host;
  return {};
}

Answer<net::FetchReply> S3::send(Call call, const std::string& bucket) {
  const std::string path = call.path;
  for (bool is_second = false;; is_second = true) {
    call.path = path;
    if (const auto aimed = aim(call, bucket); !aimed)
      return std::unexpected(failure(aimed.error().code, call.name, aimed.error().message));
    auto reply = caller_.send(call);
    if (reply || reply.error().remedy != Remedy::OtherRegion) return reply;
    AwsError& error = reply.error();
    if (is_second || !is_region(error.region) || error.region == call.region) {
      error.message += fmt::format(
          "; the bucket {} is not in {}{}: set AWS_REGION to its region", bucket, call.region,
          error.region.empty() ? std::string() : fmt::format(", S3 says {}", error.region));
      return reply;
    }
    const std::lock_guard lock(mutex_);
    regions_[bucket] = error.region;
  }
}

Answer<net::FetchReply> S3::get_rest(const ObjectDownload& wanted, Progress& progress) {
  Call call = call_of("GET", "GetObject", wanted.from.key, wanted.stop);
  call.attempts = 1;  // download() counts
  call.patience = wanted.patience;
  call.timeout = wanted.patience;
  // One more: what is over the limit is told by us, with the object's size.
  call.max_body_bytes = wanted.max_bytes + 1;
  const std::uint64_t from = progress.bytes;
  if (from > 0) {
    call.headers.emplace_back("Range", fmt::format("bytes={}-", from));
    call.headers.emplace_back("If-Match", progress.etag);
  }
  call.on_head = [&, from](const net::FetchReply& head) -> Result<void> {
    progress.etag = head.header("etag").value_or(progress.etag);
    const std::string range = head.header("content-range").value_or(std::string());
    if (from > 0 && (head.status != 206 || !range.starts_with(fmt::format("bytes {}-", from)))) {
      progress.failure = failure(
          ErrorCode::DataLoss, "s3 GetObject",
          fmt::format("asked for the bytes from {}, answered {} {}", from, head.status, range));
      return make_error(ErrorCode::DataLoss, progress.failure->message);
    }
    const std::uint64_t total = from + number_of(head.header("content-length").value_or("0"));
    if (total <= wanted.max_bytes) return {};
    progress.failure =
        failure(ErrorCode::ResourceExhausted, "s3 GetObject",
                fmt::format("the object has {} bytes; {} are allowed", total, wanted.max_bytes));
    return make_error(ErrorCode::ResourceExhausted, progress.failure->message);
  };
  call.sink = [&](std::string_view bytes) -> Result<void> {
    progress.bytes += bytes.size();
    progress.has_moved = true;
    if (progress.bytes > wanted.max_bytes)
      return make_error(ErrorCode::ResourceExhausted,
                        fmt::format("the object has more than {} bytes", wanted.max_bytes));
    return wanted.sink(bytes);
  };
  auto reply = send(std::move(call), wanted.from.bucket);
  if (!reply && progress.failure) return std::unexpected(*progress.failure);
  return reply;
}

Answer<ObjectInfo> S3::download(const ObjectDownload& wanted) {
  Progress progress;
  const Clock& clock = caller_.outside().clock;
  const Instant deadline = clock.now() + wanted.patience;
  ObjectDownload rest = wanted;
  for (int attempt = 1;; ++attempt) {
    rest.patience = std::chrono::duration_cast<Millis>(deadline - clock.now());
    progress.has_moved = false;
    auto reply = get_rest(rest, progress);
    if (reply) {
      if (progress.etag.empty()) progress.etag = info_of(*reply).etag;
      return ObjectInfo{.bytes = progress.bytes, .etag = progress.etag};
    }
    if (progress.has_moved) attempt = 1;
    const AwsError& error = reply.error();
    const bool can_pass = error.remedy == Remedy::Wait || error.remedy == Remedy::WaitLonger;
    // Without a name for what came, what comes may be something else.
    const bool can_resume = progress.bytes == 0 || !progress.etag.empty();
    const Millis pause = full_jitter(error.remedy, attempt, caller_.outside().random());
    if (!can_pass || !can_resume || attempt >= wanted.attempts || wanted.stop.stop_requested() ||
        clock.now() + pause >= deadline)
      return std::unexpected(error);
    if (wanted.on_failed_attempt)
      wanted.on_failed_attempt(
          {.attempt = attempt, .error = describe(error), .bytes_so_far = progress.bytes});
    caller_.outside().sleep(pause, wanted.stop);
  }
}

Answer<ObjectInfo> S3::head(const S3Location& at, const std::stop_token& stop) {
  const auto reply = send(call_of("HEAD", "HeadObject", at.key, stop), at.bucket);
  if (!reply) return std::unexpected(reply.error());
  return info_of(*reply);
}

Answer<ObjectInfo> S3::put(const ObjectUpload& upload) {
  Call call = call_of("PUT", "PutObject", upload.to.key, upload.stop);
  const Digest digest = sha256(upload.body);
  call.headers = {{"Content-Type", "application/octet-stream"},
                  {"x-amz-checksum-sha256", base64(bytes_of(digest))}};
  for (const auto& [name, value] : upload.metadata)
    call.headers.emplace_back("x-amz-meta-" + name, value);
  if (upload.must_be_new) call.headers.emplace_back("If-None-Match", "*");
  call.large_body = upload.body;
  call.lane = upload.lane;
  const auto reply = send(std::move(call), upload.to.bucket);
  if (!reply) return std::unexpected(reply.error());
  return ObjectInfo{.bytes = upload.body.size(), .etag = info_of(*reply).etag};
}

Answer<ObjectPage> S3::list(const std::string& bucket, const std::string& prefix,
                            const std::string& next, const std::stop_token& stop) {
  Call call = call_of("GET", "ListObjectsV2", "", stop);
  call.query = {{"list-type", "2"}, {"prefix", prefix}};
  if (!next.empty()) call.query.emplace_back("continuation-token", next);
  const std::string name = call.name;
  const auto reply = send(std::move(call), bucket);
  if (!reply) return std::unexpected(reply.error());
  const auto document = parse_xml(reply->body);
  if (!document)
    return std::unexpected(failure(document.error().code, name, document.error().message));
  ObjectPage page;
  for (const XmlElement& each : document->children)
    if (each.name == "Contents")
      page.objects.push_back(
          {.key = each.text_of("Key"), .bytes = number_of(each.text_of("Size"))});
  page.next = document->text_of("NextContinuationToken");
  return page;
}

Answer<void> S3::remove(const S3Location& at, const std::stop_token& stop) {
  const auto reply = send(call_of("DELETE", "DeleteObject", at.key, stop), at.bucket);
  if (!reply) return std::unexpected(reply.error());
  return {};
}

}  // namespace pixell::aws
