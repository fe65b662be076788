#include "apkg/archive_writer.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <zip.h>

#include <algorithm>
#include <memory>

#include "apkg/entry_names.hpp"
#include "apkg/entry_path.hpp"
#include "apkg/pack_ignore.hpp"

namespace pixell::apkg {

namespace fs = std::filesystem;
using model::Cause;

namespace {

// 1980-01-01 00:00, the first moment a zip can name. Set as DOS fields: zip_file_set_mtime() would
// go through the local time zone.
constexpr zip_uint16_t kDosTime = 0;
constexpr zip_uint16_t kDosDate = 1 << 5 | 1;

constexpr zip_uint32_t kDeflateLevel = 6;

struct Discard {
  void operator()(zip_t* zip) const { zip_discard(zip); }
};
using Zip = std::unique_ptr<zip_t, Discard>;

class Lister {
 public:
  Lister(const fs::path& root, fs::path output, const ArchiveLimits& limits, PackIgnore ignore)
      : root_(root), output_(std::move(output)), limits_(limits), ignore_(std::move(ignore)) {}

  Checked<PackList> run() {
    std::error_code failed;
    fs::recursive_directory_iterator it(root_, failed);
    for (const fs::recursive_directory_iterator end; !failed && it != end; it.increment(failed)) {
      const std::string path = it->path().lexically_relative(root_).generic_string();
      const bool is_directory = it->symlink_status().type() == fs::file_type::directory;
      // A virtual environment, whatever its name is.
      const bool is_venv = is_directory && fs::exists(it->path() / "pyvenv.cfg");
      if (is_venv || ignore_.ignores(path, is_directory) || is_output(it->path())) {
        if (is_directory) it.disable_recursion_pending();
        continue;
      }
      if (!is_directory) add(it->path(), path);
      if (list_.files.size() > limits_.entries) {
        wrong(Cause::PackageTooLarge,
              fmt::format("the directory has more than {} files", limits_.entries));
        break;
      }
    }
    if (failed)
      return refuse(Cause::PackageNotFound, fmt::format("cannot read {}", root_.string()),
                    {failed.message()});
    std::ranges::sort(list_.files, {}, &PackFile::path);
    finish();
    return std::move(list_);
  }

 private:
  void wrong(Cause cause, std::string message) {
    if (list_.findings.size() < kMaxArchiveFindings)
      list_.findings.push_back(model::make_failure(cause, std::move(message)));
  }

  bool is_output(const fs::path& path) const {
    std::error_code failed;
    return !output_.empty() && fs::equivalent(path, output_, failed);
  }

  void add(const fs::path& path, const std::string& relative) {
    const std::string shown = shown_name(relative);
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0)
      return wrong(Cause::PackageNotFound, fmt::format("\"{}\" cannot be read", shown));
    if (S_ISLNK(info.st_mode))
      return wrong(Cause::UnsafeArchive, fmt::format("\"{}\" is a symbolic link", shown));
    if (!S_ISREG(info.st_mode))
      return wrong(Cause::UnsafeArchive, fmt::format("\"{}\" is no regular file", shown));
    if (const auto safe = safe_entry_path(relative); !safe)
      return wrong(Cause::UnsafeArchive, fmt::format("\"{}\" {}", shown, safe.error().message));
    const auto bytes = static_cast<std::uint64_t>(info.st_size);
    if (bytes > limits_.file_bytes)
      wrong(Cause::PackageTooLarge,
            fmt::format("\"{}\" has {} bytes; the limit is {}", shown, bytes, limits_.file_bytes));
    list_.bytes += bytes;
    list_.files.push_back({relative, bytes, (info.st_mode & 0111U) != 0});
  }

  void finish() {
    if (list_.bytes > limits_.total_bytes)
      wrong(Cause::PackageTooLarge, fmt::format("the files have {} bytes; the limit is {}",
                                                list_.bytes, limits_.total_bytes));
    std::vector<ArchiveEntry> entries;
    for (const PackFile& file : list_.files) entries.push_back({.path = file.path});
    list_.warnings = case_clashes(entries);
  }

  const fs::path& root_;
  fs::path output_;
  const ArchiveLimits& limits_;
  PackIgnore ignore_;
  PackList list_;
};

Checked<void> add_file(zip_t* zip, const fs::path& root, const PackFile& file) {
  const auto failed = [&] {
    return refuse(Cause::Internal, fmt::format("cannot pack \"{}\"", shown_name(file.path)),
                  {zip_strerror(zip)});
  };
  // Read while the archive is closed. The length is the listed one: a file that changes meanwhile
  // is an error there, not another package.
  zip_source_t* source =
      zip_source_file(zip, (root / file.path).c_str(), 0, static_cast<zip_int64_t>(file.bytes));
  if (source == nullptr) return failed();
  const zip_int64_t index = zip_file_add(zip, file.path.c_str(), source, ZIP_FL_ENC_UTF_8);
  if (index < 0) {
    zip_source_free(source);
    return failed();
  }
  const auto at = static_cast<zip_uint64_t>(index);
  const zip_uint32_t mode = S_IFREG | (file.is_executable ? 0755U : 0644U);
  const bool is_set = zip_set_file_compression(zip, at, ZIP_CM_DEFLATE, kDeflateLevel) == 0 &&
                      zip_file_set_dostime(zip, at, kDosTime, kDosDate, 0) == 0 &&
                      zip_file_set_external_attributes(zip, at, 0, ZIP_OPSYS_UNIX, mode << 16) == 0;
  if (!is_set) return failed();
  return {};
}

}  // namespace

Checked<PackList> list_package_files(const fs::path& root, const fs::path& output,
                                     const ArchiveLimits& limits) {
  std::error_code failed;
  if (!fs::is_directory(root, failed))
    return refuse(Cause::PackageNotFound, fmt::format("{} is not a directory", root.string()));
  auto ignore = PackIgnore::read(root);
  if (!ignore)
    return refuse(Cause::ConfigInvalid, ".apkgignore cannot be used", {ignore.error().message});
  return Lister(root, output, limits, std::move(*ignore)).run();
}

Checked<void> write_archive(const fs::path& root, const PackList& list, const fs::path& output) {
  if (!list.findings.empty()) return std::unexpected(list.findings.front());
  if (list.files.empty()) return refuse(Cause::ManifestMissing, "there is nothing to pack");
  int code = 0;
  // libzip writes beside the file and renames.
  Zip zip(zip_open(output.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code));
  if (!zip) {
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    std::string reason = zip_error_strerror(&error);
    zip_error_fini(&error);
    return refuse(Cause::Internal, fmt::format("cannot write {}", output.string()),
                  {std::move(reason)}, "Check that the directory is there and may be written.");
  }
  for (const PackFile& file : list.files) CHECKED_TRY_VOID(add_file(zip.get(), root, file));
  if (zip_close(zip.get()) != 0)
    return refuse(Cause::Internal, fmt::format("cannot write {}", output.string()),
                  {zip_strerror(zip.get())},
                  "Check the free space and that no file changes while it is packed.");
  static_cast<void>(zip.release());  // zip_close() has freed it
  return {};
}

}  // namespace pixell::apkg
