#include "par/prepare/installer.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "apkg/digest.hpp"
#include "apkg/requirements_check.hpp"
#include "base/files.hpp"
#include "base/percent.hpp"
#include "par/prepare/declared_hashes.hpp"
#include "par/prepare/installer_failure.hpp"
#include "par/prepare/limits.hpp"
#include "par/prepare/program.hpp"

namespace pixell::prepare {

namespace fs = std::filesystem;

namespace {

std::string find_uv(const std::map<std::string, std::string>& env) {
  if (const auto given = env.find("PIXELL_UV"); given != env.end()) return given->second;
  const auto path = env.find("PATH");
  std::string_view rest = path == env.end() ? std::string_view() : path->second;
  while (!rest.empty()) {
    const std::string_view directory = rest.substr(0, rest.find(':'));
    const std::string candidate = std::string(directory) + "/uv";
    if (directory.starts_with('/') && ::access(candidate.c_str(), X_OK) == 0) return candidate;
    rest.remove_prefix(std::min(rest.size(), directory.size() + 1));
  }
  return {};
}

// The digest of what pip took from the wheelhouse, for which its report gives none; empty when it
// is no file.
std::string digest_of_local(std::string_view url) {
  constexpr std::string_view kScheme = "file://";
  if (!url.starts_with(kScheme)) return {};
  const auto path = percent_decode(url.substr(kScheme.size()));
  const auto digest = apkg::sha256_of_file(path.value_or(""));
  return digest ? *digest : std::string();
}

// pip's resolution report as a lock (https://pip.pypa.io/en/stable/reference/installation-report/).
apkg::Checked<std::string> lock_of_report(const std::string& text) {
  const auto report = nlohmann::json::parse(text, nullptr, false);
  if (!report.is_object() || !report.contains("install"))
    return apkg::refuse(model::Cause::DependencyFailed, "pip wrote no resolution report");
  std::string lock;
  for (const auto& item : report["install"]) {
    const auto& archive = item["download_info"].value("archive_info", nlohmann::json::object());
    const auto& hashes = archive.value("hashes", nlohmann::json::object());
    const std::string name = item["metadata"]["name"];
    // The package itself, which is asked what it requires.
    if (item["download_info"].contains("dir_info")) continue;
    const std::string sha256 = hashes.contains("sha256")
                                   ? hashes["sha256"].get<std::string>()
                                   : digest_of_local(item["download_info"].value("url", ""));
    if (sha256.empty())
      return apkg::refuse(model::Cause::DependencyFailed,
                          fmt::format("the requirement {} has no archive to lock by hash", name));
    lock += fmt::format("{}=={} --hash=sha256:{}\n", name,
                        item["metadata"]["version"].get<std::string>(), sha256);
  }
  return lock;
}

// User name and password of an index would be seen by everyone in the list of processes: they go
// by environment. Both installers read their own variable.
void set_index(const EnvironmentRequest& request, std::map<std::string, std::string>& env) {
  if (request.is_offline) {
    for (const char* name : {"PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV_DEFAULT_INDEX",
                             "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL"})
      env.erase(name);
  } else if (!request.index_url.empty()) {
    env.erase("UV_INDEX_URL");
    env["UV_DEFAULT_INDEX"] = request.index_url;
    env["PIP_INDEX_URL"] = request.index_url;
  }
}

bool has_hash(const std::string& line) { return line.contains(" --hash="); }

}  // namespace

std::vector<std::string> lock_lines(const std::string& lock) {
  std::vector<std::string> lines;
  std::string current;
  for (std::size_t start = 0; start < lock.size();) {
    const std::size_t end = std::min(lock.find('\n', start), lock.size());
    std::string_view line = std::string_view(lock).substr(start, end - start);
    start = end + 1;
    const std::size_t first = line.find_first_not_of(' ');
    if (first == std::string_view::npos || line[first] == '#') continue;
    line.remove_prefix(first);
    const bool goes_on = line.ends_with('\\');
    if (goes_on) line.remove_suffix(1);
    while (line.ends_with(' ')) line.remove_suffix(1);
    if (!current.empty()) current += ' ';
    current += line;
    if (goes_on) continue;
    lines.push_back(std::exchange(current, {}));
  }
  if (!current.empty()) lines.push_back(current);
  return lines;
}

namespace {

// The installer knows its own copy of the requirements only; their author knows files and lines.
model::Failure told_by_line(model::Failure failure, const apkg::Requirements& requirements) {
  std::vector<std::string> projects;
  auto unreadable = apkg::check_requirements(requirements, projects);
  if (unreadable.empty()) return failure;
  model::Failure told = std::move(unreadable.front().failure);
  for (const apkg::UnreadableRequirement& one : unreadable) told.evidence.push_back(one.where);
  told.evidence.insert(told.evidence.end(), failure.evidence.begin(), failure.evidence.end());
  return told;
}

}  // namespace

Installer::Installer(const EnvironmentRequest& request, fs::path scratch)
    : request_(request),
      scratch_(std::move(scratch)),
      uv_(find_uv(request.env)),
      env_(request.env) {
  // Nothing of the user's own configuration or site directories takes part.
  env_["HOME"] = scratch_.string();
  env_.erase("XDG_CACHE_HOME");
  env_.erase("XDG_CONFIG_HOME");
  env_.erase("PYTHONPATH");
  env_.erase("PYTHONHOME");
  env_.erase("VIRTUAL_ENV");
  env_["PYTHONNOUSERSITE"] = "1";
  env_["UV_NO_CONFIG"] = "1";
  // From a cache of the operator's files are copied: a link would share what happens to them.
  env_["UV_LINK_MODE"] = env_.contains("UV_CACHE_DIR") ? "copy" : "hardlink";
  env_.try_emplace("UV_CACHE_DIR", (scratch_ / "cache").string());
  env_["UV_PYTHON_DOWNLOADS"] = "never";
  env_.try_emplace("PIP_CACHE_DIR", (scratch_ / "cache").string());
  env_["PIP_DISABLE_PIP_VERSION_CHECK"] = "1";
  env_["PIP_NO_INPUT"] = "1";
  env_["PIP_ROOT_USER_ACTION"] = "ignore";
  env_["TMPDIR"] = scratch_.string();
  set_index(request_, env_);
}

fs::path Installer::write(const char* name, const std::string& text) {
  const fs::path path = scratch_ / name;
  if (const auto written = write_file_atomically(path, text); !written) return {};
  return path;
}

std::vector<std::string> Installer::source_options() const {
  std::vector<std::string> options;
  if (request_.is_offline) options.emplace_back("--no-index");
  std::error_code failed;
  if (!request_.wheelhouse.empty() && fs::is_directory(request_.wheelhouse, failed))
    options.insert(options.end(), {"--find-links", request_.wheelhouse.string()});
  return options;
}

apkg::Checked<std::string> Installer::run(std::vector<std::string> argv, const char* doing) {
  for (std::string& option : source_options()) argv.push_back(std::move(option));
  const auto end = run_program({.argv = std::move(argv),
                                .env = env_,
                                .directory = request_.package_root.string(),
                                .timeout = request_.deadline.left()});
  if (!end && end.error().code == ErrorCode::DeadlineExceeded) {
    auto evidence = installer_evidence(end.error().detail);
    evidence.push_back("index: " + (request_.index_url.empty()
                                        ? std::string("the installer's own")
                                        : without_credentials(request_.index_url)));
    return apkg::refuse(model::Cause::DependencyTimeout,
                        fmt::format("{} the dependencies took longer than {} s", doing,
                                    request_.deadline.given().count() / 1000),
                        std::move(evidence));
  }
  if (!end) return apkg::refuse(model::Cause::DependencyFailed, "no installer runs", end.error());
  if (end->status.code != 0 || end->status.signal != 0)
    return std::unexpected(installer_failure(end->output));
  return end->output;
}

apkg::Checked<InstallerInput> Installer::written_input() {
  CHECKED_TRY(InstallerInput input,
              write_requirements(request_.requirements, request_.package_root, scratch_));
  input.files.push_back(write("base.in", request_.base_names));
  if (!request_.requirements.needs_build) return input;
  project_ = scratch_ / "project";
  if (const auto copied = copy_project(request_.package_root, project_); !copied)
    return apkg::refuse(model::Cause::DependencyFailed,
                        "the package cannot be built to find out what it requires", copied.error());
  return input;
}

apkg::Checked<std::string> Installer::resolve_with_uv(const InstallerInput& input,
                                                      bool use_base_pins) {
  const fs::path lock = scratch_ / "resolved.lock";
  std::vector<std::string> argv{uv_,
                                "pip",
                                "compile",
                                "--quiet",
                                "--no-header",
                                "--no-annotate",
                                "--python",
                                request_.interpreter.path,
                                "--generate-hashes",
                                "--output-file",
                                lock.string()};
  for (const fs::path& file : input.files) argv.push_back(file.string());
  if (!project_.empty()) {
    std::error_code failed;
    const bool is_new = fs::exists(project_ / "pyproject.toml", failed) &&
                        !fs::exists(project_ / "setup.py", failed);
    argv.push_back((project_ / (is_new ? "pyproject.toml" : "setup.py")).string());
  }
  if (use_base_pins)
    argv.insert(argv.end(), {"--constraint", write("base.pins", request_.base_lock).string()});
  CHECKED_TRY(const std::string ignored, run(std::move(argv), "resolving"));
  const auto text = read_file(lock);
  if (!text) return apkg::refuse(model::Cause::DependencyFailed, "uv wrote no lock", text.error());
  return *text;
}

apkg::Checked<std::string> Installer::resolve_with_pip(const InstallerInput& input,
                                                       bool use_base_pins) {
  const fs::path report = scratch_ / "report.json";
  std::vector<std::string> argv{
      request_.interpreter.path, "-m",       "pip",          "install", "--quiet", "--dry-run",
      "--ignore-installed",      "--report", report.string()};
  for (const fs::path& file : input.files) argv.insert(argv.end(), {"-r", file.string()});
  if (!project_.empty()) argv.push_back(project_.string());
  if (use_base_pins) {
    // pip takes no hashes in constraints.
    std::string plain;
    for (const std::string& line : lock_lines(request_.base_lock))
      plain += line.substr(0, line.find(" --hash")) + "\n";
    argv.insert(argv.end(), {"-c", write("base.constraints", plain).string()});
  }
  CHECKED_TRY(const std::string ignored, run(std::move(argv), "resolving"));
  const auto text = read_file(report);
  if (!text)
    return apkg::refuse(model::Cause::DependencyFailed, "pip wrote no report", text.error());
  return lock_of_report(*text);
}

apkg::Checked<std::string> Installer::resolve() {
  CHECKED_TRY(const InstallerInput input, written_input());
  const auto resolve_with = [&](bool use_base_pins) {
    return uv_.empty() ? resolve_with_pip(input, use_base_pins)
                       : resolve_with_uv(input, use_base_pins);
  };
  auto lock = resolve_with(true);
  if (!lock && lock.error().cause != model::Cause::DependencyTimeout) lock = resolve_with(false);
  if (lock) return with_declared_hashes(*lock, request_.requirements);
  if (lock.error().cause != model::Cause::DependencyFailed) return lock;
  return std::unexpected(told_by_line(std::move(lock).error(), request_.requirements));
}

apkg::Checked<void> Installer::install(const std::string& lock, const fs::path& target) {
  CHECKED_TRY(const InstallerInput input,
              write_requirements(request_.requirements, request_.package_root, scratch_));
  std::string text;
  // A lock names packages, not where they come from.
  for (const std::string& line : input.source_lines) text += line + "\n";
  const fs::path file = write("install.lock", text + lock);
  const std::vector<std::string> lines = lock_lines(lock);
  // A commit of a repository has no hash; its name is one.
  const bool is_hashed = std::ranges::all_of(lines, has_hash);
  std::vector<std::string> argv;
  if (!uv_.empty())
    argv = {uv_,         "pip",
            "install",   "--quiet",
            "--no-deps", is_hashed ? "--require-hashes" : "--verify-hashes",
            "--python",  request_.interpreter.path,
            "--target",  target.string(),
            "-r",        file.string()};
  else
    argv = {request_.interpreter.path,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-compile",
            "--require-hashes",
            "--no-deps",
            "--target",
            target.string(),
            "-r",
            file.string()};
  CHECKED_TRY(const std::string ignored, run(std::move(argv), "installing"));
  // Compiled once for all readers; unchecked hashes make the files independent of times. Packages
  // may ship files that do not compile (templates): that is not a failure.
  const auto compiled =
      run_program({.argv = {request_.interpreter.path, "-I", "-m", "compileall", "-q", "-q", "-j",
                            "0", "--invalidation-mode", "unchecked-hash", target.string()},
                   .env = env_,
                   .timeout = request_.deadline.left()});
  if (!compiled)
    return apkg::refuse(model::Cause::DependencyTimeout, "byte-compiling took too long",
                        compiled.error());
  return {};
}

}  // namespace pixell::prepare
