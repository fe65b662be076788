#include "apkg/s3_source.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "aws/s3.hpp"

namespace pixell::apkg {

using model::Cause;

namespace {

std::string remedy_for(const aws::AwsError& error, const aws::S3Location& from) {
  if (error.remedy == aws::Remedy::OtherRegion)
    return "Set AWS_REGION to the region of the bucket.";
  if (error.code == ErrorCode::PermissionDenied)
    return fmt::format(
        "Allow s3:GetObject on arn:aws:s3:::{}/* for these credentials, and s3:ListBucket on the "
        "bucket to tell a missing key from a forbidden one.",
        from.bucket);
  if (error.code == ErrorCode::Unauthenticated)
    return "Give the process AWS credentials: a task role, a profile, or AWS_ACCESS_KEY_ID and "
           "AWS_SECRET_ACCESS_KEY.";
  if (error.code == ErrorCode::FailedPrecondition)
    return "The object was replaced while it was fetched: deploy again, best under a key that does "
           "not change.";
  return {};
}

model::Failure failure_of(const aws::AwsError& error, const aws::S3Location& from,
                          const PackageUrl& url) {
  const Cause cause =
      error.code == ErrorCode::NotFound ? Cause::PackageNotFound : Cause::DownloadFailed;
  const std::string why = error.name.empty() ? "" : fmt::format(" ({})", error.name);
  const std::string message = cause == Cause::PackageNotFound
                                  ? fmt::format("there is no {}{}", url.shown, why)
                                  : fmt::format("cannot fetch {}{}", url.shown, why);
  return model::make_failure(cause, message, {aws::describe(error)}, remedy_for(error, from));
}

}  // namespace

Checked<void> fetch_from_s3(const PackageUrl& url, const PackageRequest& request,
                            const PackageSourceParts& parts, PackagePart& part) {
  const auto from = aws::parse_s3_url(url.text);
  if (!from) return refuse(Cause::ConfigInvalid, "PACKAGE_URL " + from.error().message);
  if (!parts.download)
    return refuse(Cause::ConfigInvalid, fmt::format("{} cannot be read here", url.shown), {},
                  "Use an https:// URL, for example a presigned one of the same object.");
  if (auto fresh = part.restart(); !fresh)
    return refuse(Cause::Internal, "cannot store the package", fresh.error());
  const Instant deadline = parts.clock.now() + request.timeout;
  const auto fetched = parts.download(
      {.from = *from,
       .max_bytes = request.max_bytes,
       .patience = request.timeout,
       .attempts = request.attempts,
       .sink = [&](std::string_view bytes) { return part.append(bytes); },
       .on_failed_attempt =
           [&](const aws::FailedDownload& failed) {
             if (parts.on_failed_attempt)
               parts.on_failed_attempt(
                   {.attempt = failed.attempt,
                    .error = failed.error,
                    .remaining = std::chrono::duration_cast<Millis>(deadline - parts.clock.now())});
           },
       .stop = request.stop});
  if (fetched) return {};
  const aws::AwsError& error = fetched.error();
  if (part.disk_error()) return std::unexpected(disk_failure(*part.disk_error()));
  const bool is_ours = error.status == 0 && error.code == ErrorCode::ResourceExhausted;
  if (part.is_too_large() || is_ours) return std::unexpected(too_large(request.max_bytes));
  return std::unexpected(failure_of(error, *from, url));
}

}  // namespace pixell::apkg
