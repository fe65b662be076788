#include "par/prepare/requirement_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "apkg/digest.hpp"
#include "base/files.hpp"
#include "par/prepare/limits.hpp"

namespace pixell::prepare {

namespace fs = std::filesystem;

namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r'))
    text.remove_suffix(1);
  return text;
}

// The value of an option in one of its spellings ("-f x", "--find-links=x"), or nothing.
std::optional<std::string_view> option_value(std::string_view line,
                                             std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    if (!line.starts_with(name)) continue;
    std::string_view rest = line.substr(name.size());
    if (name.starts_with("--") && !rest.empty() && rest.front() != ' ' && rest.front() != '=')
      continue;
    rest = trimmed(rest);
    if (rest.starts_with('=')) rest = trimmed(rest.substr(1));
    return rest;
  }
  return std::nullopt;
}

std::string_view without_comment(std::string_view text) {
  if (const auto at = text.find(" #"); at != std::string_view::npos) text = text.substr(0, at);
  return trimmed(text);
}

/// Rewrites one requirements file.
class Rewriter {
 public:
  Rewriter(const fs::path& package_root, fs::path folder)
      : root_(package_root), folder_(std::move(folder)) {}

  apkg::Checked<std::string> rewrite(const std::string& text) {
    std::string written;
    for (std::size_t start = 0; start < text.size();) {
      const std::size_t end = std::min(text.find('\n', start), text.size());
      CHECKED_TRY(const std::string line,
                  rewrite_line(trimmed(std::string_view(text).substr(start, end - start))));
      written += line + "\n";
      start = end + 1;
    }
    return written;
  }

  std::vector<std::string> take_source_lines() { return std::move(source_lines_); }

 private:
  apkg::Checked<std::string> rewrite_line(std::string_view line) {
    // The hashes are for what is installed; an installer told some of them here wants all.
    line = trimmed(line.substr(0, line.starts_with("--hash") ? 0 : line.find(" --hash")));
    if (option_value(line, {"--index-url", "-i", "--extra-index-url"})) return source(line);
    if (const auto links = option_value(line, {"--find-links", "-f"})) {
      const std::string_view place = without_comment(*links);
      const bool is_local = place.find("://") == std::string_view::npos && !place.starts_with('/');
      return source(is_local ? fmt::format("--find-links {}", (root_ / folder_ / place).string())
                             : std::string(line));
    }
    if (const auto editable = option_value(line, {"--editable", "-e"})) {
      const std::string_view path = without_comment(*editable);
      return path.find("://") == std::string_view::npos ? local(path) : std::string(line);
    }
    if (line.starts_with('.') || line.starts_with('/') || line.starts_with("file:"))
      return local(without_comment(line));
    return std::string(line);
  }

  std::string source(std::string_view line) {
    source_lines_.emplace_back(line);
    return std::string(line);
  }

  apkg::Checked<std::string> local(std::string_view given) {
    const std::string_view path = given.substr(0, given.find('['));  // without extras
    const fs::path target = (root_ / folder_ / path).lexically_normal();
    std::error_code failed;
    if (fs::equivalent(target, root_, failed)) return std::string();
    const std::string name = target.filename().string();
    const std::size_t first = name.find('-');
    const std::size_t second = first == std::string::npos ? first : name.find('-', first + 1);
    if (name.ends_with(".whl") && second != std::string::npos && fs::is_regular_file(target)) {
      source_lines_.push_back("--find-links " + target.parent_path().string());
      return fmt::format("{}\n{}=={}", source_lines_.back(), name.substr(0, first),
                         name.substr(first + 1, second - first - 1));
    }
    return apkg::refuse(
        model::Cause::DependencyFailed,
        fmt::format("the requirement {} is a folder or a source archive of the package", given),
        {std::string(given)},
        "Remove the line when it is the package's own code, which is importable from its root and "
        "from src/ anyway; ship other code as a wheel.");
  }

  fs::path root_;
  fs::path folder_;  // of the file, relative to the root
  std::vector<std::string> source_lines_;
};

// A folder at the root that no build needs.
bool is_left_out(const std::string& name) {
  return name.starts_with('.') || name == "node_modules";
}

apkg::Checked<void> write(const fs::path& path, const std::string& text) {
  auto written = make_directories(path.parent_path());
  if (written) written = write_file_atomically(path, text, 0600, Durability::ProcessCrash);
  if (!written)
    return apkg::refuse(model::Cause::Internal, "no place to write the requirements",
                        written.error());
  return {};
}

}  // namespace

apkg::Checked<InstallerInput> write_requirements(const apkg::Requirements& requirements,
                                                 const fs::path& package_root,
                                                 const fs::path& scratch) {
  InstallerInput input;
  const fs::path folder = scratch / "requirements";
  for (const apkg::RequirementsFile& file : requirements.files) {
    Rewriter rewriter(package_root, fs::path(file.path).parent_path());
    CHECKED_TRY(const std::string text, rewriter.rewrite(file.text));
    CHECKED_TRY_VOID(write(folder / file.path, text));
    for (std::string& line : rewriter.take_source_lines())
      input.source_lines.push_back(std::move(line));
    // The others are included from the first.
    if (input.files.empty()) input.files.push_back(folder / file.path);
  }
  if (!requirements.declared.empty()) {
    std::string text;
    for (const std::string& line : requirements.declared) text += line + "\n";
    CHECKED_TRY_VOID(write(scratch / "declared.txt", text));
    input.files.push_back(scratch / "declared.txt");
  }
  return input;
}

apkg::Checked<std::string> digest_of_project(const fs::path& package_root) {
  std::vector<std::string> paths;
  std::error_code failed;
  std::error_code ignored;  // of one entry, which then counts as "unreadable"
  for (fs::recursive_directory_iterator at(package_root, failed), end; !failed && at != end;
       at.increment(failed)) {
    const fs::path name = at->path().filename();
    const fs::file_type type = at->symlink_status(ignored).type();
    // Python writes its caches whenever it runs the package.
    if (type == fs::file_type::directory &&
        (name == "__pycache__" || (at.depth() == 0 && is_left_out(name.string()))))
      at.disable_recursion_pending();
    else if (type == fs::file_type::regular)
      paths.push_back(at->path().lexically_relative(package_root).string());
    if (paths.size() > kMaxProjectFiles)
      return apkg::refuse(
          model::Cause::DependencyFailed, "the package has too many files to be built",
          {fmt::format("more than {} files", kMaxProjectFiles)},
          "Write the dependencies into requirements.txt, or `[project] dependencies`.");
  }
  if (failed)
    return apkg::refuse(model::Cause::DependencyFailed, "the package's sources cannot be read",
                        {failed.message()});
  std::ranges::sort(paths);
  apkg::Sha256 digest;
  for (const std::string& path : paths) {
    const fs::path file = package_root / path;
    const std::uint64_t size = fs::file_size(file, ignored);
    const auto content =
        size > kMaxHashedFileBytes
            ? fmt::to_string(fs::last_write_time(file, ignored).time_since_epoch().count())
            : apkg::sha256_of_file(file).value_or("unreadable");
    digest.update(fmt::format("{}:{}:{}:{}\n", path.size(), path, size, content));
  }
  return digest.finish();
}

Result<void> copy_project(const fs::path& package_root, const fs::path& target) {
  TRY_VOID(make_directories(target));
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(package_root, failed)) {
    const std::string name = entry.path().filename().string();
    if (entry.is_directory(failed) && is_left_out(name)) continue;
    fs::copy(entry.path(), target / name,
             fs::copy_options::recursive | fs::copy_options::skip_symlinks, failed);
    if (failed) return errno_error("cannot copy the package's sources", failed.value());
  }
  if (failed) return errno_error("cannot read the package's sources", failed.value());
  return {};
}

}  // namespace pixell::prepare
