#include "par/surface/ui_files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <filesystem>
#include <functional>

#include "net/reply.hpp"
#include "par/limits.hpp"
#include "par/surface/ui_path.hpp"

namespace pixell::par {

namespace {

namespace fs = std::filesystem;

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

void make_heads(UiFile& file, std::string_view name) {
  file.unchanged.status = 304;
  for (net::ResponseHead* head : {&file.found, &file.unchanged}) {
    head->headers.add_checked("etag", file.etag);
    head->headers.add_checked("last-modified", file.last_modified);
    // Always asked for again, answered 304: a new revision must show at once.
    head->headers.add_checked("cache-control", "no-cache");
  }
  file.found.headers.add_checked("x-content-type-options", "nosniff");
  file.found.headers.add_checked("content-type", content_type_of(name));
  file.found.headers.add_checked("content-length", fmt::to_string(file.size));
}

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

std::shared_ptr<const UiFile> UiFiles::load(std::string_view encoded_path, Instant now) {
  const auto segments = ui_segments(encoded_path);
  if (!segments) return nullptr;
  struct stat status {};
  UniqueFd fd = open_file(*segments);
  if (!fd || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) return nullptr;
  const std::int64_t modified_ns = nanoseconds(status.st_mtim);
  auto file = std::make_shared<UiFile>();
  file->size = status.st_size;
  file->etag = fmt::format("\"{}-{:x}-{:x}\"", version_.substr(0, 12), file->size, modified_ns);
  file->last_modified = http_date(status.st_mtim.tv_sec);
  make_heads(*file, segments->back());
  if (static_cast<std::size_t>(file->size) > kMaxCachedFileBytes) {
    file->fd = std::move(fd);
  } else {
    file->content.resize(static_cast<std::size_t>(file->size));
    if (!read_content(fd.get(), file->content)) return nullptr;
  }
  keep({.encoded_path = std::string(encoded_path),
        .path = join(*segments),
        .file = file,
        .modified_ns = modified_ns,
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

bool UiFiles::is_as_cached(const Cached& cached) const {
  struct stat status {};
  return ::fstatat(folder_.get(), cached.path.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
         nanoseconds(status.st_mtim) == cached.modified_ns && status.st_size == cached.file->size;
}

void UiFiles::keep(Cached cached) {
  cached_bytes_ += cached.file->content.size();
  cache_.push_front(std::move(cached));
  by_path_[cache_.front().encoded_path] = cache_.begin();
  while (cached_bytes_ > kMaxFileCacheBytes || cache_.size() > kMaxCachedFiles)
    drop(std::prev(cache_.end()));
}

void UiFiles::drop(Cache::iterator at) {
  cached_bytes_ -= at->file->content.size();
  by_path_.erase(at->encoded_path);
  cache_.erase(at);
}

std::string http_date(std::int64_t seconds) {
  constexpr std::array kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t time = seconds;
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT",
                     kDays[static_cast<std::size_t>(parts.tm_wday)], parts.tm_mday,
                     kMonths[static_cast<std::size_t>(parts.tm_mon)], parts.tm_year + 1900,
                     parts.tm_hour, parts.tm_min, parts.tm_sec);
}

namespace {

// Sends an open file as fast as the client reads.
class FileSender final : public net::StreamHandler {
 public:
  FileSender(net::EventLoop& loop, net::ServerStream& stream, std::shared_ptr<const UiFile> file)
      : loop_(loop), stream_(stream), file_(std::move(file)) {}

  void send() {
    if (!is_copying_) {
      const ssize_t sent =
          stream_.send_file(file_->fd.get(), at_, static_cast<std::size_t>(file_->size - at_));
      if (sent == 0) return cut();
      if (sent > 0) at_ += sent;
      if (at_ == file_->size) return end();
      if (sent > 0 || errno == EAGAIN) return;
      is_copying_ = true;
    }
    copy();
  }

  void on_data(std::string_view) override {}
  void on_end(const net::Headers&) override {}
  void on_writable() override {
    if (!is_over_) send();
  }
  void on_abort(net::AbortReason) override { is_over_ = true; }

 private:
  void copy() {
    while (at_ < file_->size) {
      const auto most = std::min<std::int64_t>(net::EventLoop::kScratchBytes, file_->size - at_);
      const ssize_t got = ::pread(file_->fd.get(), loop_.scratch(), static_cast<std::size_t>(most),
                                  static_cast<off_t>(at_));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return cut();
      at_ += got;
      if (!stream_.send_data({loop_.scratch(), static_cast<std::size_t>(got)}) && at_ < file_->size)
        return;
    }
    end();
  }
  void end() {
    is_over_ = true;
    stream_.finish();
  }
  // The file became shorter than what was promised: only a cut tells the client.
  void cut() {
    is_over_ = true;
    stream_.reset(net::ResetCode::InternalError);
  }

  net::EventLoop& loop_;
  net::ServerStream& stream_;
  const std::shared_ptr<const UiFile> file_;
  std::int64_t at_ = 0;
  bool is_copying_ = false;  // the stream does not take files
  bool is_over_ = false;
};

bool has_etag(std::string_view list, std::string_view etag) {
  return list == "*" || list.find(etag) != std::string_view::npos;
}

bool is_unchanged(const net::RequestHead& request, const UiFile& file) {
  // If-None-Match decides alone when it is there (RFC 9110 13.2.2).
  if (const auto match = request.headers.get("if-none-match")) return has_etag(*match, file.etag);
  // Our own date comes back word for word; any other is answered with the file.
  return request.headers.get("if-modified-since") == std::string_view(file.last_modified);
}

}  // namespace

std::unique_ptr<net::StreamHandler> serve_ui_file(net::EventLoop& loop, net::ServerStream& stream,
                                                  std::shared_ptr<const UiFile> file) {
  if (is_unchanged(stream.request(), *file)) {
    stream.send_head(file->unchanged, true);
    return net::ignore_body();
  }
  const bool ends = stream.request().method == "HEAD" || file->size == 0;
  stream.send_head(file->found, ends);
  if (ends) return net::ignore_body();
  if (file->is_large()) {
    auto sender = std::make_unique<FileSender>(loop, stream, std::move(file));
    sender->send();
    return sender;
  }
  stream.send_data(file->content);
  stream.finish();
  return net::ignore_body();
}

}  // namespace pixell::par
