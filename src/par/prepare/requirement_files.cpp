#include "par/prepare/requirement_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "apkg/digest.hpp"
#include "apkg/requirement_line.hpp"
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

/// Rewrites requirements files so that they can be used from anywhere and by anybody who reads
/// `input`: archives of the package are copied there.
class Rewriter {
 public:
  Rewriter(const apkg::Requirements& requirements, const fs::path& package_root,
           const fs::path& input)
      : requirements_(requirements), root_(package_root), input_(input) {}

  /// `folder` is where the text's file is, relative to the package.
  apkg::Checked<std::string> rewrite(const std::string& text, const fs::path& folder) {
    std::string written;
    for (std::size_t start = 0; start < text.size();) {
      const std::size_t end = std::min(text.find('\n', start), text.size());
      CHECKED_TRY(const std::string line,
                  rewrite_line(trimmed(std::string_view(text).substr(start, end - start)), folder));
      written += line + "\n";
      start = end + 1;
    }
    return written;
  }

  std::vector<std::string> take_source_lines() { return std::move(source_lines_); }

 private:
  apkg::Checked<std::string> rewrite_line(std::string_view line, const fs::path& folder) {
    // The hashes are for what is installed; an installer told some of them here wants all.
    line = trimmed(line.substr(0, line.starts_with("--hash") ? 0 : line.find(" --hash")));
    const apkg::RequirementKind read = apkg::classify_requirement(line);
    const fs::path path = (folder / read.path).lexically_normal();
    if (read.kind == apkg::LineKind::Source) return source(std::string(line));
    if (read.kind == apkg::LineKind::LinkFolder) return links(path);
    if (read.kind == apkg::LineKind::LocalPath) return local(line, path);
    return std::string(line);
  }

  std::string source(std::string line) {
    source_lines_.push_back(line);
    return line;
  }

  // "wheels/" and "wheels" are one folder.
  apkg::Checked<std::string> links(const fs::path& folder) {
    const fs::path plain = folder.has_filename() ? folder : folder.parent_path();
    for (const apkg::LocalArchive& archive : requirements_.archives) {
      const fs::path parent = fs::path(archive.path).parent_path();
      if (parent == plain || (parent.empty() && plain == ".")) CHECKED_TRY_VOID(copy(archive.path));
    }
    const fs::path copied = input_ / kArchives / plain;
    std::error_code failed;  // the installer says when it is not there
    fs::create_directories(copied, failed);
    return source("--find-links " + copied.string());
  }

  apkg::Checked<std::string> local(std::string_view line, const fs::path& path) {
    std::error_code failed;
    if (fs::equivalent(root_ / path, root_, failed)) return std::string();
    const std::string name = path.filename().string();
    const std::size_t first = name.find('-');
    const std::size_t second = first == std::string::npos ? first : name.find('-', first + 1);
    const bool is_known = std::ranges::any_of(
        requirements_.archives,
        [&](const apkg::LocalArchive& archive) { return archive.path == path.generic_string(); });
    if (is_known && name.ends_with(".whl") && second != std::string::npos) {
      CHECKED_TRY_VOID(copy(path));
      const std::string links =
          source("--find-links " + (input_ / kArchives / path).parent_path().string());
      return fmt::format("{}\n{}=={}", links, name.substr(0, first),
                         name.substr(first + 1, second - first - 1));
    }
    return apkg::refuse(
        model::Cause::DependencyFailed,
        fmt::format("the requirement {} is a folder or a source archive of the package, or lies "
                    "outside it",
                    line),
        {std::string(line)},
        "Remove the line when it is the package's own code, which is importable from its root and "
        "from src/ anyway; ship other code as a wheel.");
  }

  apkg::Checked<void> copy(const fs::path& path) {
    const fs::path target = input_ / kArchives / path;
    std::error_code failed;
    fs::create_directories(target.parent_path(), failed);
    if (!failed) fs::copy_file(root_ / path, target, fs::copy_options::overwrite_existing, failed);
    if (!failed) fs::permissions(target, fs::perms(0644), failed);
    if (failed)
      return apkg::refuse(model::Cause::Internal, "an archive of the package cannot be copied",
                          errno_error(path.string(), failed.value()));
    return {};
  }

  static constexpr const char* kArchives = "archives";

  const apkg::Requirements& requirements_;
  fs::path root_;
  fs::path input_;
  std::vector<std::string> source_lines_;
};

// A folder at the root that no build needs.
bool is_left_out(const std::string& name) {
  return name.starts_with('.') || name == "node_modules";
}

apkg::Checked<void> write(const fs::path& path, const std::string& text) {
  // For whoever gets through to the directory: the installer may be another user.
  auto written = make_directories(path.parent_path(), 0755);
  if (written) written = write_file_atomically(path, text, 0644, Durability::ProcessCrash);
  if (!written)
    return apkg::refuse(model::Cause::Internal, "no place to write the requirements",
                        written.error());
  return {};
}

}  // namespace

apkg::Checked<InstallerInput> write_requirements(const apkg::Requirements& requirements,
                                                 const fs::path& package_root,
                                                 const fs::path& input) {
  InstallerInput made;
  Rewriter rewriter(requirements, package_root, input);
  const fs::path folder = input / "requirements";
  for (const apkg::RequirementsFile& file : requirements.files) {
    CHECKED_TRY(const std::string text,
                rewriter.rewrite(file.text, fs::path(file.path).parent_path()));
    CHECKED_TRY_VOID(write(folder / file.path, text));
    // The others are included from the first.
    if (made.files.empty()) made.files.push_back(folder / file.path);
  }
  if (!requirements.declared.empty()) {
    std::string declared;
    for (const std::string& line : requirements.declared) declared += line + "\n";
    CHECKED_TRY(const std::string text, rewriter.rewrite(declared, {}));
    CHECKED_TRY_VOID(write(input / "declared.txt", text));
    made.files.push_back(input / "declared.txt");
  }
  made.source_lines = rewriter.take_source_lines();
  return made;
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
    if (name == ".env" || name.starts_with(".env.")) continue;  // values, no sources
    fs::copy(entry.path(), target / name,
             fs::copy_options::recursive | fs::copy_options::skip_symlinks, failed);
    if (failed) return errno_error("cannot copy the package's sources", failed.value());
  }
  if (failed) return errno_error("cannot read the package's sources", failed.value());
  return {};
}

}  // namespace pixell::prepare
