#include "engine/local/node/disk_usage.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <set>
#include <string_view>
#include <utility>

#include "engine/local/node/limits.hpp"

namespace pixell::engine::node {

namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

// Adds up one tree. Descriptors instead of paths: a directory that is replaced by a link while we
// look is not followed, and no path gets too long.
class Measurement {
 public:
  explicit Measurement(std::int64_t max_bytes) : max_bytes_(max_bytes) {}

  void add_tree(const std::filesystem::path& top) {
    Directory directory = open_at(AT_FDCWD, top.c_str());
    struct stat found {};
    if (!directory || ::fstat(::dirfd(directory.get()), &found) != 0) return;
    device_ = own_device_ = found.st_dev;
    std::vector<Directory> way;
    way.push_back(std::move(directory));
    walk(std::move(way));
  }

  // Only what belongs to `user` at the top of a directory that everybody may write to.
  void add_shared(const std::filesystem::path& top, uid_t user) {
    const Directory directory = open_at(AT_FDCWD, top.c_str());
    if (!directory) return;
    while (const dirent* entry = ::readdir(directory.get())) {
      struct stat found {};
      const int parent = ::dirfd(directory.get());
      if (::fstatat(parent, entry->d_name, &found, AT_SYMLINK_NOFOLLOW) != 0 ||
          found.st_uid != user || !usage_.excess.empty())
        continue;
      count(found);
      if (!S_ISDIR(found.st_mode)) continue;
      device_ = found.st_dev;
      std::vector<Directory> way;
      if (Directory inner = open_at(parent, entry->d_name)) way.push_back(std::move(inner));
      walk(std::move(way));
    }
  }

  // Files without a name live as long as somebody has them open. Those in memory (memfd, tmpfs) are
  // the memory limit's business: only the file system of the agent's own directories counts.
  void add_nameless(pid_t pid) {
    const std::string path = fmt::format("/proc/{}/fd", pid);
    const Directory directory = open_at(AT_FDCWD, path.c_str());
    if (!directory) return;  // it has ended meanwhile
    while (const dirent* entry = ::readdir(directory.get())) {
      struct stat found {};
      if (::fstatat(::dirfd(directory.get()), entry->d_name, &found, 0) != 0 ||
          !S_ISREG(found.st_mode) || found.st_nlink != 0 || found.st_dev != own_device_ ||
          !seen_.emplace(found.st_dev, found.st_ino).second || !usage_.excess.empty())
        continue;
      count(found);
    }
  }

  DiskUsage result() && { return std::move(usage_); }

 private:
  static Directory open_at(int parent, const char* name) {
    const int fd = ::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return nullptr;
    Directory directory(::fdopendir(fd));
    if (!directory) ::close(fd);
    return directory;
  }

  void walk(std::vector<Directory> way) {
    while (!way.empty() && usage_.excess.empty()) step(way);
  }

  // Takes the next entry of the innermost directory, or leaves that.
  void step(std::vector<Directory>& way) {
    const dirent* entry = ::readdir(way.back().get());
    if (entry == nullptr) return way.pop_back();
    const std::string_view name(entry->d_name);
    if (name == "." || name == "..") return;
    const int parent = ::dirfd(way.back().get());
    struct stat found {};
    if (::fstatat(parent, entry->d_name, &found, AT_SYMLINK_NOFOLLOW) != 0) return;
    count(found);
    if (!S_ISDIR(found.st_mode) || found.st_dev != device_ || !usage_.excess.empty()) return;
    if (way.size() >= kMaxAgentDepth) {
      usage_.excess = fmt::format("its directories are nested more than {} deep", kMaxAgentDepth);
      return;
    }
    if (Directory inner = open_at(parent, entry->d_name)) way.push_back(std::move(inner));
  }

  void count(const struct stat& found) {
    constexpr std::int64_t kBlockBytes = 512;  // the unit of st_blocks, whatever the disk has
    if (++usage_.files > kMaxAgentFiles) {
      usage_.excess = fmt::format("it has more than {} files", kMaxAgentFiles);
      return;
    }
    const bool has_other_names = found.st_nlink > 1 && !S_ISDIR(found.st_mode);
    if (has_other_names && !seen_.emplace(found.st_dev, found.st_ino).second) return;
    usage_.bytes += found.st_blocks * kBlockBytes;
    if (usage_.bytes > max_bytes_)
      usage_.excess = fmt::format("its files take more than {} MiB", max_bytes_ / 1024 / 1024);
  }

  std::int64_t max_bytes_;
  DiskUsage usage_;
  dev_t device_ = 0;                        // of the tree that is walked
  dev_t own_device_ = 0;                    // of the agent's own directories
  std::set<std::pair<dev_t, ino_t>> seen_;  // at most kMaxAgentFiles
};

}  // namespace

DiskUsage measure_disk(const DiskPlaces& places, std::int64_t max_bytes) {
  Measurement measurement(max_bytes);
  for (const auto& directory : places.directories) measurement.add_tree(directory);
  if (places.user)
    for (const auto& directory : places.shared) measurement.add_shared(directory, *places.user);
  for (const pid_t pid : places.processes) measurement.add_nameless(pid);
  return std::move(measurement).result();
}

}  // namespace pixell::engine::node
