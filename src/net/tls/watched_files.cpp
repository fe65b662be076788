#include "net/tls/watched_files.hpp"

#include <sys/stat.h>

#include <utility>

namespace pixell::net::tls {

namespace {

std::int64_t nanoseconds_of(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

WatchedFiles::WatchedFiles(std::vector<std::filesystem::path> files) : files_(std::move(files)) {
  note_all();
}

std::vector<FileStamp> WatchedFiles::look() const {
  std::vector<FileStamp> stamps;
  for (const auto& file : files_) {
    FileStamp stamp;
    struct stat info {};
    if (::stat(file.c_str(), &info) == 0)
      stamp = {.exists = true,
               .device = info.st_dev,
               .inode = info.st_ino,
               .size = info.st_size,
               .modified_ns = nanoseconds_of(info.st_mtim),
               .changed_ns = nanoseconds_of(info.st_ctim)};
    stamps.push_back(stamp);
  }
  return stamps;
}

bool WatchedFiles::has_settled_change() {
  auto stamps = look();
  const bool rests = stamps == last_seen_;
  last_seen_ = std::move(stamps);
  if (!rests || last_seen_ == known_) return false;
  known_ = last_seen_;
  return true;
}

void WatchedFiles::note_all() { known_ = last_seen_ = look(); }

}  // namespace pixell::net::tls
