#include "cmd/pac/package_mirror.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <mutex>

#include "api/package_files.hpp"
#include "apkg/digest.hpp"
#include "cmd/pac/limits.hpp"

namespace pixell::cmd {

namespace {

constexpr std::string_view kBucketVariable = "AGENT_PACKAGES_BUCKET";

std::string key_part(std::string_view text) {
  std::string part(text.substr(0, kMaxMirrorKeyPart));
  for (char& c : part) {
    const bool is_plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                          (c >= 'A' && c <= 'Z') || std::string_view(".+-").contains(c);
    if (!is_plain) c = '_';
  }
  // No empty segment, and none that a path would lose.
  return part.find_first_not_of('.') == std::string::npos ? "_" + part : part;
}

Result<std::string> read_package(const apkg::StoredPackage& stored) {
  std::string body(stored.bytes, '\0');
  std::ifstream file(stored.path, std::ios::binary);
  if (!file.read(body.data(), static_cast<std::streamsize>(body.size())))
    return make_error(ErrorCode::DataLoss, fmt::format("cannot read {}", stored.path.string()));
  // What rotted on the disk must not be the copy that would replace it.
  if (apkg::sha256_of(body) != stored.sha256)
    return make_error(
        ErrorCode::DataLoss,
        fmt::format("{} has changed on the disk and is not copied: remove it, so that it is "
                    "fetched back, or deploy the package again",
                    stored.path.string()));
  return body;
}

}  // namespace

Result<std::string> packages_bucket(const aws::Environment& environment) {
  const std::string bucket = aws::value_of(environment, kBucketVariable);
  if (bucket.empty()) return bucket;
  if (const auto checked = aws::parse_s3_url("s3://" + bucket + "/key");
      !checked || checked->bucket != bucket)
    return make_error(
        ErrorCode::InvalidArgument,
        fmt::format("{} '{}' is no bucket that S3 allows: 3 to 63 of a-z, 0-9, '-' and '.', with a "
                    "letter or digit at both ends",
                    kBucketVariable, bucket));
  return bucket;
}

std::string url_for_tasks(const std::string& bucket, const model::AgentApp& app,
                          const model::Package& package) {
  if (!bucket.empty()) return fmt::format("s3://{}/{}", bucket, mirror_key(app, package));
  const bool is_reachable =
      package.source.starts_with("s3://") || package.source.starts_with("https://");
  return is_reachable ? package.source : std::string();
}

std::string mirror_key(const model::AgentApp& app, const model::Package& package) {
  return fmt::format("{}/{}/{}/{}.apkg", key_part(app.org), app.id, key_part(package.version),
                     package.sha256);
}

PackageMirror::Trouble PackageMirror::refused(const aws::AwsError& error) const {
  Error told = aws::to_error(error);
  if (error.code == ErrorCode::PermissionDenied)
    told.message += fmt::format(
        "; allow s3:PutObject and s3:GetObject on arn:aws:s3:::{0}/* and s3:ListBucket on "
        "arn:aws:s3:::{0}",
        parts_.bucket);
  else if (error.code == ErrorCode::NotFound)
    told.message +=
        fmt::format("; make the bucket {} or name another in {}", parts_.bucket, kBucketVariable);
  return {.error = std::move(told), .is_of_all = true};
}

PackageMirror::Done PackageMirror::put(const aws::S3Location& to, const apkg::StoredPackage& stored,
                                       const std::stop_token& stop) {
  const auto there = parts_.s3.head(to, stop);
  if (there && there->bytes == stored.bytes) return {};
  // Without s3:ListBucket a missing key is forbidden; whether it is one, the write tells.
  if (!there && there.error().code != ErrorCode::NotFound &&
      there.error().code != ErrorCode::PermissionDenied)
    return std::unexpected(refused(there.error()));
  auto body = read_package(stored);
  if (!body) {
    if (!parts_.packages.find(stored.sha256)) return {};  // removed meanwhile, with its row
    return std::unexpected(Trouble{.error = body.error()});
  }
  const auto written = parts_.s3.put({.to = to,
                                      .body = *body,
                                      .metadata = {},
                                      .must_be_new = !there,
                                      .lane = aws::Lane::Collect,
                                      .stop = stop});
  if (written || written.error().code == ErrorCode::FailedPrecondition) return {};
  return std::unexpected(refused(written.error()));
}

PackageMirror::Done PackageMirror::fetch_back(const aws::S3Location& from,
                                              const model::Package& package,
                                              const std::stop_token& stop) {
  const auto bytes = static_cast<std::uint64_t>(package.size_bytes);
  auto import = parts_.packages.begin_import(bytes);
  if (!import) return std::unexpected(Trouble{.error = import.error(), .is_of_all = true});
  const auto fetched =
      parts_.s3.download({.from = from,
                          .max_bytes = bytes,
                          .sink = [&](std::string_view piece) -> Result<void> {
                            const auto added = import->append(piece);
                            if (added) return {};
                            return make_error(ErrorCode::Internal, added.error().message);
                          },
                          .on_failed_attempt = {},
                          .stop = stop});
  if (!fetched && fetched.error().code == ErrorCode::NotFound)
    return std::unexpected(Trouble{
        .error = make_error(ErrorCode::NotFound,
                            fmt::format("the package {} of {} is neither on the disk nor at "
                                        "s3://{}/{}: deploy it again",
                                        package.sha256, package.app_id, from.bucket, from.key))});
  if (!fetched) return std::unexpected(refused(fetched.error()));
  // Whoever removes a package's row waits for this lock before the file goes.
  const std::shared_lock lock(parts_.files);
  if (!parts_.store.package(package.app_id, package.sha256)) return {};
  if (const auto stored = import->commit(package.sha256); !stored)
    return std::unexpected(
        Trouble{.error = make_error(ErrorCode::DataLoss,
                                    fmt::format("s3://{}/{} is not kept: {}", from.bucket, from.key,
                                                stored.error().message))});
  return {};
}

PackageMirror::Done PackageMirror::keep(const model::AgentApp& app, const model::Package& package,
                                        Pass& pass, const std::stop_token& stop) {
  const aws::S3Location at{.bucket = parts_.bucket, .key = mirror_key(app, package)};
  const auto stored = parts_.packages.find(package.sha256);
  if (stored && kept_.contains(at.key)) return {};
  const Done done = stored ? put(at, *stored, stop) : fetch_back(at, package, stop);
  if (!done) return done;
  ++(stored ? pass.put : pass.fetched_back);
  kept_.insert(at.key);
  return {};
}

Result<std::string> PackageMirror::publish(const model::AgentApp& app,
                                           const model::Package& package) {
  const aws::S3Location at{.bucket = parts_.bucket, .key = mirror_key(app, package)};
  const auto stored = parts_.packages.find(package.sha256);
  if (stored) {
    if (const Done done = put(at, *stored, {}); !done) return done.error().error;
  } else if (const auto there = parts_.s3.head(at); !there) {
    return refused(there.error()).error;
  }
  return fmt::format("s3://{}/{}", at.bucket, at.key);
}

PackageMirror::Pass PackageMirror::run_once(const std::stop_token& stop) {
  Pass pass;
  const auto keep_all = [&](const model::AgentApp& app) -> Result<bool> {
    store::PackageFilter filter{.app_id = app.id};
    while (true) {
      TRY(const auto packages, parts_.store.packages(filter));
      for (const model::Package& package : packages) {
        if (stop.stop_requested()) return true;
        const Done done = keep(app, package, pass, stop);
        if (done) continue;
        if (!pass.failure) pass.failure = done.error().error;
        if (done.error().is_of_all) return true;
      }
      if (packages.size() < filter.limit) return false;
      filter.before_id = packages.back().id;
    }
  };
  if (const auto looked = api::any_app(parts_.store, keep_all); !looked && !pass.failure)
    pass.failure = looked.error();
  return pass;
}

void PackageMirror::follow(const std::stop_token& stop) {
  Millis pause = kMirrorPause;
  while (!stop.stop_requested()) {
    // Read before the pass: what comes during it is not missed.
    const auto seen = parts_.store.last_event();
    const Pass pass = run_once(stop);
    if (stop.stop_requested()) return;
    if (pass.put + pass.fetched_back > 0)
      parts_.log.info(
          "Packages kept in S3",
          {{"bucket", parts_.bucket}, {"kept", pass.put}, {"fetched_back", pass.fetched_back}});
    pause = pass.failure ? std::min(pause * 2, kMaxMirrorPause) : kMirrorPause;
    if (pass.failure)
      parts_.log.warning("Packages not all kept in S3", {{"bucket", parts_.bucket},
                                                         {"error", pass.failure->message},
                                                         {"again_in_ms", pause.count()}});
    parts_.outside.sleep(pause, stop);
    if (!pass.failure && seen)
      (void)parts_.store.wait_for_change(*seen, kMirrorLook, stop);  // an error shows in the pass
  }
}

void PackageMirror::start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { follow(stop); });
}

}  // namespace pixell::cmd
