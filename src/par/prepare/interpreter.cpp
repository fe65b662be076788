#include "par/prepare/interpreter.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <nlohmann/json.hpp>

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

Result<Interpreter> ask(const std::string& path, const std::map<std::string, std::string>& env) {
  TRY(const ProgramEnd end,
      run_program(
          {.argv = {path, "-I", "-c", kWhoAreYou}, .env = env, .timeout = kInterpreterTimeout}));
  const auto answer = nlohmann::json::parse(end.output, nullptr, false);
  if (end.status.code != 0 || end.status.signal != 0 || !answer.is_object())
    return make_error(ErrorCode::FailedPrecondition, fmt::format("{} is not a Python", path));
  return Interpreter{.path = answer.at("path"),
                     .version = answer.at("version"),
                     .major = answer.at("major"),
                     .minor = answer.at("minor"),
                     .abi = answer.at("abi"),
                     .platform = answer.at("platform")};
}

std::vector<std::string> candidates(const std::string& wanted,
                                    const std::map<std::string, std::string>& env) {
  if (!wanted.empty()) return {wanted};
  std::vector<std::string> paths;
  if (const auto given = env.find("PAR_PYTHON"); given != env.end() && !given->second.empty())
    return {given->second};
  paths.insert(paths.end(), {"/usr/bin/python3", "/usr/local/bin/python3"});
  if (const auto path = env.find("PATH"); path != env.end()) {
    std::string_view rest(path->second);
    while (!rest.empty()) {
      const std::string_view directory = rest.substr(0, rest.find(':'));
      if (directory.starts_with('/')) paths.push_back(std::string(directory) + "/python3");
      rest.remove_prefix(std::min(rest.size(), directory.size() + 1));
    }
  }
  return paths;
}

}  // namespace

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

apkg::Checked<PythonVersion> wanted_python(std::string_view runtime) {
  if (runtime.empty()) return PythonVersion{};
  if (!runtime.starts_with("python"))
    return apkg::refuse(
        model::Cause::WrongRuntime,
        fmt::format("the package asks for runtime '{}'; this runtime runs Python", runtime),
        {fmt::format("agent.yaml: runtime: {}", runtime)},
        "Set `runtime: python3.11` (or newer) in agent.yaml.");
  const std::size_t digit = runtime.find_first_of("0123456789");
  PythonVersion version;
  if (digit == std::string_view::npos) return version;
  const char* const end = runtime.data() + runtime.size();
  const auto major = std::from_chars(runtime.data() + digit, end, version.major);
  if (major.ptr != end && *major.ptr == '.') std::from_chars(major.ptr + 1, end, version.minor);
  return version;
}

apkg::Checked<Interpreter> find_interpreter(const std::string& wanted, std::string_view runtime,
                                            std::int64_t worker_uid,
                                            const std::map<std::string, std::string>& env) {
  CHECKED_TRY(const PythonVersion least, wanted_python(runtime));
  std::vector<std::string> looked_at;
  for (const std::string& path : candidates(wanted, env)) {
    if (::access(path.c_str(), X_OK) != 0) continue;
    const auto found = ask(path, env);
    if (!found) {
      looked_at.push_back(found.error().message);
    } else if (std::pair(found->major, found->minor) < std::pair(least.major, least.minor)) {
      looked_at.push_back(fmt::format("{} is Python {}", found->path, found->version));
    } else if (worker_uid >= 0 && !is_reachable_by_others(found->path)) {
      looked_at.push_back(
          fmt::format("{} cannot be run by the agent's own user ({})", found->path, worker_uid));
    } else {
      return *found;
    }
  }
  if (looked_at.empty()) looked_at.emplace_back("no python3 was found");
  return apkg::refuse(
      model::Cause::WrongRuntime,
      least.major == 0
          ? std::string("no usable Python interpreter was found")
          : fmt::format("no Python {}.{} or newer was found", least.major, least.minor),
      looked_at, "Install Debian's python3, or name an interpreter with PAR_PYTHON.");
}

}  // namespace pixell::prepare
