#include "apkg/pack_ignore.hpp"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <array>

#include "apkg/limits.hpp"
#include "base/files.hpp"

namespace pixell::apkg {

namespace {

namespace fs = std::filesystem;

constexpr std::array kIgnoredDirectories = {
    std::string_view("__pycache__"),   std::string_view(".git"),
    std::string_view(".hg"),           std::string_view(".svn"),
    std::string_view(".venv"),         std::string_view("node_modules"),
    std::string_view(".pytest_cache"), std::string_view(".mypy_cache"),
    std::string_view(".ruff_cache"),   std::string_view(".tox"),
    std::string_view(".nox"),          std::string_view(".idea"),
    std::string_view(".vscode")};
constexpr std::array kIgnoredFiles = {std::string_view(".DS_Store"), std::string_view("Thumbs.db"),
                                      std::string_view(".apkgignore")};
constexpr std::array kIgnoredEndings = {std::string_view(".pyc"), std::string_view(".pyo"),
                                        std::string_view(".apkg")};

bool is_always_ignored(std::string_view name, bool is_directory) {
  if (is_directory)
    return std::ranges::find(kIgnoredDirectories, name) != kIgnoredDirectories.end();
  return std::ranges::find(kIgnoredFiles, name) != kIgnoredFiles.end() ||
         std::ranges::any_of(kIgnoredEndings, [&](auto ending) { return name.ends_with(ending); });
}

}  // namespace

Result<PackIgnore> PackIgnore::read(const fs::path& root) {
  const fs::path file = root / ".apkgignore";
  std::error_code failed;
  if (!fs::is_regular_file(file, failed)) return PackIgnore();
  TRY(const std::string text, read_file(file));
  return parse(text);
}

Result<PackIgnore> PackIgnore::parse(std::string_view text) {
  if (text.size() > kMaxIgnoreBytes)
    return make_error(ErrorCode::ResourceExhausted,
                      fmt::format(".apkgignore has more than {} bytes", kMaxIgnoreBytes));
  PackIgnore ignore;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    std::string_view line = text.substr(start, end - start);
    start = end + 1;
    while (line.ends_with('\r') || line.ends_with(' ')) line.remove_suffix(1);
    if (line.empty() || line.starts_with('#')) continue;
    Pattern pattern;
    pattern.is_for_directories = line.ends_with('/');
    if (pattern.is_for_directories) line.remove_suffix(1);
    pattern.is_from_root = line.find('/') != line.npos;
    if (line.starts_with('/')) line.remove_prefix(1);
    pattern.text = line;
    if (ignore.patterns_.size() >= kMaxIgnorePatterns)
      return make_error(ErrorCode::ResourceExhausted,
                        fmt::format(".apkgignore has more than {} patterns", kMaxIgnorePatterns));
    ignore.patterns_.push_back(std::move(pattern));
  }
  return ignore;
}

bool PackIgnore::ignores(const std::string& path, bool is_directory) const {
  const std::string name = path.substr(path.rfind('/') + 1);
  if (is_always_ignored(name, is_directory)) return true;
  return std::ranges::any_of(patterns_, [&](const Pattern& pattern) {
    if (pattern.is_for_directories && !is_directory) return false;
    const std::string& subject = pattern.is_from_root ? path : name;
    return ::fnmatch(pattern.text.c_str(), subject.c_str(), FNM_PATHNAME) == 0;
  });
}

}  // namespace pixell::apkg
