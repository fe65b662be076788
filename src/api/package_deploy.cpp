#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "api/deployment_body.hpp"
#include "api/fields.hpp"
#include "api/handlers.hpp"
#include "api/limits.hpp"
#include "api/multipart.hpp"
#include "apkg/archive.hpp"
#include "apkg/limits.hpp"
#include "apkg/manifest_parser.hpp"
#include "base/ids.hpp"

namespace pixell::api {

namespace {

constexpr std::string_view kNotValid = "the package upload is not valid";

// What an upload consists of; the file goes to the package store as it comes in.
struct Upload {
  std::optional<apkg::PackageImport> file;
  std::map<std::string, std::string> values;
  std::optional<model::Failure> failure;  // why the store refused a piece of the file
};

// One line that names the cause, then its evidence.
std::vector<std::string> details_of(const model::Failure& failure) {
  std::vector<std::string> details{
      fmt::format("{}: {}", to_string(failure.cause), failure.message)};
  details.insert(details.end(), failure.evidence.begin(), failure.evidence.end());
  details.push_back(failure.remedy);
  return details;
}

// What is wrong with the package is the caller's; what is wrong with our disk is not.
Reply refused_package(const ApiContext& context, const model::Failure& failure) {
  if (failure.cause != model::Cause::Internal) return problem(400, kNotValid, details_of(failure));
  context.log.error("Upload not stored", {{"error", failure.message}});
  return problem(507, failure.message, details_of(failure));
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

std::map<std::string, std::string> read_environment_value(const Upload& upload,
                                                          std::vector<std::string>& findings) {
  const auto found = upload.values.find("environment");
  if (found == upload.values.end() || found->second.empty()) return {};
  const auto json = nlohmann::json::parse(found->second, nullptr, false);
  return read_environment(json, "environment", findings);
}

model::LimitsAsked read_limits_value(const Upload& upload, std::vector<std::string>& findings) {
  const auto found = upload.values.find("limits");
  if (found == upload.values.end() || found->second.empty()) return {};
  return read_limits(nlohmann::json::parse(found->second, nullptr, false), "limits", findings);
}

}  // namespace

Reply deploy_package(const ApiContext& context, Call& call) {
  const std::string& app = call.params[0];
  if (const auto checked = model::check_app_id(app); !checked)
    return problem(400, kNotValid, {checked.error().message});
  Upload upload;
  if (const auto read = read_upload(context, call, upload); !read) {
    if (upload.failure) return refused_package(context, *upload.failure);
    if (read.error().code == ErrorCode::InvalidArgument ||
        read.error().code == ErrorCode::ResourceExhausted)
      return problem(400, kNotValid, {read.error().message});
    return problem(context, read.error());
  }
  if (!upload.file) return problem(400, kNotValid, {"the part 'file' with the .apkg is missing"});
  std::vector<std::string> findings;
  auto environment = read_environment_value(upload, findings);
  const model::LimitsAsked limits = read_limits_value(upload, findings);
  if (!findings.empty()) return problem(400, kNotValid, findings);

  const auto stored = upload.file->commit();
  if (!stored) return refused_package(context, stored.error());
  auto manifest = validate(stored->path, context.log);
  if (!manifest) {
    // Content that is refused now was refused before: no revision can refer to it.
    if (const auto removed = context.packages.remove(stored->sha256); !removed)
      context.log.warning("Refused package not removed", {{"error", removed.error().message}});
    return problem(400, kNotValid, details_of(manifest.error()));
  }
  const std::string& given = upload.values["version"];
  model::Package package{.sha256 = stored->sha256,
                         .id = new_ulid(context.clock.unix_now()),
                         .app_id = app,
                         .name = manifest->name,
                         .version = given.empty() ? manifest->version : given,
                         .size_bytes = static_cast<std::int64_t>(stored->bytes),
                         .manifest_json = model::to_json(*manifest).dump(),
                         .created_at = context.clock.unix_now()};
  const std::string version = package.version;
  const auto accepted = context.store.accept_deployment(
      {.app_id = app,
       .package = std::move(package),
       .refuse_existing_version = upload.values["force_overwrite"] != "true",
       .version = version,
       .release_notes = upload.values["release_notes"],
       .environment = std::move(environment),
       .limits = limits});
  if (!accepted) return refused_deployment(context, accepted.error());
  return accepted_reply(call, *accepted);
}

}  // namespace pixell::api
