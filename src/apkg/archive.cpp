#include "apkg/archive.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <memory>

#include "apkg/entry_names.hpp"
#include "apkg/entry_path.hpp"
#include "apkg/manifest_missing.hpp"
#include "base/files.hpp"
#include "base/unique_fd.hpp"

namespace pixell::apkg {

namespace fs = std::filesystem;
using model::Cause;

namespace {

constexpr std::size_t kReadBytes = 64 * 1024;

struct Discard {
  void operator()(zip_t* zip) const { zip_discard(zip); }  // never writes anything back
};
using Zip = std::unique_ptr<zip_t, Discard>;

struct CloseFile {
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};
using ZipFile = std::unique_ptr<zip_file_t, CloseFile>;

std::string zip_reason(int code) {
  zip_error_t error;
  zip_error_init_with_code(&error, code);
  std::string reason = zip_error_strerror(&error);
  zip_error_fini(&error);
  return reason;
}

// What a file that is no zip looks like: a saved error page, or a zip that was cut short.
std::string likeness(std::string_view head) {
  if (head.starts_with("PK\x03\x04"))
    return "it begins like a zip, but the table of contents at its end is missing or damaged: it "
           "was probably cut short";
  return fmt::format("it begins with \"{}\"", shown_name(head.substr(0, kShownHeadBytes)));
}

std::string head_of(const fs::path& path) {
  std::string head(kShownHeadBytes, '\0');
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  const ssize_t got = fd ? ::read(fd.get(), head.data(), head.size()) : 0;
  head.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return head;
}

Checked<Zip> open_file(const fs::path& archive) {
  struct stat info {};
  if (::stat(archive.c_str(), &info) != 0)
    return refuse(Cause::PackageNotFound, fmt::format("cannot read {}", archive.string()),
                  errno_error("stat", errno));
  if (!S_ISREG(info.st_mode))
    return refuse(Cause::NotAZip, fmt::format("{} is not a file", archive.string()),
                  {fmt::format("its mode is {:o}", info.st_mode)});
  // libzip takes an empty file for an empty archive.
  if (info.st_size == 0)
    return refuse(Cause::NotAZip, fmt::format("{} is empty", archive.string()), {"it has 0 bytes"});
  int code = 0;
  Zip zip(zip_open(archive.c_str(), ZIP_RDONLY, &code));
  if (zip) return zip;
  const Cause cause =
      code == ZIP_ER_OPEN || code == ZIP_ER_READ ? Cause::PackageNotFound : Cause::NotAZip;
  std::vector<std::string> evidence{zip_reason(code)};
  if (cause == Cause::NotAZip) evidence.push_back(likeness(head_of(archive)));
  return refuse(cause, fmt::format("{} cannot be read as a zip", archive.string()),
                std::move(evidence));
}

Checked<Zip> open_bytes(std::string_view bytes) {
  if (bytes.empty()) return refuse(Cause::NotAZip, "the archive is empty", {"it has 0 bytes"});
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* source = zip_source_buffer_create(bytes.data(), bytes.size(), 0, &error);
  Zip zip(source != nullptr ? zip_open_from_source(source, ZIP_RDONLY, &error) : nullptr);
  if (!zip && source != nullptr) zip_source_free(source);
  std::string reason = zip ? std::string() : zip_error_strerror(&error);
  zip_error_fini(&error);
  if (!zip)
    return refuse(Cause::NotAZip, "the archive cannot be read as a zip", {reason, likeness(bytes)});
  return zip;
}

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

// Reads one entry to its end; the size promised in the table of contents is the limit, and the
// checksum is verified by libzip at the end.
Checked<void> read_entry(zip_t* zip, const ArchiveEntry& entry,
                         const std::function<Checked<void>(std::string_view)>& sink) {
  const auto broken = [&](std::string reason) {
    return refuse(Cause::NotAZip,
                  fmt::format("entry \"{}\" cannot be unpacked", shown_name(entry.path)),
                  {std::move(reason)});
  };
  ZipFile file(zip_fopen_index(zip, entry.index, ZIP_FL_UNCHANGED));
  if (!file) return broken(zip_strerror(zip));
  std::vector<char> chunk(kReadBytes);
  std::uint64_t total = 0;
  while (true) {
    const zip_int64_t got = zip_fread(file.get(), chunk.data(), chunk.size());
    if (got < 0) return broken(zip_file_strerror(file.get()));
    total += static_cast<std::uint64_t>(got);
    if (total > entry.bytes || (got == 0 && total < entry.bytes))
      return broken("its size is not the one in the table of contents");
    if (got == 0) return {};
    CHECKED_TRY_VOID(sink({chunk.data(), static_cast<std::size_t>(got)}));
  }
}

Checked<void> disk_refused(const fs::path& path, int saved_errno) {
  return refuse(Cause::Internal, fmt::format("cannot write {}", path.string()),
                {errno_error("the system says", saved_errno).message},
                "Check the free space and the rights of the directory.");
}

Checked<void> write_entry(zip_t* zip, const ArchiveEntry& entry, const fs::path& root) {
  const fs::path path = root / entry.path;
  std::error_code failed;
  fs::create_directories(entry.is_directory ? path : path.parent_path(), failed);
  if (failed) return disk_refused(path, failed.value());
  if (entry.is_directory) return {};
  // Exclusive and without following links: the file is new, whatever the archive holds.
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return disk_refused(path, errno);
  CHECKED_TRY_VOID(read_entry(zip, entry, [&](std::string_view bytes) -> Checked<void> {
    if (auto written = write_all(fd.get(), bytes); !written) return disk_refused(path, errno);
    return {};
  }));
  if (::fchmod(fd.get(), entry.is_executable ? 0755 : 0644) != 0) return disk_refused(path, errno);
  return {};
}

// Directories get their mode last: the umask may have taken rights away.
Checked<void> open_directories(const fs::path& root) {
  if (::chmod(root.c_str(), 0755) != 0) return disk_refused(root, errno);
  std::error_code failed;
  for (fs::recursive_directory_iterator it(root, failed), end; !failed && it != end;
       it.increment(failed))
    if (it->is_directory() && ::chmod(it->path().c_str(), 0755) != 0)
      return disk_refused(it->path(), errno);
  if (failed) return disk_refused(root, failed.value());
  return {};
}

Checked<void> write_all_entries(zip_t* zip, const ArchiveListing& listing, const fs::path& root) {
  if (auto made = make_directories(root, 0755); !made)
    return refuse(Cause::Internal, fmt::format("cannot make {}", root.string()), made.error());
  for (const ArchiveEntry& entry : listing.entries) CHECKED_TRY_VOID(write_entry(zip, entry, root));
  return open_directories(root);
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
  CHECKED_TRY(Zip zip, open_file(archive));
  return list(zip.get(), size_of(archive), limits);
}

ArchiveSurvey survey_archive(const fs::path& archive, const ArchiveLimits& limits) {
  ArchiveSurvey survey;
  const auto wrong = [&survey](model::Failure failure) {
    if (survey.findings.size() < kMaxArchiveFindings) survey.findings.push_back(std::move(failure));
  };
  auto zip = open_file(archive);
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
  auto read = read_entry(zip->get(), *manifest, [&text](std::string_view bytes) {
    text += bytes;
    return Checked<void>();
  });
  if (read) survey.manifest = std::move(text);
  return survey;
}

Checked<ArchiveListing> inspect_archive_bytes(std::string_view bytes, const ArchiveLimits& limits) {
  CHECKED_TRY(Zip zip, open_bytes(bytes));
  CHECKED_TRY(ArchiveListing listing, list(zip.get(), bytes.size(), limits));
  for (const ArchiveEntry& entry : listing.entries)
    if (!entry.is_directory)
      CHECKED_TRY_VOID(
          read_entry(zip.get(), entry, [](std::string_view) { return Checked<void>(); }));
  return listing;
}

Checked<std::string> read_archive_file(const fs::path& archive, std::string_view path,
                                       std::uint64_t max_bytes, const ArchiveLimits& limits) {
  CHECKED_TRY(Zip zip, open_file(archive));
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
  CHECKED_TRY_VOID(read_entry(zip.get(), *entry, [&](std::string_view bytes) {
    content += bytes;
    return Checked<void>();
  }));
  return content;
}

Checked<ArchiveListing> unpack_archive(const fs::path& archive, const fs::path& destination,
                                       const ArchiveLimits& limits) {
  CHECKED_TRY(Zip zip, open_file(archive));
  CHECKED_TRY(ArchiveListing listing, list(zip.get(), size_of(archive), limits));
  const fs::path part = destination.string() + ".unpacking";
  std::error_code ignored;        // what matters shows when the directory is made anew
  fs::remove_all(part, ignored);  // an earlier run may have died in the middle
  auto written = write_all_entries(zip.get(), listing, part);
  if (written) {
    std::error_code failed;
    fs::remove_all(destination, failed);
    if (!failed) fs::rename(part, destination, failed);
    if (failed) written = disk_refused(destination, failed.value());
  }
  if (!written) {
    fs::remove_all(part, ignored);
    return std::unexpected(std::move(written).error());
  }
  return listing;
}

}  // namespace pixell::apkg
