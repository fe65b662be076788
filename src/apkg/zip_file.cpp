#include "apkg/zip_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "apkg/entry_names.hpp"
#include "apkg/entry_path.hpp"
#include "base/unique_fd.hpp"

namespace pixell::apkg {

namespace fs = std::filesystem;
using model::Cause;

namespace {

// Most files of a package are smaller, and so are read and written in one piece.
constexpr std::size_t kChunkBytes = 128 * 1024;

struct CloseEntry {
  void operator()(zip_file_t* entry) const { zip_fclose(entry); }
};
using OpenEntry = std::unique_ptr<zip_file_t, CloseEntry>;

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

}  // namespace

Checked<Zip> open_zip_file(const fs::path& archive) {
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

Checked<Zip> open_zip_bytes(std::string_view bytes) {
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

ZipEntryReader::ZipEntryReader(zip_t* zip)
    : zip_(zip), chunk_(std::make_unique_for_overwrite<char[]>(kChunkBytes)) {}

Checked<void> ZipEntryReader::read(const ArchiveEntry& entry,
                                   const std::function<Checked<void>(std::string_view)>& sink) {
  const auto broken = [&](std::string reason) {
    return refuse(Cause::NotAZip,
                  fmt::format("entry \"{}\" cannot be unpacked", shown_name(entry.path)),
                  {std::move(reason)});
  };
  const OpenEntry file(zip_fopen_index(zip_, entry.index, ZIP_FL_UNCHANGED));
  if (!file) return broken(zip_strerror(zip_));
  std::uint64_t total = 0;
  while (true) {
    // libzip compares the checksum when it comes to the end.
    const zip_int64_t got = zip_fread(file.get(), chunk_.get(), kChunkBytes);
    if (got < 0) return broken(zip_file_strerror(file.get()));
    total += static_cast<std::uint64_t>(got);
    if (total > entry.bytes || (got == 0 && total < entry.bytes))
      return broken("its size is not the one in the table of contents");
    if (got == 0) return {};
    CHECKED_TRY_VOID(sink({chunk_.get(), static_cast<std::size_t>(got)}));
  }
}

}  // namespace pixell::apkg
