#include "apkg/archive.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <zip.h>

#include <algorithm>

#include "apkg/entry_names.hpp"
#include "apkg/entry_path.hpp"
#include "apkg/manifest_missing.hpp"
#include "apkg/zip_file.hpp"

namespace pixell::apkg {

namespace fs = std::filesystem;
using model::Cause;

namespace {

// Symbolic names for the file types an entry must not have.
std::string_view special_type(unsigned mode) {
  switch (mode & S_IFMT) {
    case S_IFLNK:
      return "a symbolic link";
    case S_IFCHR:
    case S_IFBLK:
      return "a device";
    case S_IFIFO:
      return "a named pipe";
    case S_IFSOCK:
      return "a socket";
    default:
      return {};
  }
}

// Judges one entry by itself.
Checked<ArchiveEntry> judge_entry(zip_t* zip, std::uint64_t index, const ArchiveLimits& limits) {
  zip_stat_t stat;
  zip_stat_init(&stat);
  constexpr zip_uint64_t kNeeded = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_ENCRYPTION_METHOD;
  if (zip_stat_index(zip, index, ZIP_FL_UNCHANGED, &stat) != 0 || (stat.valid & kNeeded) != kNeeded)
    return refuse(Cause::NotAZip, fmt::format("entry {} cannot be read", index),
                  {zip_strerror(zip)});
  const std::string shown = shown_name(stat.name);
  const std::vector<std::string> record = {
      fmt::format("entry {} of the directory: \"{}\", {} bytes", index, shown, stat.size)};
  auto path = safe_entry_path(stat.name);
  if (!path)
    return refuse(Cause::UnsafeArchive, fmt::format("entry \"{}\" {}", shown, path.error().message),
                  record);
  if (stat.encryption_method != ZIP_EM_NONE)
    return refuse(Cause::UnsafeArchive, fmt::format("entry \"{}\" is encrypted", shown), record,
                  "Build the package without a password.");
  zip_uint8_t system = 0;
  zip_uint32_t attributes = 0;
  if (zip_file_get_external_attributes(zip, index, ZIP_FL_UNCHANGED, &system, &attributes) != 0)
    return refuse(Cause::NotAZip, fmt::format("entry \"{}\" has no attributes", shown),
                  {zip_strerror(zip)});
  const unsigned mode = attributes >> 16;  // zero when the archive was not made on a Unix
  if (const std::string_view type = special_type(mode); !type.empty())
    return refuse(Cause::UnsafeArchive, fmt::format("entry \"{}\" is {}", shown, type), record);
  if (stat.size > limits.file_bytes)
    return refuse(Cause::PackageTooLarge,
                  fmt::format("entry \"{}\" unpacks to {} bytes; the limit is {}", shown, stat.size,
                              limits.file_bytes),
                  record, "Leave large files out of the package.");
  const bool is_directory = std::string_view(stat.name).ends_with('/');
  if (is_directory && stat.size != 0)
    return refuse(Cause::UnsafeArchive, fmt::format("directory \"{}\" has content", shown), record);
  return ArchiveEntry{.path = std::move(*path),
                      .bytes = stat.size,
                      .is_directory = is_directory,
                      .is_executable = !is_directory && (mode & 0111U) != 0,
                      .index = index};
}

// The entry to look at when all of them together are too much.
std::string largest_of(const std::vector<ArchiveEntry>& entries, const ArchiveEntry& last) {
  const ArchiveEntry* largest = &last;
  for (const ArchiveEntry& entry : entries)
    if (entry.bytes > largest->bytes) largest = &entry;
  return fmt::format("the largest entry is \"{}\" with {} bytes", shown_name(largest->path),
                     largest->bytes);
}

Checked<ArchiveListing> list(zip_t* zip, std::uint64_t archive_bytes, const ArchiveLimits& limits) {
  const zip_int64_t count = zip_get_num_entries(zip, ZIP_FL_UNCHANGED);
  if (count <= 0)
    return refuse(Cause::NotAZip, "the archive has no entries",
                  {fmt::format("its {} bytes are an empty table of contents", archive_bytes)});
  if (static_cast<std::uint64_t>(count) > limits.entries) {
    const char* const name = zip_get_name(zip, limits.entries, ZIP_FL_UNCHANGED);
    return refuse(
        Cause::PackageTooLarge,
        fmt::format("the archive has {} entries; the limit is {}", count, limits.entries),
        {fmt::format("the first one too many is \"{}\"", shown_name(name == nullptr ? "" : name))},
        "Leave what is not needed to run (caches, tests, .git, .venv) out of the package.");
  }
  ArchiveListing listing;
  for (std::uint64_t index = 0; index < static_cast<std::uint64_t>(count); ++index) {
    CHECKED_TRY(ArchiveEntry entry, judge_entry(zip, index, limits));
    listing.unpacked_bytes += entry.bytes;  // cannot overflow: count and size are limited
    if (listing.unpacked_bytes > limits.total_bytes)
      return refuse(Cause::PackageTooLarge,
                    fmt::format("the archive unpacks to more than {} bytes (at entry \"{}\")",
                                limits.total_bytes, shown_name(entry.path)),
                    {largest_of(listing.entries, entry)}, "Leave large files out of the package.");
    listing.entries.push_back(std::move(entry));
  }
  if (listing.unpacked_bytes > limits.unjudged_bytes &&
      listing.unpacked_bytes / std::max<std::uint64_t>(archive_bytes, 1) > limits.ratio)
    return refuse(Cause::UnsafeArchive,
                  fmt::format("the archive unpacks to {} bytes from {}: more than {} times",
                              listing.unpacked_bytes, archive_bytes, limits.ratio),
                  {largest_of(listing.entries, listing.entries.front())},
                  "Leave files of nothing but padding out of the package.");
  CHECKED_TRY_VOID(check_entry_names(listing.entries));
  listing.warnings = case_clashes(listing.entries);
  return listing;
}

std::uint64_t size_of(const fs::path& path) {
  std::error_code failed;
  const auto size = fs::file_size(path, failed);
  return failed ? 0 : size;
}

}  // namespace

std::vector<std::string> ArchiveListing::files() const {
  std::vector<std::string> paths;
  for (const ArchiveEntry& entry : entries)
    if (!entry.is_directory) paths.push_back(entry.path);
  return paths;
}

Checked<ArchiveListing> inspect_archive(const fs::path& archive, const ArchiveLimits& limits) {
  CHECKED_TRY(const Zip zip, open_zip_file(archive));
  return list(zip.get(), size_of(archive), limits);
}

ArchiveSurvey survey_archive(const fs::path& archive, const ArchiveLimits& limits) {
  ArchiveSurvey survey;
  const auto wrong = [&survey](model::Failure failure) {
    if (survey.findings.size() < kMaxArchiveFindings) survey.findings.push_back(std::move(failure));
  };
  auto zip = open_zip_file(archive);
  if (!zip) {
    wrong(std::move(zip).error());
    return survey;
  }
  if (auto whole = list(zip->get(), size_of(archive), limits)) {
    survey.listing = std::move(*whole);
  } else {
    const zip_int64_t count = zip_get_num_entries(zip->get(), ZIP_FL_UNCHANGED);
    const std::uint64_t judged =
        std::min(static_cast<std::uint64_t>(std::max<zip_int64_t>(count, 0)), limits.entries);
    for (std::uint64_t index = 0; index < judged; ++index) {
      auto entry = judge_entry(zip->get(), index, limits);
      if (entry)
        survey.listing.entries.push_back(std::move(*entry));
      else
        wrong(std::move(entry).error());
    }
    for (model::Failure& failure : entry_name_failures(survey.listing.entries))
      wrong(std::move(failure));
    // Then it is about the archive as a whole.
    if (survey.findings.empty()) wrong(std::move(whole).error());
  }
  const auto manifest = std::ranges::find_if(survey.listing.entries, [](const ArchiveEntry& one) {
    return !one.is_directory && one.path == "agent.yaml" && one.bytes <= kMaxManifestBytes;
  });
  if (manifest == survey.listing.entries.end()) return survey;
  std::string text;
  auto read = ZipEntryReader(zip->get()).read(*manifest, [&text](std::string_view bytes) {
    text += bytes;
    return Checked<void>();
  });
  if (read) survey.manifest = std::move(text);
  return survey;
}

Checked<ArchiveListing> inspect_archive_bytes(std::string_view bytes, const ArchiveLimits& limits) {
  CHECKED_TRY(const Zip zip, open_zip_bytes(bytes));
  CHECKED_TRY(ArchiveListing listing, list(zip.get(), bytes.size(), limits));
  ZipEntryReader reader(zip.get());
  for (const ArchiveEntry& entry : listing.entries)
    if (!entry.is_directory)
      CHECKED_TRY_VOID(reader.read(entry, [](std::string_view) { return Checked<void>(); }));
  return listing;
}

Checked<std::string> read_archive_file(const fs::path& archive, std::string_view path,
                                       std::uint64_t max_bytes, const ArchiveLimits& limits) {
  CHECKED_TRY(const Zip zip, open_zip_file(archive));
  CHECKED_TRY(const ArchiveListing listing, list(zip.get(), size_of(archive), limits));
  const auto entry =
      std::find_if(listing.entries.begin(), listing.entries.end(),
                   [&](const ArchiveEntry& one) { return !one.is_directory && one.path == path; });
  if (entry == listing.entries.end()) {
    if (path == "agent.yaml") return std::unexpected(manifest_missing(listing.files()));
    return refuse(Cause::PackageNotFound, fmt::format("the package has no {}", shown_name(path)));
  }
  if (entry->bytes > max_bytes)
    return refuse(Cause::PackageTooLarge, fmt::format("{} has {} bytes; the limit is {}",
                                                      shown_name(path), entry->bytes, max_bytes));
  std::string content;
  CHECKED_TRY_VOID(ZipEntryReader(zip.get()).read(*entry, [&](std::string_view bytes) {
    content += bytes;
    return Checked<void>();
  }));
  return content;
}

}  // namespace pixell::apkg
