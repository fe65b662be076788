#include "par/prepare/environment_files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <string_view>

#include "apkg/digest.hpp"
#include "base/unique_fd.hpp"

namespace pixell::prepare {

namespace fs = std::filesystem;

namespace {

struct Line {
  std::uint64_t size = 0;
  std::string_view sha256;
  std::string path;
};

// The next line of a list, which becomes shorter; nothing at its end or when it is no list.
std::optional<Line> next_line(std::string_view& list) {
  const std::size_t end = list.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view text = list.substr(0, end);
  list.remove_prefix(end + 1);
  Line line;
  const auto size = std::from_chars(text.data(), text.data() + text.size(), line.size);
  const auto digits = static_cast<std::size_t>(size.ptr - text.data());
  constexpr std::size_t kDigestBytes = 64;
  if (size.ec != std::errc() || text.size() < digits + kDigestBytes + 3) return std::nullopt;
  line.sha256 = text.substr(digits + 1, kDigestBytes);
  line.path = text.substr(digits + kDigestBytes + 2);
  return line;
}

}  // namespace

Result<std::string> list_files(const fs::path& root) {
  std::string list;
  std::error_code failed;
  for (fs::recursive_directory_iterator at(root, failed), end; !failed && at != end;
       at.increment(failed)) {
    if (!fs::is_regular_file(at->symlink_status(failed))) continue;
    const std::string path = at->path().lexically_relative(root).string();
    // A name with a line end cannot be listed; no package needs one.
    if (path.find('\n') != std::string::npos) continue;
    TRY(const std::string sha256, apkg::sha256_of_file(at->path()));
    const std::uint64_t size = at->file_size(failed);
    list += fmt::format("{} {} {}\n", size, sha256, path);
  }
  if (failed) return errno_error("cannot read the installed files", failed.value());
  return list;
}

std::uint64_t listed_bytes(std::string_view list) {
  std::uint64_t bytes = 0;
  while (const auto line = next_line(list)) bytes += line->size;
  return bytes;
}

std::optional<std::string> find_missing(const fs::path& root, const std::string& list) {
  const UniqueFd directory(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return fmt::format("{} is missing", root.filename().string());
  std::string_view rest = list;
  while (const auto line = next_line(rest)) {
    struct stat info {};
    if (::fstatat(directory.get(), line->path.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0)
      return fmt::format("{} is missing", line->path);
    if (!S_ISREG(info.st_mode) || static_cast<std::uint64_t>(info.st_size) != line->size)
      return fmt::format("{} has {} bytes instead of {}", line->path, info.st_size, line->size);
  }
  if (!rest.empty()) return "its list of files cannot be read";
  return std::nullopt;
}

std::optional<std::string> find_changed(const fs::path& root, const std::string& list) {
  if (auto missing = find_missing(root, list)) return missing;
  std::string_view rest = list;
  while (const auto line = next_line(rest)) {
    const auto sha256 = apkg::sha256_of_file(root / line->path);
    if (!sha256 || *sha256 != line->sha256)
      return fmt::format("{} has another content", line->path);
  }
  return std::nullopt;
}

std::string note_directories(const fs::path& root) {
  const auto line = [](const struct stat& info, const std::string& path) {
    return fmt::format("{}.{} {}\n", info.st_mtim.tv_sec, info.st_mtim.tv_nsec, path);
  };
  struct stat info {};
  if (::lstat(root.c_str(), &info) != 0) return {};
  std::string note = line(info, ".");
  std::error_code failed;
  for (fs::recursive_directory_iterator at(root, failed), end; !failed && at != end;
       at.increment(failed)) {
    if (at->path().filename() == "__pycache__") {
      at.disable_recursion_pending();
      continue;
    }
    if (::lstat(at->path().c_str(), &info) != 0) return {};
    if (S_ISDIR(info.st_mode)) note += line(info, at->path().lexically_relative(root).string());
  }
  return failed ? std::string() : note;
}

bool are_directories_unchanged(const fs::path& root, std::string_view note) {
  const UniqueFd directory(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory || note.empty()) return false;
  while (!note.empty()) {
    const std::size_t end = note.find('\n');
    const std::size_t blank = note.find(' ');
    if (end == std::string_view::npos || blank > end) return false;
    const std::string path(note.substr(blank + 1, end - blank - 1));
    struct stat info {};
    if (::fstatat(directory.get(), path.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0 ||
        fmt::format("{}.{}", info.st_mtim.tv_sec, info.st_mtim.tv_nsec) != note.substr(0, blank))
      return false;
    note.remove_prefix(end + 1);
  }
  return true;
}

void make_read_only(const fs::path& root) {
  std::error_code ignored;  // a file that stays writable is still owned by us alone
  fs::permissions(root, fs::perms(0555), ignored);
  for (const auto& entry : fs::recursive_directory_iterator(root, ignored)) {
    if (entry.is_symlink(ignored)) continue;
    const bool runs = entry.is_directory(ignored) || (entry.status(ignored).permissions() &
                                                      fs::perms::owner_exec) != fs::perms::none;
    fs::permissions(entry.path(), fs::perms(runs ? 0555 : 0444), ignored);
  }
}

void remove_tree(const fs::path& root) {
  std::error_code ignored;  // the next collection tries again
  fs::permissions(root, fs::perms(0755), ignored);
  for (const auto& entry : fs::recursive_directory_iterator(root, ignored))
    if (entry.is_directory(ignored) && !entry.is_symlink(ignored))
      fs::permissions(entry.path(), fs::perms(0755), ignored);
  fs::remove_all(root, ignored);
}

}  // namespace pixell::prepare
