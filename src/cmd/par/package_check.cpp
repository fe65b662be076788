#include "cmd/par/package_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "apkg/archive.hpp"
#include "apkg/archive_writer.hpp"
#include "apkg/digest.hpp"
#include "apkg/dotenv_file.hpp"
#include "apkg/manifest_missing.hpp"
#include "apkg/manifest_parser.hpp"
#include "apkg/requirements_check.hpp"
#include "base/files.hpp"
#include "cmd/par/entry_check.hpp"
#include "model/language.hpp"
#include "par/prepare/executable.hpp"
#include "par/prepare/interpreter.hpp"
#include "par/surface/ui_files.hpp"

namespace pixell::cmd {

namespace {

namespace fs = std::filesystem;
using model::Cause;
using Severity = Finding::Severity;

class PackageCheck {
 public:
  PackageCheck(fs::path path, fs::path scratch)
      : path_(std::move(path)), scratch_(std::move(scratch)) {
    found_.path = path_.string();
  }

  apkg::Checked<CheckedPackage> run() {
    std::error_code failed;
    const auto status = fs::status(path_, failed);
    if (!fs::exists(status))
      return apkg::refuse(Cause::PackageNotFound, fmt::format("there is no {}", path_.string()));
    found_.is_directory = fs::is_directory(status);
    if (found_.is_directory) {
      CHECKED_TRY_VOID(look_at_directory());
    } else {
      look_at_file();
    }
    if (!root_.empty()) check_contents();
    return std::move(found_);
  }

 private:
  void add(model::Failure failure, std::string where = {}, Severity severity = Severity::Error) {
    found_.findings.push_back({severity, std::move(where), std::move(failure)});
  }
  void warn(Cause cause, std::string message, std::string where = {}, std::string remedy = {}) {
    add(model::make_failure(cause, std::move(message), {}, std::move(remedy)), std::move(where),
        Severity::Warning);
  }

  apkg::Checked<void> look_at_directory() {
    CHECKED_TRY(apkg::PackList list, apkg::list_package_files(path_));
    for (model::Failure& failure : list.findings) add(std::move(failure));
    for (std::string& warning : list.warnings) warn(Cause::UnsafeArchive, std::move(warning));
    found_.files = list.files.size();
    found_.unpacked_bytes = list.bytes;
    root_ = path_;
    auto text = read_file(path_ / "agent.yaml");
    read_manifest(text ? std::optional(std::move(*text)) : std::nullopt,
                  apkg::files_near_root(path_));
    return {};
  }

  void look_at_file() {
    std::error_code failed;
    found_.packed_bytes = fs::file_size(path_, failed);
    if (const auto digest = apkg::sha256_of_file(path_)) found_.sha256 = *digest;
    apkg::ArchiveSurvey survey = apkg::survey_archive(path_);
    for (model::Failure& failure : survey.findings) add(std::move(failure));
    for (std::string& warning : survey.listing.warnings)
      warn(Cause::UnsafeArchive, std::move(warning));
    if (found_.packed_bytes > apkg::kDefaultMaxPackageBytes)
      warn(Cause::PackageTooLarge,
           fmt::format("the package has {} bytes; without MAX_PACKAGE_SIZE_MB the limit is {}",
                       found_.packed_bytes, apkg::kDefaultMaxPackageBytes));
    for (const apkg::ArchiveEntry& entry : survey.listing.entries) {
      if (!entry.is_directory) ++found_.files;
      found_.unpacked_bytes += entry.bytes;
    }
    const bool is_safe = found_.errors() == 0;
    // Nothing more can be told of what is no archive.
    if (is_safe || survey.manifest)
      read_manifest(std::move(survey.manifest), survey.listing.files());
    if (!is_safe) return;
    const fs::path unpacked = scratch_ / "package";
    if (auto listing = apkg::unpack_archive(path_, unpacked); !listing)
      return add(std::move(listing).error());
    root_ = unpacked;
  }

  // "agent.yaml:4:9: rest.entry must be …" in its two halves; the first is empty for other lines.
  static std::pair<std::string, std::string> placed(const std::string& line) {
    const std::size_t end = line.find(": ");
    if (!line.starts_with("agent.yaml:") || end == std::string::npos) return {};
    return {line.substr(0, end), line.substr(end + 2)};
  }

  void read_manifest(std::optional<std::string> text, const std::vector<std::string>& files) {
    if (!text) return add(apkg::manifest_missing(files));
    manifest_text_ = std::move(*text);
    auto manifest = apkg::parse_manifest(manifest_text_);
    if (manifest) {
      for (const std::string& line : manifest->warnings) {
        const auto [where, what] = placed(line);
        warn(Cause::ManifestInvalid, what, where, "Use letters, digits and _ in its name.");
      }
      found_.manifest = std::move(*manifest);
      return;
    }
    const model::Failure& failure = manifest.error();
    std::size_t told = 0;
    for (const std::string& line : failure.evidence) {
      const auto [where, what] = placed(line);
      if (where.empty()) continue;
      ++told;
      add(model::make_failure(failure.cause, what, {}, failure.remedy), where);
    }
    if (told == 0) add(failure, "agent.yaml");
  }

  void check_contents() {
    std::vector<std::string> projects;
    if (auto requirements = apkg::find_requirements(root_)) {
      found_.requirements = std::move(*requirements);
      for (apkg::UnreadableRequirement& one :
           apkg::check_requirements(found_.requirements, projects))
        add(std::move(one.failure), std::move(one.where));
    } else {
      add(std::move(requirements).error());
    }
    std::vector<std::string> skipped;
    if (auto dotenv = apkg::read_dotenv(root_, &skipped); !dotenv)
      add(std::move(dotenv).error(), ".env");
    for (const std::string& line : skipped)
      warn(Cause::ManifestInvalid, line, ".env", "Use letters, digits and _ in its name.");
    if (!found_.manifest) return;
    const model::Manifest& manifest = *found_.manifest;
    const EntryContext context{.root = root_,
                               .manifest_text = manifest_text_,
                               .projects = std::move(projects),
                               .installs_itself = found_.requirements.has_pyproject ||
                                                  found_.requirements.has_setup_py ||
                                                  found_.requirements.has_local_paths};
    for (Finding& finding : check_entries(context, manifest))
      found_.findings.push_back(std::move(finding));
    check_language(manifest);
    check_ui(manifest);
    check_that_it_serves(manifest);
  }

  void check_language(const model::Manifest& manifest) {
    switch (model::language_of(manifest)) {
      case model::Language::Python:
        if (auto wanted = prepare::wanted_python(manifest.runtime); !wanted)
          add(std::move(wanted).error(), place_of_value(manifest_text_, manifest.runtime));
        return;
      case model::Language::Executable:
        // Files of an archive get the right to be executed when it is started.
        if (auto command = prepare::check_executable(root_, manifest, !found_.is_directory);
            !command)
          add(std::move(command).error(), place_of_value(manifest_text_, manifest.entrypoint));
        return;
      case model::Language::Node:
        return check_package_json();
    }
  }

  void check_package_json() {
    const auto text = read_file(root_ / "package.json");
    if (!text) return;  // without dependencies none is needed
    const auto json = nlohmann::json::parse(*text, nullptr, false);
    if (!json.is_object())
      add(model::make_failure(Cause::ManifestInvalid, "package.json is not a JSON object", {},
                              "Correct package.json."),
          "package.json");
  }

  void check_ui(const model::Manifest& manifest) {
    if (!manifest.ui) return;
    if (auto files = par::UiFiles::open(root_.string(), manifest.ui->path, {}); !files)
      add(model::make_failure(
              Cause::ManifestInvalid, "The UI cannot be served: " + files.error().message,
              {"ui.path: " + manifest.ui->path},
              "Put index.html into the folder that ui.path names, or correct ui.path."),
          place_of_value(manifest_text_, manifest.ui->path));
  }

  void check_that_it_serves(const model::Manifest& manifest) {
    const bool serves = manifest.rest || manifest.a2a || manifest.ui ||
                        !manifest.entrypoint.empty() || !model::own_server_of(manifest).empty();
    if (!serves)
      warn(Cause::ManifestInvalid,
           "the package configures no surface: only the built-in endpoints will answer",
           "agent.yaml", "Add rest, a2a, ui, http_server or entrypoint to agent.yaml.");
  }

  fs::path path_;
  fs::path scratch_;
  fs::path root_;  // where the files can be read; empty when that is not safe
  std::string manifest_text_;
  CheckedPackage found_;
};

std::uint64_t count(const std::vector<Finding>& findings, Severity severity) {
  return static_cast<std::uint64_t>(std::ranges::count(findings, severity, &Finding::severity));
}

}  // namespace

std::uint64_t CheckedPackage::errors() const { return count(findings, Severity::Error); }
std::uint64_t CheckedPackage::warnings() const { return count(findings, Severity::Warning); }

apkg::Checked<CheckedPackage> check_package(const fs::path& path, const fs::path& scratch) {
  return PackageCheck(path, scratch).run();
}

}  // namespace pixell::cmd
