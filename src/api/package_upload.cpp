#include "api/package_upload.hpp"

#include <fmt/format.h>

#include <mutex>
#include <nlohmann/json.hpp>
#include <shared_mutex>

#include "api/limits.hpp"
#include "api/multipart.hpp"
#include "api/once.hpp"
#include "api/package_files.hpp"
#include "apkg/archive.hpp"
#include "apkg/limits.hpp"
#include "apkg/manifest_parser.hpp"
#include "base/ids.hpp"

namespace pixell::api {

namespace {

constexpr std::string_view kFile = "file";

Reply refused(const std::string& message) {
  return invalid_request({{std::string(kFile), message}}, kUploadNotValid);
}

// One line that names the cause, then its evidence and what to do. What is wrong with the package
// is the caller's; what is wrong with our disk is not.
Reply refused(const ApiContext& context, const model::Failure& failure) {
  Findings findings;
  const auto add = [&](std::string line) {
    findings.push_back({std::string(kFile), std::move(line)});
  };
  add(fmt::format("{}: {}", to_string(failure.cause), failure.message));
  for (const std::string& line : failure.evidence) add(line);
  add(failure.remedy);
  if (failure.cause == model::Cause::Internal) {
    context.log.error("Upload not stored", {{"error", failure.message}});
    return problem(507, failure.message, findings);
  }
  return invalid_request(findings, kUploadNotValid);
}

Result<void> read_upload(const ApiContext& context, Call& call, Upload& upload) {
  TRY(const std::string boundary,
      multipart_boundary(call.head.headers.get("content-type").value_or("")));
  std::string* value = nullptr;
  bool is_file = false;
  const auto on_part = [&](const PartHead& part) -> Result<void> {
    is_file = part.name == "file";
    value = nullptr;
    if (is_file) {
      if (upload.file)
        return make_error(ErrorCode::InvalidArgument, "the part 'file' was sent twice");
      auto begun = context.packages.begin_import();
      if (begun) {
        upload.file.emplace(std::move(*begun));
        return {};
      }
      upload.failure = model::make_failure(model::Cause::Internal, begun.error().message);
      return std::move(begun).error();
    }
    // A detached signature is taken but not used: nothing is said to be verified.
    value = &upload.values[part.name];
    value->clear();
    return {};
  };
  const auto on_bytes = [&](std::string_view bytes) -> Result<void> {
    if (is_file) {
      auto added = upload.file->append(bytes);
      if (added) return {};
      upload.failure = std::move(added).error();
      return make_error(ErrorCode::InvalidArgument, upload.failure->message);
    }
    if (value->size() + bytes.size() > kMaxPartValueBytes)
      return make_error(ErrorCode::ResourceExhausted,
                        fmt::format("a form value is longer than {} bytes", kMaxPartValueBytes));
    *value += bytes;
    return {};
  };
  MultipartParser parser(boundary, {.on_part = on_part, .on_bytes = on_bytes});
  while (true) {
    TRY(const std::string piece, call.body.read(kBodyTimeout));
    if (piece.empty()) return parser.finish();
    TRY_VOID(parser.feed(piece));
  }
}

// Opens the stored file as `par` will, so that what cannot run is refused now.
apkg::Checked<model::Manifest> validate(const std::filesystem::path& path, const Log& log) {
  CHECKED_TRY(const apkg::ArchiveListing listing, apkg::inspect_archive(path));
  for (const std::string& warning : listing.warnings)
    log.warning("A package has names that differ only in case", {{"reason", warning}});
  auto yaml = apkg::read_archive_file(path, "agent.yaml", apkg::kMaxManifestBytes);
  if (!yaml) return std::unexpected(std::move(yaml).error());
  return apkg::parse_manifest(*yaml);
}

// What an Idempotency-Key stands for: the file and the other parts.
std::string digest_of(const Upload& upload, const std::string& sha256) {
  return nlohmann::json({{"file", sha256}, {"values", upload.values}})
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

std::string Upload::value(const std::string& name) const {
  const auto found = values.find(name);
  return found == values.end() ? std::string() : found->second;
}

OrReply<Upload> receive_upload(const ApiContext& context, Call& call) {
  Upload upload;
  if (const auto read = read_upload(context, call, upload); !read) {
    if (upload.failure) return std::unexpected(refused(context, *upload.failure));
    if (read.error().code == ErrorCode::InvalidArgument ||
        read.error().code == ErrorCode::ResourceExhausted)
      return std::unexpected(refused(read.error().message));
    return std::unexpected(problem(context, read.error()));
  }
  if (!upload.file) return std::unexpected(refused("the part 'file' with the .apkg is missing"));
  return upload;
}

Reply record_upload(const ApiContext& context, Call& call, Upload& upload,
                    const std::function<Reply(const apkg::StoredPackage&)>& record) {
  std::string sha256;
  Reply reply;
  {
    const std::shared_lock files(context.waits.package_files);
    const auto stored = upload.file->commit();
    if (!stored) return refused(context, stored.error());
    sha256 = stored->sha256;
    reply = answer_once(context, call, digest_of(upload, sha256), [&] { return record(*stored); });
  }
  if (reply.status < 400) return reply;
  const PackageFiles files{context.store, context.packages, context.waits.package_files};
  // The answer stands all the same; what stays goes with the next sweep.
  if (const auto removed = remove_package_file(files, sha256); !removed)
    context.log.warning("Refused package not removed", {{"error", removed.error().message}});
  return reply;
}

OrReply<model::Package> check_upload(const ApiContext& context, const Upload& upload,
                                     const apkg::StoredPackage& stored, const std::string& app_id) {
  auto manifest = validate(stored.path, context.log);
  if (!manifest) return std::unexpected(refused(context, manifest.error()));
  const std::string given = upload.value("version");
  return model::Package{.sha256 = stored.sha256,
                        .id = new_ulid(context.clock.unix_now()),
                        .app_id = app_id,
                        .name = manifest->name,
                        .version = given.empty() ? manifest->version : given,
                        .size_bytes = static_cast<std::int64_t>(stored.bytes),
                        .manifest_json = model::to_json(*manifest).dump(),
                        .source = "upload",
                        .created_at = context.clock.unix_now()};
}

}  // namespace pixell::api
