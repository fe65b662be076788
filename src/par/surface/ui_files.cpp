#include "par/surface/ui_files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <iterator>

#include "par/limits.hpp"
#include "par/surface/http_date.hpp"
#include "par/surface/ui_path.hpp"

namespace pixell::par {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kVersionDigits = 12;  // of a package digest, in an ETag
constexpr int kDirectory = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

std::string join(const std::vector<std::string>& segments) {
  std::string path;
  for (const std::string& segment : segments) path += (path.empty() ? "" : "/") + segment;
  return path;
}

// The folder when it lies inside the package and has an index.html.
std::optional<fs::path> folder_with_index(const fs::path& root, const std::string& path) {
  std::error_code failed;
  const fs::path real_root = fs::canonical(root, failed);
  if (failed) return std::nullopt;
  const fs::path folder = fs::canonical(real_root / path, failed);
  if (failed || !folder.string().starts_with(real_root.string() + "/")) return std::nullopt;
  if (!fs::is_regular_file(folder / "index.html", failed)) return std::nullopt;
  return folder;
}

std::int64_t nanoseconds(const timespec& time) {
  return std::int64_t(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

// By the clock of files.
std::int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return nanoseconds(now);
}

// Reads a small file whole. False when it turned out shorter (it is being written).
bool read_content(int fd, std::string& content) {
  for (std::size_t at = 0; at < content.size();) {
    const ssize_t got =
        ::pread(fd, content.data() + at, content.size() - at, static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    at += static_cast<std::size_t>(got);
  }
  return true;
}

// `has_others`: what is sent depends on Accept-Encoding.
void make_heads(UiRepresentation& file, std::string_view name, bool has_others) {
  file.unchanged.status = 304;
  const std::string last_modified = http_date(file.modified_s());
  for (net::ResponseHead* head : {&file.found, &file.unchanged}) {
    head->headers.add_checked("etag", file.etag);
    head->headers.add_checked("last-modified", last_modified);
    // Always asked for again, answered 304: a new revision must show at once.
    head->headers.add_checked("cache-control", "no-cache");
    if (has_others) head->headers.add_checked("vary", "Accept-Encoding");
  }
  net::Headers& found = file.found.headers;
  found.add_checked("x-content-type-options", "nosniff");
  found.add_checked("accept-ranges", "bytes");
  found.add_checked("content-type", content_type_of(name));
  for (const CodingNames& names : kFileCodings)
    if (names.coding == file.coding) found.add_checked("content-encoding", names.name);
  found.add_checked("content-length", fmt::to_string(file.size));
}

std::size_t bytes_of(const UiFile& file) {
  std::size_t bytes = file.plain.content.size();
  for (const UiRepresentation& each : file.encoded) bytes += each.content.size();
  return bytes;
}

std::size_t count_of(const UiFile& file) { return 1 + file.encoded.size(); }

}  // namespace

Result<std::unique_ptr<UiFiles>> UiFiles::open(const std::string& package_root,
                                               const std::string& path, std::string version) {
  const fs::path relative = fs::path(path).lexically_normal();
  const std::string plain = relative.string();
  if (plain.empty() || plain == "." || plain == "./" || relative.is_absolute() ||
      plain.starts_with(".."))
    return make_error(
        ErrorCode::InvalidArgument,
        fmt::format("ui.path '{}' must name a folder below the root of the package", path));
  for (const std::string& candidate : {plain, std::string("dist/ui")}) {
    const auto folder = folder_with_index(package_root, candidate);
    if (!folder) continue;
    UniqueFd fd(::open(folder->c_str(), kDirectory));
    if (!fd) return errno_error(fmt::format("cannot open {}", folder->string()), errno);
    return std::unique_ptr<UiFiles>(new UiFiles(std::move(fd), std::move(version)));
  }
  std::error_code failed;
  const bool is_folder = fs::is_directory(fs::path(package_root) / relative, failed);
  return make_error(
      ErrorCode::NotFound,
      is_folder ? fmt::format("there is no index.html in '{}' (ui.path) nor in 'dist/ui'", plain)
                : fmt::format("there is no folder '{}' (ui.path), and no index.html in "
                              "'dist/ui'",
                              plain));
}

UiFiles::UiFiles(UniqueFd folder, std::string version)
    : folder_(std::move(folder)), version_(std::move(version)), opened_ns_(now_ns()) {}

bool UiFiles::has_index() const {
  struct stat status {};
  return ::fstatat(folder_.get(), "index.html", &status, AT_SYMLINK_NOFOLLOW) == 0 &&
         S_ISREG(status.st_mode);
}

// Folder by folder without following links: a link in the package must not lead out of it.
UniqueFd UiFiles::open_file(const std::vector<std::string>& segments) const {
  UniqueFd folder;
  int at = folder_.get();
  for (std::size_t i = 0; i + 1 < segments.size(); ++i) {
    folder = UniqueFd(::openat(at, segments[i].c_str(), kDirectory | O_NOFOLLOW));
    if (!folder) return {};
    at = folder.get();
  }
  // O_NONBLOCK: a pipe in the folder must not hold the loop up.
  return UniqueFd(
      ::openat(at, segments.back().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
}

std::shared_ptr<const UiFile> UiFiles::find(std::string_view encoded_path, Instant now) {
  if (auto cached = find_cached(encoded_path, now)) return cached;
  Missed& missed = missed_[std::hash<std::string_view>{}(encoded_path) % missed_.size()];
  if (now < missed.until && missed.encoded_path == encoded_path) return nullptr;
  auto file = load(encoded_path, now);
  // Paths of the agent are looked for here before it is asked.
  if (file == nullptr && encoded_path.size() <= kMaxUiPathBytes) {
    missed.encoded_path = encoded_path;
    missed.until = now + kFileCheckPause;
  }
  return file;
}

// The file, or with `coding` the one beside it.
std::optional<UiRepresentation> UiFiles::load_one(const std::vector<std::string>& segments,
                                                  const CodingNames* coding) const {
  struct stat status {};
  UniqueFd fd;
  if (coding == nullptr) {
    fd = open_file(segments);
  } else {
    std::vector<std::string> beside = segments;
    beside.back() += coding->suffix;
    fd = open_file(beside);
  }
  if (!fd || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  UiRepresentation file;
  file.size = status.st_size;
  file.modified_ns = nanoseconds(status.st_mtim);
  file.etag = fmt::format("\"{}-{:x}", version_.substr(0, kVersionDigits), file.size);
  // As it came with the package it is the same for every instance, whenever that was unpacked.
  if (version_.empty() || file.modified_ns > opened_ns_)
    fmt::format_to(std::back_inserter(file.etag), "-{:x}", file.modified_ns);
  if (coding != nullptr) {
    file.coding = coding->coding;
    file.etag.append("-").append(coding->name);
  }
  file.etag += '"';
  if (static_cast<std::size_t>(file.size) > kMaxCachedFileBytes) {
    file.fd = std::move(fd);
    return file;
  }
  file.content.resize(static_cast<std::size_t>(file.size));
  if (!read_content(fd.get(), file.content)) return std::nullopt;
  return file;
}

std::shared_ptr<const UiFile> UiFiles::load(std::string_view encoded_path, Instant now) {
  const auto segments = ui_segments(encoded_path);
  if (!segments) return nullptr;
  auto plain = load_one(*segments, nullptr);
  if (!plain) return nullptr;
  auto file = std::make_shared<UiFile>();
  file->plain = std::move(*plain);
  for (const CodingNames& coding : kFileCodings)
    if (auto beside = load_one(*segments, &coding)) file->encoded.push_back(std::move(*beside));
  const bool has_others = !file->encoded.empty();
  make_heads(file->plain, segments->back(), has_others);
  for (UiRepresentation& each : file->encoded) make_heads(each, segments->back(), has_others);
  keep({.encoded_path = std::string(encoded_path),
        .path = join(*segments),
        .file = file,
        .checked_at = now});
  return file;
}

std::shared_ptr<const UiFile> UiFiles::find_cached(std::string_view encoded_path, Instant now) {
  const auto found = by_path_.find(encoded_path);
  if (found == by_path_.end()) return nullptr;
  const Cache::iterator cached = found->second;
  if (now - cached->checked_at >= kFileCheckPause) {
    if (!is_as_cached(*cached)) {
      drop(cached);
      return nullptr;
    }
    cached->checked_at = now;
  }
  cache_.splice(cache_.begin(), cache_, cached);
  return cached->file;
}

// Whether the path is that file still, or no file still.
bool UiFiles::is_on_disk(const std::string& path, const UiRepresentation* known) const {
  struct stat status {};
  const bool is_file = ::fstatat(folder_.get(), path.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
                       S_ISREG(status.st_mode);
  if (known == nullptr) return !is_file;
  return is_file && nanoseconds(status.st_mtim) == known->modified_ns &&
         status.st_size == known->size;
}

bool UiFiles::is_as_cached(const Cached& cached) const {
  if (!is_on_disk(cached.path, &cached.file->plain)) return false;
  return std::ranges::all_of(kFileCodings, [&](const CodingNames& names) {
    const auto& encoded = cached.file->encoded;
    const auto known = std::ranges::find(encoded, names.coding, &UiRepresentation::coding);
    std::string beside = cached.path;
    beside += names.suffix;
    return is_on_disk(beside, known == encoded.end() ? nullptr : &*known);
  });
}

void UiFiles::keep(Cached cached) {
  cached_bytes_ += bytes_of(*cached.file);
  cached_files_ += count_of(*cached.file);
  cache_.push_front(std::move(cached));
  by_path_[cache_.front().encoded_path] = cache_.begin();
  while (cached_bytes_ > kMaxFileCacheBytes || cached_files_ > kMaxCachedFiles)
    drop(std::prev(cache_.end()));
}

void UiFiles::drop(Cache::iterator at) {
  cached_bytes_ -= bytes_of(*at->file);
  cached_files_ -= count_of(*at->file);
  by_path_.erase(at->encoded_path);
  cache_.erase(at);
}

}  // namespace pixell::par
