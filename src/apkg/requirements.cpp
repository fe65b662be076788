#include "apkg/requirements.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "apkg/declared_dependencies.hpp"
#include "apkg/limits.hpp"
#include "base/files.hpp"

namespace pixell::apkg {

namespace fs = std::filesystem;
using model::Cause;

namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\v\f";
  const std::size_t start = text.find_first_not_of(kBlanks);
  if (start == text.npos) return {};
  return text.substr(start, text.find_last_not_of(kBlanks) - start + 1);
}

// A line without its comment; pip ends a requirement at a '#' after a blank.
std::string_view without_comment(std::string_view line) {
  line = trimmed(line);
  if (line.starts_with('#')) return {};
  for (std::size_t at = line.find('#'); at != line.npos; at = line.find('#', at + 1))
    if (line[at - 1] == ' ' || line[at - 1] == '\t') return trimmed(line.substr(0, at));
  return line;
}

// "-r base.txt", "--requirement=base.txt", "-cbase.txt": the file, for options that include one.
std::optional<std::string_view> included_file(std::string_view line) {
  for (const std::string_view option : {"--requirement", "--constraint", "-r", "-c"}) {
    if (!line.starts_with(option)) continue;
    std::string_view rest = trimmed(line.substr(option.size()));
    if (rest.starts_with('=')) rest = trimmed(rest.substr(1));
    return rest;
  }
  return std::nullopt;
}

bool is_local_path(std::string_view line) {
  for (const std::string_view option : {"--editable", "-e"})
    if (line.starts_with(option)) {
      line = trimmed(line.substr(option.size()));
      if (line.starts_with('=')) line = trimmed(line.substr(1));
      return line.find("://") == line.npos || line.starts_with("file:");
    }
  if (line.starts_with('-')) return false;
  if (const std::size_t at = line.find(" @ "); at != line.npos) line = trimmed(line.substr(at + 3));
  return line.starts_with('.') || line.starts_with('/') || line.starts_with("file:");
}

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
  Result<std::string> read(const fs::path& relative) const {
    std::error_code failed;
    const fs::path real = fs::canonical(root_ / relative, failed);
    if (failed) return make_error(ErrorCode::NotFound, "it does not exist");
    const fs::path inside = real.lexically_relative(fs::canonical(root_, failed));
    if (failed || inside.empty() || *inside.begin() == "..")
      return make_error(ErrorCode::PermissionDenied, "it lies outside the package");
    if (fs::file_size(real, failed) > kMaxRequirementsBytes || failed)
      return make_error(ErrorCode::ResourceExhausted,
                        fmt::format("it is no file of at most {} bytes", kMaxRequirementsBytes));
    return read_file(real);
  }

  // `text` is a copy: the vector that holds the original grows meanwhile.
  Checked<void> add_included(const fs::path& file, const std::string text) {
    for (std::size_t start = 0; start < text.size();) {
      const std::size_t end = std::min(text.find('\n', start), text.size());
      const std::string_view line =
          without_comment(std::string_view(text).substr(start, end - start));
      start = end + 1;
      if (line.empty()) continue;
      if (const auto included = included_file(line)) {
        if (included->find("://") == included->npos)
          CHECKED_TRY_VOID(add(file.parent_path() / *included));
        continue;
      }
      if (is_local_path(line)) found_.has_local_paths = true;
      if (!line.starts_with('-') || line.starts_with("-e") || line.starts_with("--editable"))
        has_requirement_ = true;
    }
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
  CHECKED_TRY_VOID(add_declared(package_root, found));
  return found;
}

}  // namespace pixell::apkg
