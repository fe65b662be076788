#include "apkg/package_store.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/check.hpp"
#include "base/files.hpp"

namespace pixell::apkg {

namespace fs = std::filesystem;
using model::Cause;

namespace {

constexpr std::string_view kPartPrefix = ".import-";
constexpr std::string_view kSuffix = ".apkg";

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

std::unexpected<model::Failure> disk_refused(const fs::path& path, const Error& error) {
  return refuse(Cause::Internal, fmt::format("cannot store a package in {}", path.string()),
                {error.message}, "Check the free space and the rights of the directory.");
}

// An import holds a lock on its part: one that can be locked has lost its process.
void remove_dead_parts(const fs::path& directory) {
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(directory, failed)) {
    if (!entry.path().filename().string().starts_with(kPartPrefix)) continue;
    const UniqueFd fd(::open(entry.path().c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    if (fd && ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) ::unlink(entry.path().c_str());
  }
}

}  // namespace

PackageImport::PackageImport(fs::path directory, fs::path part, UniqueFd fd,
                             std::uint64_t max_bytes)
    : directory_(std::move(directory)),
      part_(std::move(part)),
      fd_(std::move(fd)),
      max_bytes_(max_bytes) {}

PackageImport::PackageImport(PackageImport&& other) noexcept
    : directory_(std::move(other.directory_)),
      part_(std::exchange(other.part_, {})),
      fd_(std::move(other.fd_)),
      max_bytes_(other.max_bytes_),
      bytes_(other.bytes_),
      digest_(std::move(other.digest_)) {}

PackageImport& PackageImport::operator=(PackageImport&& other) noexcept {
  if (this == &other) return *this;
  abandon();
  directory_ = std::move(other.directory_);
  part_ = std::exchange(other.part_, {});
  fd_ = std::move(other.fd_);
  max_bytes_ = other.max_bytes_;
  bytes_ = other.bytes_;
  digest_ = std::move(other.digest_);
  return *this;
}

PackageImport::~PackageImport() { abandon(); }

void PackageImport::abandon() {
  if (!part_.empty()) ::unlink(part_.c_str());
  part_.clear();
  fd_.reset();
}

Checked<void> PackageImport::append(std::string_view bytes) {
  CHECK(!part_.empty(), "append() comes before commit()");
  bytes_ += bytes.size();
  if (bytes_ > max_bytes_)
    return refuse(Cause::PackageTooLarge,
                  fmt::format("the package has more than {} MB", max_bytes_ / (1024 * 1024)));
  digest_.update(bytes);
  if (auto written = write_all(fd_.get(), bytes); !written)
    return disk_refused(directory_, written.error());
  return {};
}

Checked<StoredPackage> PackageImport::commit(std::string_view expected_sha256) {
  CHECK(!part_.empty(), "commit() comes once");
  // Too large was refused by append(); committing nevertheless must not make a package of it.
  if (bytes_ > max_bytes_) return refuse(Cause::PackageTooLarge, "the package is too large");
  StoredPackage stored{.sha256 = digest_.finish(), .path = {}, .bytes = bytes_};
  if (!expected_sha256.empty() && !same_digest(expected_sha256, stored.sha256)) {
    abandon();
    return refuse(
        Cause::DigestMismatch, "the package is not the one that was announced",
        {fmt::format("expected sha256 {}", expected_sha256), "received sha256 " + stored.sha256});
  }
  stored.path = directory_ / (stored.sha256 + std::string(kSuffix));
  if (::fsync(fd_.get()) != 0 || ::rename(part_.c_str(), stored.path.c_str()) != 0)
    return disk_refused(directory_, errno_error("sync and rename", errno));
  part_.clear();
  fd_.reset();
  if (auto synced = sync_directory(directory_); !synced)
    return disk_refused(directory_, synced.error());
  return stored;
}

Result<PackageStore> PackageStore::open(const fs::path& directory) {
  TRY_VOID(make_directories(directory, 0700));
  remove_dead_parts(directory);
  return PackageStore(directory);
}

Result<PackageImport> PackageStore::begin_import(std::uint64_t max_bytes) const {
  // Between creating a part and locking it another process may take it for a dead one: again then.
  for (int tries = 0; tries < 10; ++tries) {
    std::string part = (directory_ / (std::string(kPartPrefix) + "XXXXXX")).string();
    UniqueFd fd(::mkostemp(part.data(), O_CLOEXEC));
    if (!fd) return errno_error(fmt::format("cannot write to {}", directory_.string()), errno);
    struct stat info {};
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0 && ::fstat(fd.get(), &info) == 0 &&
        info.st_nlink == 1)
      return PackageImport(directory_, part, std::move(fd), max_bytes);
    ::unlink(part.c_str());
  }
  return make_error(ErrorCode::Aborted,
                    fmt::format("cannot keep a file in {}", directory_.string()));
}

Checked<StoredPackage> PackageStore::import_file(const fs::path& file,
                                                 std::string_view expected_sha256,
                                                 std::uint64_t max_bytes) const {
  const UniqueFd source(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info {};
  if (!source || ::fstat(source.get(), &info) != 0)
    return refuse(Cause::PackageNotFound, fmt::format("cannot read {}", file.string()),
                  errno_error("open", errno));
  if (!S_ISREG(info.st_mode))
    return refuse(Cause::PackageNotFound, fmt::format("{} is not a file", file.string()));
  auto import = begin_import(max_bytes);
  if (!import) return disk_refused(directory_, import.error());
  std::vector<char> chunk(256 * 1024);
  while (true) {
    const ssize_t got = ::read(source.get(), chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      return refuse(Cause::PackageNotFound, fmt::format("cannot read {}", file.string()),
                    errno_error("read", errno));
    if (got == 0) return import->commit(expected_sha256);
    CHECKED_TRY_VOID(import->append({chunk.data(), static_cast<std::size_t>(got)}));
  }
}

fs::path PackageStore::path_of(std::string_view sha256) const {
  CHECK(is_sha256(sha256), "a package is named by its digest");
  return directory_ / (lower(sha256) + std::string(kSuffix));
}

std::optional<StoredPackage> PackageStore::find(std::string_view sha256) const {
  if (!is_sha256(sha256)) return std::nullopt;
  const fs::path path = path_of(sha256);
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return std::nullopt;
  return StoredPackage{
      .sha256 = lower(sha256), .path = path, .bytes = static_cast<std::uint64_t>(info.st_size)};
}

Checked<StoredPackage> PackageStore::verify(std::string_view sha256) const {
  auto stored = find(sha256);
  if (!stored)
    return refuse(Cause::PackageNotFound,
                  fmt::format("the package {} is not in the store", sha256.substr(0, 64)));
  const auto actual = sha256_of_file(stored->path);
  if (!actual)
    return refuse(Cause::PackageNotFound, fmt::format("cannot read {}", stored->path.string()),
                  actual.error());
  if (*actual != stored->sha256)
    return refuse(Cause::DigestMismatch, "a stored package has changed on the disk",
                  {"expected sha256 " + stored->sha256, "found sha256 " + *actual});
  return *std::move(stored);
}

Result<void> PackageStore::remove(std::string_view sha256) const {
  if (!is_sha256(sha256)) return {};
  const fs::path path = path_of(sha256);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    return errno_error(fmt::format("cannot remove {}", path.string()), errno);
  return {};
}

Result<std::vector<std::string>> PackageStore::list() const {
  std::vector<std::string> digests;
  std::error_code failed;
  for (fs::directory_iterator it(directory_, failed), end; !failed && it != end;
       it.increment(failed)) {
    const std::string name = it->path().filename().string();
    if (name.ends_with(kSuffix) && is_sha256(name.substr(0, name.size() - kSuffix.size())))
      digests.push_back(name.substr(0, name.size() - kSuffix.size()));
  }
  if (failed)
    return errno_error(fmt::format("cannot list {}", directory_.string()), failed.value());
  std::sort(digests.begin(), digests.end());
  return digests;
}

}  // namespace pixell::apkg
