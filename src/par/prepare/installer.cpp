#include "par/prepare/installer.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "apkg/requirements_check.hpp"
#include "base/files.hpp"
#include "par/prepare/declared_hashes.hpp"
#include "par/prepare/installed_tree.hpp"
#include "par/prepare/installer_environment.hpp"
#include "par/prepare/installer_failure.hpp"
#include "par/prepare/limits.hpp"
#include "par/prepare/pip_report.hpp"
#include "par/prepare/program.hpp"

namespace pixell::prepare {

namespace fs = std::filesystem;
using model::Cause;

namespace {

// The installer's user must be able to run it.
bool is_usable(const std::string& path, bool has_user) {
  return ::access(path.c_str(), X_OK) == 0 && (!has_user || is_reachable_by_others(path));
}

std::string find_uv(const std::map<std::string, std::string>& env, bool has_user) {
  if (const auto given = env.find("PIXELL_UV"); given != env.end())
    return has_user && !is_usable(given->second, true) ? std::string() : given->second;
  const auto path = env.find("PATH");
  std::string_view rest = path == env.end() ? std::string_view() : path->second;
  while (!rest.empty()) {
    const std::string_view directory = rest.substr(0, rest.find(':'));
    const std::string candidate = std::string(directory) + "/uv";
    if (directory.starts_with('/') && is_usable(candidate, has_user)) return candidate;
    rest.remove_prefix(std::min(rest.size(), directory.size() + 1));
  }
  return {};
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

Installer::Installer(const EnvironmentRequest& request, const fs::path& building)
    : request_(request),
      user_(installer_user(request.worker_uid)),
      input_(building / "input"),
      scratch_(building / "scratch"),
      project_(building / "project"),
      uv_(find_uv(request.env, user_.has_value())),
      // What one user leaves in a cache, another would install.
      env_(installer_environment(request, scratch_, !user_)) {}

apkg::Checked<void> Installer::open() {
  auto made = make_directories(input_, 0700);
  if (made) made = make_directories(scratch_, 0700);
  if (made && user_ &&
      (::lchown(input_.c_str(), 0, *user_) != 0 || ::chmod(input_.c_str(), 0750) != 0 ||
       ::lchown(scratch_.c_str(), *user_, *user_) != 0))
    made = errno_error("cannot give a place to the installer's user", errno);
  if (!made) return apkg::refuse(Cause::Internal, "no place to install to", made.error());
  std::error_code failed;
  has_wheelhouse_ = !request_.wheelhouse.empty() && fs::is_directory(request_.wheelhouse, failed);
  if (has_wheelhouse_ && user_ && !is_readable_by_others(request_.wheelhouse.string()))
    return apkg::refuse(
        Cause::DependencyFailed,
        fmt::format("the user that installs ({}) cannot read WHEELHOUSE_DIR", *user_),
        {request_.wheelhouse.string()}, "Make the directory and its parents readable for others.");
  return {};
}

apkg::Checked<fs::path> Installer::write(const char* name, const std::string& text) {
  fs::path path = input_ / name;
  if (const auto done = write_file_atomically(path, text, 0644, Durability::ProcessCrash); !done)
    return apkg::refuse(Cause::Internal, "no place to write the requirements", done.error());
  return path;
}

std::vector<std::string> Installer::source_options() const {
  std::vector<std::string> options;
  if (request_.is_offline) options.emplace_back("--no-index");
  if (has_wheelhouse_)
    options.insert(options.end(), {"--find-links", fs::absolute(request_.wheelhouse).string()});
  return options;
}

apkg::Checked<void> Installer::run(std::vector<std::string> argv, const char* doing) {
  for (std::string& option : source_options()) argv.push_back(std::move(option));
  const auto end = run_program({.argv = std::move(argv),
                                .env = env_,
                                .directory = scratch_.string(),
                                .timeout = request_.deadline.left(),
                                .user = user_});
  if (!end && end.error().code == ErrorCode::DeadlineExceeded) {
    auto evidence = installer_evidence(end.error().detail);
    evidence.push_back("index: " + (request_.index_url.empty()
                                        ? std::string("the installer's own")
                                        : without_credentials(request_.index_url)));
    return apkg::refuse(Cause::DependencyTimeout,
                        fmt::format("{} the dependencies took longer than {} s", doing,
                                    request_.deadline.given().count() / 1000),
                        std::move(evidence));
  }
  if (!end) return apkg::refuse(Cause::DependencyFailed, "no installer runs", end.error());
  if (end->is_out_of_memory)
    return apkg::refuse(Cause::OutOfMemory,
                        fmt::format("{} the dependencies took more memory than there is", doing),
                        installer_evidence(end->output));
  if (!end->is_success()) return std::unexpected(installer_failure(end->output));
  return {};
}

apkg::Checked<InstallerInput> Installer::written_input() {
  CHECKED_TRY(InstallerInput input,
              write_requirements(request_.requirements, request_.package_root, input_));
  CHECKED_TRY(fs::path names, write("base.in", request_.base_names));
  input.files.push_back(std::move(names));
  if (!request_.requirements.needs_build) return input;
  auto copied = copy_project(request_.package_root, project_);
  if (copied && user_) copied = give_tree(project_, *user_);
  if (!copied)
    return apkg::refuse(Cause::DependencyFailed,
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
  if (request_.requirements.needs_build) {
    std::error_code failed;
    const bool is_new = fs::exists(project_ / "pyproject.toml", failed) &&
                        !fs::exists(project_ / "setup.py", failed);
    argv.push_back((project_ / (is_new ? "pyproject.toml" : "setup.py")).string());
  }
  if (use_base_pins) {
    CHECKED_TRY(const fs::path pins, write("base.pins", request_.base_lock));
    argv.insert(argv.end(), {"--constraint", pins.string()});
  }
  CHECKED_TRY_VOID(run(std::move(argv), "resolving"));
  const auto text = read_foreign_file(lock, kMaxOutputBytes);
  if (!text) return apkg::refuse(Cause::DependencyFailed, "uv wrote no lock", text.error());
  return *text;
}

apkg::Checked<std::string> Installer::resolve_with_pip(const InstallerInput& input,
                                                       bool use_base_pins) {
  const fs::path report = scratch_ / "report.json";
  std::vector<std::string> argv = pip_install();
  argv.insert(argv.end(), {"--dry-run", "--ignore-installed", "--report", report.string()});
  for (const fs::path& file : input.files) argv.insert(argv.end(), {"-r", file.string()});
  if (request_.requirements.needs_build) argv.push_back(project_.string());
  if (use_base_pins) {
    // pip takes no hashes in constraints.
    std::string plain;
    for (const std::string& line : lock_lines(request_.base_lock))
      plain += line.substr(0, line.find(" --hash")) + "\n";
    CHECKED_TRY(const fs::path pins, write("base.constraints", plain));
    argv.insert(argv.end(), {"-c", pins.string()});
  }
  CHECKED_TRY_VOID(run(std::move(argv), "resolving"));
  const auto text = read_foreign_file(report, kMaxReportBytes);
  if (!text) return apkg::refuse(Cause::DependencyFailed, "pip wrote no report", text.error());
  return lock_of_report(*text, {input_, request_.wheelhouse});
}

apkg::Checked<std::string> Installer::resolve() {
  CHECKED_TRY(const InstallerInput input, written_input());
  const auto resolve_with = [&](bool use_base_pins) {
    return uv_.empty() ? resolve_with_pip(input, use_base_pins)
                       : resolve_with_uv(input, use_base_pins);
  };
  auto lock = resolve_with(true);
  // Only what the pins may have caused is tried without them.
  if (!lock && (lock.error().cause == Cause::DependencyConflict ||
                lock.error().cause == Cause::DependencyNotFound))
    lock = resolve_with(false);
  if (lock) return with_declared_hashes(*lock, request_.requirements);
  if (lock.error().cause != Cause::DependencyFailed) return lock;
  return std::unexpected(told_by_line(std::move(lock).error(), request_.requirements));
}

std::vector<std::string> Installer::pip_install() const {
  // Isolated: a pip.py where it runs is no pip.
  return {request_.interpreter.path, "-I", "-m", "pip", "install", "--quiet"};
}

apkg::Checked<void> Installer::install(const std::string& lock, const fs::path& target) {
  CHECKED_TRY(const InstallerInput input,
              write_requirements(request_.requirements, request_.package_root, input_));
  std::string text;
  // A lock names packages, not where they come from.
  for (const std::string& line : input.source_lines) text += line + "\n";
  CHECKED_TRY(const fs::path file, write("install.lock", text + lock));
  const std::vector<std::string> lines = lock_lines(lock);
  // A commit of a repository has no hash; its name is one.
  const bool is_hashed = std::ranges::all_of(lines, has_hash);
  const fs::path made = scratch_ / "site-packages";
  std::vector<std::string> argv;
  if (!uv_.empty()) {
    argv = {uv_, "pip", "install", "--quiet", "--python", request_.interpreter.path};
    argv.emplace_back(is_hashed ? "--require-hashes" : "--verify-hashes");
  } else {
    argv = pip_install();
    argv.insert(argv.end(), {"--no-compile", "--require-hashes"});
  }
  argv.insert(argv.end(), {"--no-deps", "--target", made.string(), "-r", file.string()});
  CHECKED_TRY_VOID(run(std::move(argv), "installing"));
  CHECKED_TRY_VOID(compile(made));
  if (const auto published = publish_tree(made, target); !published)
    return apkg::refuse(Cause::DependencyFailed, "what was installed cannot be shared",
                        published.error());
  return {};
}

// Compiled once for all readers; unchecked hashes make the files independent of times, and names
// below the directory (Python puts the real ones in when it loads them) of where that was made.
// Packages may ship files that do not compile (templates): that is not a failure.
apkg::Checked<void> Installer::compile(const fs::path& directory) {
  const auto compiled =
      run_program({.argv = {request_.interpreter.path, "-I", "-m", "compileall", "-q", "-q", "-j",
                            "0", "--invalidation-mode", "unchecked-hash", "-s", directory.string(),
                            directory.string()},
                   .env = env_,
                   .directory = scratch_.string(),
                   .timeout = request_.deadline.left(),
                   .user = user_});
  if (!compiled)
    return apkg::refuse(Cause::DependencyTimeout, "byte-compiling took too long", compiled.error());
  if (compiled->is_out_of_memory)
    return apkg::refuse(Cause::OutOfMemory, "byte-compiling took more memory than there is");
  return {};
}

}  // namespace pixell::prepare
