#include "apkg/requirements.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "apkg/declared_dependencies.hpp"
#include "apkg/digest.hpp"
#include "apkg/limits.hpp"
#include "apkg/requirement_line.hpp"
#include "base/files.hpp"

namespace pixell::apkg {

namespace fs = std::filesystem;
using model::Cause;

namespace {

class Collector {
 public:
  explicit Collector(fs::path root) : root_(std::move(root)) {}

  Checked<void> add(const fs::path& relative) {
    const fs::path path = relative.lexically_normal();
    const std::string shown = path.generic_string();
    if (std::any_of(found_.files.begin(), found_.files.end(),
                    [&](const RequirementsFile& file) { return file.path == shown; }))
      return {};
    if (found_.files.size() >= kMaxRequirementsFiles)
      return bad(shown, fmt::format("more than {} files are included", kMaxRequirementsFiles));
    if (path.is_absolute() || shown == ".." || shown.starts_with("../"))
      return bad(shown, "it lies outside the package");
    auto text = read(path);
    if (!text) return bad(shown, text.error().message);
    found_.files.push_back({shown, std::move(*text)});
    return add_included(path, found_.files.back().text);
  }

  Requirements take() && { return std::move(found_); }
  bool has_requirement() const { return has_requirement_; }

 private:
  // A link could lead out of a package that is a directory: only what stays inside is read.
  Result<fs::path> inside(const fs::path& relative) const {
    std::error_code failed;
    const fs::path real = fs::canonical(root_ / relative, failed);
    if (failed) return make_error(ErrorCode::NotFound, "it does not exist");
    const fs::path within = real.lexically_relative(fs::canonical(root_, failed));
    if (failed || within.empty() || *within.begin() == "..")
      return make_error(ErrorCode::PermissionDenied, "it lies outside the package");
    return real;
  }

  Result<std::string> read(const fs::path& relative) const {
    TRY(const fs::path real, inside(relative));
    std::error_code failed;
    if (fs::file_size(real, failed) > kMaxRequirementsBytes || failed)
      return make_error(ErrorCode::ResourceExhausted,
                        fmt::format("it is no file of at most {} bytes", kMaxRequirementsBytes));
    return read_file(real);
  }

  // `text` is a copy: the vector that holds the original grows meanwhile.
  Checked<void> add_included(const fs::path& file, const std::string text) {
    for (std::size_t start = 0; start < text.size();) {
      const std::size_t end = std::min(text.find('\n', start), text.size());
      CHECKED_TRY_VOID(
          add_line(file.parent_path(), std::string_view(text).substr(start, end - start)));
      start = end + 1;
    }
    return {};
  }

  Checked<void> add_line(const fs::path& folder, std::string_view text) {
    const RequirementKind line = classify_requirement(text);
    const fs::path path = (folder / line.path).lexically_normal();
    has_requirement_ |= line.kind == LineKind::LocalPath || line.kind == LineKind::Requirement;
    found_.has_local_paths |= line.kind == LineKind::LocalPath;
    if (line.kind == LineKind::Include && line.path.find("://") == line.path.npos) return add(path);
    if (line.kind == LineKind::LinkFolder) return add_archives(path);
    std::error_code failed;
    if (line.kind == LineKind::LocalPath && fs::is_regular_file(root_ / path, failed))
      return add_archive(path);
    return {};
  }

  Checked<void> add_archives(const fs::path& folder) {
    const auto real = inside(folder);
    if (!real) return bad(folder.generic_string(), real.error().message);
    std::error_code failed;
    for (const auto& entry : fs::directory_iterator(*real, failed))
      if (is_archive(entry.path().filename().string()))
        CHECKED_TRY_VOID(add_archive((folder / entry.path().filename()).lexically_normal()));
    if (failed) return bad(folder.generic_string(), "it is no folder");
    return {};
  }

  static bool is_archive(const std::string& name) {
    return name.ends_with(".whl") || name.ends_with(".tar.gz") || name.ends_with(".zip");
  }

  Checked<void> add_archive(const fs::path& relative) {
    const std::string shown = relative.generic_string();
    if (std::ranges::any_of(found_.archives,
                            [&](const LocalArchive& other) { return other.path == shown; }))
      return {};
    if (found_.archives.size() >= kMaxLocalArchives)
      return bad(shown, fmt::format("more than {} archives are named", kMaxLocalArchives));
    const auto real = inside(relative);
    if (!real) return bad(shown, real.error().message);
    auto sha256 = sha256_of_file(*real);
    if (!sha256) return bad(shown, sha256.error().message);
    found_.archives.push_back({shown, std::move(*sha256)});
    return {};
  }

  static Checked<void> bad(const std::string& file, std::string reason) {
    return refuse(Cause::DependencyFailed, fmt::format("{} cannot be used", file),
                  {std::move(reason)},
                  "Keep every file that requirements.txt names in the package.");
  }

  fs::path root_;
  Requirements found_;
  bool has_requirement_ = false;
};

// A project file of the package; nothing when there is none.
Checked<std::optional<std::string>> project_file(const fs::path& root, const char* name) {
  std::error_code failed;
  if (!fs::is_regular_file(root / name, failed)) return std::nullopt;
  if (fs::file_size(root / name, failed) > kMaxRequirementsBytes || failed)
    return refuse(Cause::DependencyFailed, fmt::format("{} cannot be used", name),
                  {fmt::format("it has more than {} bytes", kMaxRequirementsBytes)});
  auto text = read_file(root / name);
  if (!text)
    return refuse(Cause::DependencyFailed, fmt::format("{} cannot be used", name), text.error());
  return std::move(*text);
}

// `[project]` decides alone when it is there, as it does for setuptools.
Checked<void> add_declared(const fs::path& root, Requirements& found) {
  CHECKED_TRY(const auto pyproject, project_file(root, "pyproject.toml"));
  CHECKED_TRY(const auto setup_py, project_file(root, "setup.py"));
  CHECKED_TRY(const auto setup_cfg, project_file(root, "setup.cfg"));
  found.has_pyproject = pyproject.has_value();
  found.has_setup_py = setup_py.has_value();
  DeclaredDependencies declared;
  if (pyproject) declared = read_pyproject(*pyproject);
  if (!declared.is_project && setup_py) {
    declared = read_setup_py(*setup_py);
    declared.needs_build |= setup_cfg && setup_cfg->find("install_requires") != std::string::npos;
  }
  found.declared = std::move(declared.requirements);
  found.needs_build = declared.needs_build;
  if (!found.needs_build) return {};
  if (pyproject) found.project_files.push_back({"pyproject.toml", *pyproject});
  if (setup_py) found.project_files.push_back({"setup.py", *setup_py});
  if (setup_cfg) found.project_files.push_back({"setup.cfg", *setup_cfg});
  return {};
}

}  // namespace

Checked<Requirements> find_requirements(const fs::path& package_root) {
  std::error_code failed;
  Collector collector(package_root);
  if (fs::is_regular_file(package_root / "requirements.txt", failed))
    CHECKED_TRY_VOID(collector.add("requirements.txt"));
  const bool has_requirement = collector.has_requirement();
  Requirements found = std::move(collector).take();
  if (!has_requirement) found.files.clear();
  // In the order of their names, whatever the order of the folder: they are part of a key.
  std::ranges::sort(found.archives, {}, &LocalArchive::path);
  CHECKED_TRY_VOID(add_declared(package_root, found));
  return found;
}

}  // namespace pixell::apkg
