#include "apkg/package_source.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <optional>

#include "apkg/address_guard.hpp"
#include "apkg/digest.hpp"
#include "apkg/package_part.hpp"
#include "apkg/s3_source.hpp"
#include "net/client/http_fetch.hpp"

namespace pixell::apkg {

namespace fs = std::filesystem;
using model::Cause;

namespace {

// Why an attempt failed, and whether another one can help.
struct AttemptFailure {
  model::Failure failure;
  bool can_retry = false;
};
using Attempt = std::expected<void, AttemptFailure>;

std::unexpected<AttemptFailure> stop_with(model::Failure failure, bool can_retry = false) {
  return std::unexpected(AttemptFailure{std::move(failure), can_retry});
}

// The URL a redirect leads to; only https, checked as the first one was.
Checked<PackageUrl> redirected(const PackageUrl& from, const std::string& location) {
  const std::size_t slash = from.text.find('/', std::string_view("https://").size());
  const std::string origin = from.text.substr(0, slash);
  std::string target = location;
  if (location.starts_with("//"))
    target = "https:" + location;
  else if (location.starts_with('/'))
    target = origin + location;
  else if (location.find("://") == std::string::npos)
    target = origin + from.path.substr(0, from.path.substr(0, from.path.find('?')).rfind('/') + 1) +
             location;
  auto url = validate_package_url(target);
  if (!url || url->scheme != PackageUrl::Scheme::Https)
    return refuse(Cause::DownloadFailed,
                  fmt::format("{} redirects to a place that is not allowed", from.shown),
                  url ? std::vector<std::string>{} : std::vector{url.error().message},
                  "Give the URL of the package itself; redirects must stay on https.");
  return url;
}

model::Failure status_failure(const PackageUrl& url, int status) {
  const std::string message = fmt::format("{} answered {}", url.shown, status);
  if (status == 404 || status == 410) return model::make_failure(Cause::PackageNotFound, message);
  if (status == 401 || status == 403)
    return model::make_failure(Cause::DownloadFailed, message, {},
                               "The server refuses access: use a URL that may be read, and check "
                               "that a signed one has not expired.");
  return model::make_failure(Cause::DownloadFailed, message);
}

model::Failure error_failure(const PackageUrl& url, const PackageRequest& request,
                             const PackagePart& part, const Error& error) {
  if (part.is_too_large() || error.code == ErrorCode::ResourceExhausted)
    return too_large(request.max_bytes);
  if (part.disk_error()) return disk_failure(*part.disk_error());
  if (error.code == ErrorCode::PermissionDenied)
    return model::make_failure(
        Cause::DownloadFailed, fmt::format("{} has a private address", url.host), {error.message},
        fmt::format("If this host is yours, put it into PACKAGE_URL_ALLOW_HOSTS={}.", url.host));
  return model::make_failure(Cause::DownloadFailed, fmt::format("cannot fetch {}", url.shown),
                             {error.message});
}

net::FetchRequest fetch_request(const PackageUrl& url, const PackageRequest& request,
                                PackagePart& part, Millis remaining) {
  net::FetchRequest fetch;
  fetch.url = url.text;
  fetch.timeout = remaining;
  fetch.stall_timeout = kFetchStall;  // one that hangs leaves time for another
  fetch.max_body_bytes = request.max_bytes;
  fetch.ca_file = request.ca_file;
  fetch.stop = request.stop;
  fetch.sink = [&part](std::string_view bytes) { return part.append(bytes); };
  if (!is_listed_host(url.host, request.allow_hosts))
    fetch.allow_address = [](std::string_view address) -> Result<void> {
      if (is_public_address(address)) return {};
      return make_error(ErrorCode::PermissionDenied,
                        fmt::format("{} is not an address of the internet", address));
    };
  return fetch;
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// One attempt: follows redirects and leaves the whole package in `part`.
Attempt attempt_once(PackageUrl url, const PackageRequest& request, const PackageSourceParts& parts,
                     PackagePart& part, Instant deadline) {
  for (int hop = 0; hop <= kMaxFetchRedirects; ++hop) {
    if (auto fresh = part.restart(); !fresh)
      return stop_with(model::make_failure(Cause::Internal, "cannot store the package",
                                           {fresh.error().message}));
    const auto remaining = std::chrono::duration_cast<Millis>(deadline - parts.clock.now());
    if (remaining <= Millis(0))
      return stop_with(model::make_failure(
          Cause::DownloadFailed, fmt::format("{} was not fetched in time", url.shown),
          {fmt::format("the limit is {} s in all", request.timeout.count() / 1000)}));
    const auto reply = parts.fetch(fetch_request(url, request, part, remaining));
    if (!reply) {
      const ErrorCode code = reply.error().code;
      const bool is_ours = part.is_too_large() || part.disk_error();
      const bool can_retry =
          !is_ours && (code == ErrorCode::Unavailable || code == ErrorCode::DeadlineExceeded);
      return stop_with(error_failure(url, request, part, reply.error()), can_retry);
    }
    if (reply->status == 200) return {};
    const auto location = reply->header("location");
    if (!is_redirect(reply->status) || !location)
      return stop_with(status_failure(url, reply->status), reply->status >= 500);
    auto next = redirected(url, *location);
    if (!next) return stop_with(std::move(next).error());
    url = std::move(*next);
  }
  return stop_with(model::make_failure(
      Cause::DownloadFailed,
      fmt::format("{} redirects more than {} times", url.shown, kMaxFetchRedirects)));
}

Checked<void> check_digest(const PackageRequest& request, const std::string& actual) {
  if (request.sha256.empty() || same_digest(request.sha256, actual)) return {};
  return refuse(Cause::DigestMismatch, "the package is not the one that was asked for",
                {"expected sha256 " + request.sha256, "received sha256 " + actual});
}

Checked<PackageUrl> check_request(const PackageRequest& request) {
  auto url = validate_package_url(request.url);
  if (!url) return url;
  if (!request.sha256.empty() && !is_sha256(request.sha256))
    return refuse(Cause::ConfigInvalid, "PACKAGE_SHA256 must be 64 hex characters");
  return url;
}

}  // namespace

PackageSourceParts system_package_source() {
  return {.clock = system_clock(),
          .sleep = [](Millis pause) { ::poll(nullptr, 0, static_cast<int>(pause.count())); },
          .fetch = [](const net::FetchRequest& request) { return net::fetch(request); },
          .on_failed_attempt = {},
          .download = {}};
}

Checked<FetchedPackage> fetch_package(const PackageRequest& request, const fs::path& destination,
                                      const PackageSourceParts& parts) {
  CHECKED_TRY(const PackageUrl url, check_request(request));
  const Instant deadline = parts.clock.now() + request.timeout;
  PackagePart part(destination.string() + ".downloading", request.max_bytes);
  if (url.scheme == PackageUrl::Scheme::S3) {
    CHECKED_TRY_VOID(fetch_from_s3(url, request, parts, part));
    CHECKED_TRY_VOID(check_digest(request, part.finish()));
    return part.keep(destination);
  }
  Millis pause = kFetchFirstPause;
  for (int attempt = 1;; ++attempt, pause *= 2) {
    auto done = attempt_once(url, request, parts, part, deadline);
    if (done) {
      CHECKED_TRY_VOID(check_digest(request, part.finish()));
      return part.keep(destination);
    }
    model::Failure failure = std::move(done.error().failure);
    const auto remaining = std::chrono::duration_cast<Millis>(deadline - parts.clock.now());
    if (!done.error().can_retry) return std::unexpected(std::move(failure));
    if (attempt >= request.attempts || remaining <= pause || request.stop.stop_requested()) {
      failure.evidence.insert(failure.evidence.begin(), failure.message);
      failure.message = fmt::format("Failed to fetch package after {} attempts", attempt);
      return std::unexpected(std::move(failure));
    }
    if (parts.on_failed_attempt)
      parts.on_failed_attempt(
          {.attempt = attempt,
           .error = failure.evidence.empty() ? failure.message : failure.evidence.front(),
           .remaining = remaining});
    parts.sleep(pause);
  }
}

}  // namespace pixell::apkg
