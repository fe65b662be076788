#include "par/prepare/interpreter.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "par/prepare/installer_environment.hpp"
#include "par/prepare/interpreter_record.hpp"
#include "par/prepare/limits.hpp"
#include "par/prepare/program.hpp"

namespace pixell::prepare {

namespace fs = std::filesystem;

namespace {

constexpr const char* kWhoAreYou =
    "import json,os,sys,sysconfig;"
    "print(json.dumps({'path':os.path.realpath(sys.executable),"
    "'version':'.'.join(map(str,sys.version_info[:3])),"
    "'major':sys.version_info[0],'minor':sys.version_info[1],"
    "'abi':sysconfig.get_config_var('SOABI') or sys.implementation.cache_tag,"
    "'platform':sysconfig.get_platform()}))";

Result<Interpreter> ask(const std::string& path,
                        const std::map<std::string, std::string>& env) try {
  TRY(const ProgramEnd end, run_program({.argv = {path, "-I", "-c", kWhoAreYou},
                                         .env = common_environment(env),
                                         .timeout = kInterpreterTimeout}));
  if (!end.is_success())
    return make_error(ErrorCode::FailedPrecondition, fmt::format("{} is not a Python", path));
  const auto answer = nlohmann::json::parse(end.output);
  return Interpreter{.path = answer.at("path"),
                     .version = answer.at("version"),
                     .major = answer.at("major"),
                     .minor = answer.at("minor"),
                     .abi = answer.at("abi"),
                     .platform = answer.at("platform")};
} catch (const nlohmann::json::exception&) {
  return make_error(ErrorCode::FailedPrecondition, fmt::format("{} is not a Python", path));
}

// As it said the last time, or asked now: starting it takes longer than all else of a cached boot.
Result<Interpreter> ask_once(const std::string& path, const std::map<std::string, std::string>& env,
                             const fs::path& records) {
  if (auto known = recorded_interpreter(records, path)) return std::move(*known);
  TRY(Interpreter found, ask(path, env));
  record_interpreter(records, path, found);
  return found;
}

// The places where interpreters are looked for, without the last slash.
std::vector<std::string> directories(const std::map<std::string, std::string>& env) {
  std::vector<std::string> found = {"/usr/bin", "/usr/local/bin"};
  if (const auto path = env.find("PATH"); path != env.end()) {
    std::string_view rest(path->second);
    while (!rest.empty()) {
      const std::string_view directory = rest.substr(0, rest.find(':'));
      if (directory.starts_with('/')) found.emplace_back(directory);
      rest.remove_prefix(std::min(rest.size(), directory.size() + 1));
    }
  }
  return found;
}

std::vector<std::string> candidates(const std::string& wanted, const Version& least,
                                    const std::map<std::string, std::string>& env) {
  if (!wanted.empty()) return {wanted};
  if (const auto given = env.find("PAR_PYTHON"); given != env.end() && !given->second.empty())
    return {given->second};
  std::vector<std::string> paths;
  if (least.minor > 0)
    for (const std::string& directory : directories(env))
      paths.push_back(fmt::format("{}/python{}.{}", directory, least.major, least.minor));
  for (const std::string& directory : directories(env)) paths.push_back(directory + "/python3");
  return paths;
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

// The first that is new enough and may be used; the others are told with the reason why not.
std::optional<Interpreter> first_usable(const std::vector<std::string>& paths,
                                        const VersionRange& range, std::int64_t worker_uid,
                                        const std::map<std::string, std::string>& env,
                                        const fs::path& records,
                                        std::vector<std::string>& looked_at) {
  for (const std::string& path : paths) {
    if (::access(path.c_str(), X_OK) != 0) continue;
    auto found = ask_once(path, env, records);
    if (!found) {
      looked_at.push_back(found.error().message);
    } else if (const Version version{.major = found->major, .minor = found->minor};
               version < range.least || range.is_too_new(version)) {
      looked_at.push_back(fmt::format("{} is Python {}", found->path, found->version));
    } else if (worker_uid >= 0 && !is_reachable_by_others(found->path)) {
      looked_at.push_back(
          fmt::format("{} cannot be run by the agent's own user ({})", found->path, worker_uid));
    } else {
      return std::move(*found);
    }
  }
  return std::nullopt;
}

}  // namespace

bool is_readable_by_others(const std::string& directory) {
  struct stat info {};
  return ::stat(directory.c_str(), &info) == 0 && (info.st_mode & S_IROTH) != 0 &&
         is_reachable_by_others(directory);
}

bool is_reachable_by_others(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0 || (info.st_mode & S_IXOTH) == 0) return false;
  std::error_code failed;
  for (fs::path directory = fs::canonical(path, failed).parent_path(); !failed;
       directory = directory.parent_path()) {
    if (::stat(directory.c_str(), &info) != 0 || (info.st_mode & S_IXOTH) == 0) return false;
    if (directory == directory.root_path()) return true;
  }
  return false;
}

apkg::Checked<VersionRange> wanted_python(std::string_view runtime) {
  const std::string name = lower(runtime);
  std::size_t words = 0;  // letters at the beginning: the language
  while (words < name.size() && is_letter(name[words])) ++words;
  if (words > 0 && name.compare(0, words, "python") != 0)
    return apkg::refuse(
        model::Cause::WrongRuntime,
        fmt::format(
            "the package asks for runtime '{}'; this runtime runs Python, Node.js and executables",
            runtime),
        {fmt::format("agent.yaml: runtime: {}", runtime)},
        "Set `runtime: python3.11` (or newer) or `runtime: node20` in agent.yaml; a compiled "
        "program is started with `entrypoint: exec:./path`.");
  return read_version_range(std::string_view(name).substr(words));
}

apkg::Checked<Interpreter> find_interpreter(const std::string& wanted, std::string_view runtime,
                                            std::int64_t worker_uid,
                                            const std::map<std::string, std::string>& env,
                                            const fs::path& records) {
  CHECKED_TRY(const VersionRange range, wanted_python(runtime));
  const Version least = range.least;
  std::vector<std::string> looked_at;
  auto found =
      first_usable(candidates(wanted, least, env), range, worker_uid, env, records, looked_at);
  if (found) {
    const bool is_newer = Version{.major = found->major, .minor = found->minor} > least;
    if (is_newer && least.minor > 0 && !range.is_range)
      found->warning = fmt::format("the package asks for Python {}.{}; Python {} is used",
                                   least.major, least.minor, found->version);
    return std::move(*found);
  }
  // One that is found by several names is told once.
  looked_at.erase(std::ranges::unique(looked_at).begin(), looked_at.end());
  if (looked_at.empty()) looked_at.emplace_back("no python3 was found");
  const std::string described = describe(range, true);
  if (!described.empty()) looked_at.push_back(fmt::format("agent.yaml: runtime: {}", runtime));
  return apkg::refuse(
      model::Cause::WrongRuntime,
      described.empty() ? std::string("no usable Python interpreter was found")
                        : fmt::format("no Python {} was found", described),
      looked_at,
      described.empty()
          ? "Install Debian's python3, or name an interpreter with PAR_PYTHON."
          : "Change `runtime` in agent.yaml, or install that Python and name it with PAR_PYTHON.");
}

}  // namespace pixell::prepare
