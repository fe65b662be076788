#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <unordered_set>

#include "apkg/archive.hpp"
#include "apkg/zip_file.hpp"
#include "base/files.hpp"
#include "base/unique_fd.hpp"

namespace pixell::apkg {

namespace fs = std::filesystem;
using model::Cause;

namespace {

Checked<void> disk_refused(const fs::path& path, int saved_errno) {
  return refuse(Cause::Internal, fmt::format("cannot write {}", path.string()),
                {errno_error("the system says", saved_errno).message},
                "Check the free space and the rights of the directory.");
}

// One archive into one new directory, by several threads.
class Unpacking {
 public:
  Unpacking(const fs::path& archive, const ArchiveListing& listing, const fs::path& root)
      : archive_(archive), listing_(listing), root_(root) {}

  Checked<void> run() {
    if (auto made = make_directories(root_, 0755); !made)
      return refuse(Cause::Internal, fmt::format("cannot make {}", root_.string()), made.error());
    root_fd_ = UniqueFd(::open(root_.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!root_fd_ || ::chmod(root_.c_str(), 0755) != 0) return disk_refused(root_, errno);
    for (const ArchiveEntry& entry : listing_.entries) CHECKED_TRY_VOID(make_directories_of(entry));
    CHECKED_TRY(const Zip zip, open_zip_file(archive_));
    write_in_turn(zip.get());
    if (failure_) return std::unexpected(std::move(*failure_));
    return {};
  }

 private:
  Checked<void> make_directories_of(const ArchiveEntry& entry) {
    const std::string_view path = entry.path;
    const std::size_t end = entry.is_directory ? path.size() : path.rfind('/');
    if (end == path.npos || made_.contains(path.substr(0, end))) return {};
    for (std::size_t at = path.find('/'); at < end; at = path.find('/', at + 1))
      CHECKED_TRY_VOID(make_directory(path.substr(0, at)));
    return make_directory(path.substr(0, end));
  }

  Checked<void> make_directory(std::string_view path) {
    if (!made_.insert(path).second) return {};
    const std::string name(path);
    // The umask may have taken rights away.
    if (::mkdirat(root_fd_.get(), name.c_str(), 0700) != 0 ||
        ::fchmodat(root_fd_.get(), name.c_str(), 0755, 0) != 0)
      return disk_refused(root_ / name, errno);
    return {};
  }

  // The calling thread and those that help it, while a package is worth it.
  void write_in_turn(zip_t* zip) {
    const std::uint64_t wanted =
        std::min<std::uint64_t>({listing_.unpacked_bytes / kUnpackBytesPerThread,
                                 std::thread::hardware_concurrency(), kMaxUnpackThreads});
    std::vector<std::jthread> helpers;
    try {
      while (helpers.size() + 1 < wanted) helpers.emplace_back([this] { help(); });
    } catch (const std::system_error&) {
      // No more threads for us: there is less help, and nothing is left undone.
    }
    write_files(zip);
  }

  // Whoever cannot open the archive leaves the files to the others.
  void help() {
    if (const auto zip = open_zip_file(archive_)) write_files(zip->get());
  }

  // Entries are dealt in the order of the archive, and all that come before one that failed are
  // written to their end: which failure is told does not depend on who was faster.
  void write_files(zip_t* zip) {
    ZipEntryReader reader(zip);
    while (true) {
      const std::size_t at = next_.fetch_add(1);
      if (at >= std::min(listing_.entries.size(), failed_at_.load())) return;
      const ArchiveEntry& entry = listing_.entries[at];
      if (entry.is_directory) continue;
      if (auto written = write_file(reader, entry); !written) keep(at, std::move(written).error());
    }
  }

  Checked<void> write_file(ZipEntryReader& reader, const ArchiveEntry& entry) const {
    // Exclusive and without following links: the file is new, whatever the archive holds.
    const UniqueFd fd(::openat(root_fd_.get(), entry.path.c_str(),
                               O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd) return disk_refused(root_ / entry.path, errno);
    CHECKED_TRY_VOID(reader.read(entry, [&](std::string_view bytes) -> Checked<void> {
      if (auto written = write_all(fd.get(), bytes); !written)
        return disk_refused(root_ / entry.path, errno);
      return {};
    }));
    if (::fchmod(fd.get(), entry.is_executable ? 0755 : 0644) != 0)
      return disk_refused(root_ / entry.path, errno);
    return {};
  }

  void keep(std::size_t at, model::Failure failure) {
    const std::lock_guard lock(mutex_);
    if (at >= failed_at_) return;
    failed_at_ = at;
    failure_ = std::move(failure);
  }

  const fs::path& archive_;
  const ArchiveListing& listing_;
  const fs::path& root_;
  UniqueFd root_fd_;
  std::unordered_set<std::string_view> made_;
  std::atomic<std::size_t> next_ = 0;
  std::atomic<std::size_t> failed_at_ = std::string::npos;  // the first entry that failed so far
  std::mutex mutex_;                                        // guards failure_
  std::optional<model::Failure> failure_;
};

}  // namespace

Checked<ArchiveListing> unpack_archive(const fs::path& archive, const fs::path& destination,
                                       const ArchiveLimits& limits) {
  CHECKED_TRY(ArchiveListing listing, inspect_archive(archive, limits));
  const fs::path part = destination.string() + ".unpacking";
  std::error_code ignored;        // what matters shows when the directory is made anew
  fs::remove_all(part, ignored);  // an earlier run may have died in the middle
  auto written = Unpacking(archive, listing, part).run();
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
