#include "par/prepare/installer.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "apkg/digest.hpp"
#include "base/files.hpp"
#include "base/percent.hpp"
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

// "https://user:password@host/…" without what stands before '@'.
std::string without_credentials(std::string line) {
  for (std::size_t at = line.find("://"); at != std::string::npos; at = line.find("://", at + 3)) {
    const std::size_t end = line.find_first_of("/ '\"", at + 3);
    const std::size_t sign = line.find('@', at + 3);
    if (sign != std::string::npos && (end == std::string::npos || sign < end))
      line.replace(at + 3, sign - at - 3, "[REDACTED]");
  }
  return line;
}

bool holds(const std::string& text, std::initializer_list<std::string_view> parts) {
  return std::any_of(parts.begin(), parts.end(),
                     [&](std::string_view part) { return text.find(part) != std::string::npos; });
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

model::Failure installer_failure(const std::string& output) {
  std::vector<std::string> evidence = last_lines(output, kEvidenceLines);
  for (std::string& line : evidence) line = without_credentials(std::move(line));
  model::Cause cause = model::Cause::DependencyFailed;
  std::string message = "the dependencies could not be installed";
  if (holds(output, {"was not found in the package registry", "No matching distribution found",
                     "not found in the provided package locations", "there are no versions of",
                     "there is no version of", "Could not find a version that satisfies"})) {
    cause = model::Cause::DependencyNotFound;
    message = "a dependency does not exist in the index, or not in that version";
  } else if (holds(output, {"ResolutionImpossible", "conflicting dependencies",
                            "No solution found when resolving"})) {
    cause = model::Cause::DependencyConflict;
    message = "the dependencies contradict each other";
  } else if (holds(output, {"timed out", "Timeout"})) {
    cause = model::Cause::DependencyTimeout;
    message = "the index did not answer in time";
  }
  return model::make_failure(cause, std::move(message), std::move(evidence));
}

Installer::Installer(const EnvironmentRequest& request, fs::path scratch)
    : request_(request),
      scratch_(std::move(scratch)),
      uv_(find_uv(request.env)),
      env_(request.env),
      deadline_(system_clock().now() + request.timeout) {
  // Nothing of the user's own configuration or site directories takes part.
  env_["HOME"] = scratch_.string();
  env_["PYTHONNOUSERSITE"] = "1";
  env_["UV_NO_CONFIG"] = "1";
  env_["UV_PYTHON_DOWNLOADS"] = "never";
  env_["PIP_DISABLE_PIP_VERSION_CHECK"] = "1";
  env_["PIP_NO_INPUT"] = "1";
}

fs::path Installer::write(const char* name, const std::string& text) {
  const fs::path path = scratch_ / name;
  if (const auto written = write_file_atomically(path, text); !written) return {};
  return path;
}

std::vector<std::string> Installer::source_options() const {
  std::vector<std::string> options;
  if (request_.is_offline) options.emplace_back("--no-index");
  if (!request_.index_url.empty() && !request_.is_offline)
    options.insert(options.end(), {"--index-url", request_.index_url});
  std::error_code failed;
  if (!request_.wheelhouse.empty() && fs::is_directory(request_.wheelhouse, failed))
    options.insert(options.end(), {"--find-links", request_.wheelhouse.string()});
  return options;
}

apkg::Checked<std::string> Installer::run(std::vector<std::string> argv, const char* doing) {
  for (std::string& option : source_options()) argv.push_back(std::move(option));
  const auto left = std::chrono::ceil<Millis>(deadline_ - system_clock().now());
  const auto end = run_program({.argv = std::move(argv),
                                .env = env_,
                                .directory = request_.package_root.string(),
                                .timeout = std::max(left, Millis(1))});
  if (!end && end.error().code == ErrorCode::DeadlineExceeded)
    return apkg::refuse(model::Cause::DependencyTimeout,
                        fmt::format("{} the dependencies took longer than {} s", doing,
                                    request_.timeout.count() / 1000),
                        last_lines(end.error().detail, kEvidenceLines));
  if (!end) return apkg::refuse(model::Cause::DependencyFailed, "no installer runs", end.error());
  if (end->status.code != 0 || end->status.signal != 0)
    return std::unexpected(installer_failure(end->output));
  return end->output;
}

apkg::Checked<std::string> Installer::resolve_with(bool use_base_pins) {
  const fs::path names = write("base.in", request_.base_names);
  const fs::path pins = write("base.pins", request_.base_lock);
  std::vector<std::string> inputs;
  for (const apkg::RequirementsFile& file : request_.requirements.files)
    if (inputs.empty()) inputs.push_back((request_.package_root / file.path).string());
  if (!uv_.empty()) {
    const fs::path lock = scratch_ / "resolved.lock";
    std::vector<std::string> argv{uv_,
                                  "pip",
                                  "compile",
                                  "--quiet",
                                  "--generate-hashes",
                                  "--no-header",
                                  "--no-annotate",
                                  "--python",
                                  request_.interpreter.path,
                                  "--output-file",
                                  lock.string()};
    argv.insert(argv.end(), inputs.begin(), inputs.end());
    argv.push_back(names.string());
    if (use_base_pins) argv.insert(argv.end(), {"--constraint", pins.string()});
    CHECKED_TRY(const std::string ignored, run(std::move(argv), "resolving"));
    const auto text = read_file(lock);
    if (!text)
      return apkg::refuse(model::Cause::DependencyFailed, "uv wrote no lock", text.error());
    return *text;
  }
  const fs::path report = scratch_ / "report.json";
  std::vector<std::string> argv{
      request_.interpreter.path, "-m",       "pip",          "install", "--quiet", "--dry-run",
      "--ignore-installed",      "--report", report.string()};
  for (const std::string& input : inputs) argv.insert(argv.end(), {"-r", input});
  argv.insert(argv.end(), {"-r", names.string()});
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
  auto lock = resolve_with(true);
  if (lock || lock.error().cause == model::Cause::DependencyTimeout) return lock;
  return resolve_with(false);
}

apkg::Checked<void> Installer::install(const std::string& lock, const fs::path& target) {
  const fs::path file = write("install.lock", lock);
  std::vector<std::string> argv;
  if (!uv_.empty())
    argv = {uv_,
            "pip",
            "install",
            "--quiet",
            "--require-hashes",
            "--no-deps",
            "--python",
            request_.interpreter.path,
            "--target",
            target.string(),
            "-r",
            file.string()};
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
                   .timeout = kCompileTimeout});
  if (!compiled)
    return apkg::refuse(model::Cause::DependencyTimeout, "byte-compiling took too long",
                        compiled.error());
  return {};
}

}  // namespace pixell::prepare
