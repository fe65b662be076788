#include "par/prepare/installed_tree.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <vector>

#include "base/files.hpp"
#include "base/unique_fd.hpp"
#include "par/prepare/limits.hpp"

namespace pixell::prepare {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kChunkBytes = 64 * 1024;

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

Result<std::string> read_link(int directory, const char* name) {
  std::string target(PATH_MAX, '\0');
  const ssize_t size = ::readlinkat(directory, name, target.data(), target.size());
  if (size < 0) return errno_error(fmt::format("cannot read the link {}", name), errno);
  target.resize(static_cast<std::size_t>(size));
  return target;
}

/// Copies one tree. Everything is opened relative to the directory it was found in, so that a name
/// that changes meanwhile leads nowhere else.
class TreeCopy {
 public:
  explicit TreeCopy(fs::path target) : target_(std::move(target)) {}

  Result<void> copy(UniqueFd source) {
    TRY_VOID(copy_directory(std::move(source), target_, 0));
    return check_links();
  }

 private:
  Result<void> copy_directory(UniqueFd source, const fs::path& to, int depth) {
    if (depth > kMaxInstalledDepth)
      return make_error(
          ErrorCode::FailedPrecondition,
          fmt::format("{} is deeper than {} directories", shown(to), kMaxInstalledDepth));
    TRY_VOID(make_directories(to, 0755));
    const int fd = source.get();
    const std::unique_ptr<DIR, CloseDirectory> directory(::fdopendir(fd));
    if (!directory) return errno_error(fmt::format("cannot read {}", shown(to)), errno);
    (void)source.release();  // closed with `directory`
    errno = 0;
    while (const dirent* const entry = ::readdir(directory.get())) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") TRY_VOID(copy_entry(fd, name, to / name, depth));
      errno = 0;
    }
    if (errno != 0) return errno_error(fmt::format("cannot read {}", shown(to)), errno);
    return {};
  }

  Result<void> copy_entry(int directory, const std::string& name, const fs::path& to, int depth) {
    struct stat info {};
    if (::fstatat(directory, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0)
      return errno_error(fmt::format("cannot look at {}", shown(to)), errno);
    if (S_ISLNK(info.st_mode)) {
      TRY(const std::string target, read_link(directory, name.c_str()));
      if (::symlink(target.c_str(), to.c_str()) != 0)
        return errno_error(fmt::format("cannot make the link {}", shown(to)), errno);
      links_.push_back(to);
      return {};
    }
    if (!S_ISDIR(info.st_mode) && !S_ISREG(info.st_mode))
      return make_error(ErrorCode::FailedPrecondition,
                        fmt::format("{} is neither a file nor a directory", shown(to)));
    const int kind = S_ISDIR(info.st_mode) ? O_DIRECTORY : O_NONBLOCK;
    UniqueFd fd(
        ::openat(directory, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | kind));
    if (!fd) return errno_error(fmt::format("cannot open {}", shown(to)), errno);
    return S_ISDIR(info.st_mode) ? copy_directory(std::move(fd), to, depth + 1)
                                 : copy_file(fd.get(), to);
  }

  Result<void> copy_file(int from, const fs::path& to) const {
    struct stat info {};
    if (::fstat(from, &info) != 0 || !S_ISREG(info.st_mode))
      return make_error(ErrorCode::FailedPrecondition, fmt::format("{} is no file", shown(to)));
    const bool runs = (info.st_mode & S_IXUSR) != 0;
    const UniqueFd file(
        ::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, runs ? 0755 : 0644));
    if (!file) return errno_error(fmt::format("cannot make {}", shown(to)), errno);
    while (true) {
      const ssize_t got = ::copy_file_range(from, nullptr, file.get(), nullptr, 1U << 30, 0);
      if (got == 0) return {};
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return copy_by_hand(from, file.get(), to);
    }
  }

  // Where the kernel does not copy (another file system, an older kernel); goes on where it ended.
  Result<void> copy_by_hand(int from, int file, const fs::path& to) const {
    char chunk[kChunkBytes];
    while (true) {
      const ssize_t got = ::read(from, chunk, sizeof chunk);
      if (got == 0) return {};
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return errno_error(fmt::format("cannot copy {}", shown(to)), errno);
      TRY_VOID(write_all(file, std::string_view(chunk, static_cast<std::size_t>(got))));
    }
  }

  // In the copy, which is ours alone: links through links are followed as the kernel does.
  Result<void> check_links() const {
    std::error_code failed;
    const fs::path root = fs::canonical(target_, failed);
    for (const fs::path& link : links_) {
      const fs::path real = fs::canonical(link, failed);
      const fs::path inside = failed ? fs::path() : real.lexically_relative(root);
      if (inside.empty() || *inside.begin() == ".." || fs::read_symlink(link, failed).is_absolute())
        return make_error(ErrorCode::FailedPrecondition,
                          fmt::format("the link {} leads out of the environment", shown(link)));
    }
    return {};
  }

  std::string shown(const fs::path& path) const {
    return path.lexically_relative(target_.parent_path()).string();
  }

  fs::path target_;
  std::vector<fs::path> links_;
};

}  // namespace

Result<void> publish_tree(const fs::path& source, const fs::path& target) {
  UniqueFd directory(::open(source.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory && errno == ENOENT) return make_directories(target, 0755);
  if (!directory) return errno_error("cannot read what was installed", errno);
  return TreeCopy(target).copy(std::move(directory));
}

Result<std::string> read_foreign_file(const fs::path& path, std::size_t max_bytes) {
  const UniqueFd fd(
      ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!fd) return errno_error(fmt::format("cannot read {}", path.filename().string()), errno);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode))
    return make_error(ErrorCode::FailedPrecondition,
                      fmt::format("{} is no file", path.filename().string()));
  std::string text;
  char chunk[kChunkBytes];
  while (true) {
    const ssize_t got = ::read(fd.get(), chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error(fmt::format("cannot read {}", path.filename().string()), errno);
    if (got == 0) return text;
    text.append(chunk, static_cast<std::size_t>(got));
    if (text.size() > max_bytes)
      return make_error(
          ErrorCode::ResourceExhausted,
          fmt::format("{} has more than {} bytes", path.filename().string(), max_bytes));
  }
}

Result<void> give_tree(const fs::path& root, uid_t user) {
  std::error_code failed;
  for (fs::recursive_directory_iterator at(root, failed), end; !failed && at != end;
       at.increment(failed))
    if (::lchown(at->path().c_str(), user, user) != 0)
      return errno_error(fmt::format("cannot give {} away", at->path().string()), errno);
  if (failed) return errno_error("cannot read what is to be given away", failed.value());
  if (::lchown(root.c_str(), user, user) != 0)
    return errno_error(fmt::format("cannot give {} away", root.string()), errno);
  return {};
}

}  // namespace pixell::prepare
