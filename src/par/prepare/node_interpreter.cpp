#include "par/prepare/node_interpreter.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "par/prepare/interpreter.hpp"
#include "par/prepare/limits.hpp"
#include "par/prepare/program.hpp"

namespace pixell::prepare {

namespace {

using Environment = std::map<std::string, std::string>;

constexpr const char* kWhoAreYou =
    "console.log(JSON.stringify({path:require('fs').realpathSync(process.execPath),"
    "version:process.versions.node,abi:process.versions.modules,"
    "platform:process.platform+'-'+process.arch}))";

constexpr std::array kPassedOn = {
    std::string_view("PATH"),        std::string_view("LANG"),
    std::string_view("HTTP_PROXY"),  std::string_view("HTTPS_PROXY"),
    std::string_view("NO_PROXY"),    std::string_view("http_proxy"),
    std::string_view("https_proxy"), std::string_view("no_proxy"),
    std::string_view("NPM_TOKEN"),   std::string_view("NODE_AUTH_TOKEN")};

int leading_number(std::string_view text) {
  int number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

Result<NodeInterpreter> ask(const std::string& path, const Environment& env) {
  TRY(const ProgramEnd end, run_program({.argv = {path, "-e", kWhoAreYou},
                                         .env = node_environment(env, path),
                                         .timeout = kInterpreterTimeout}));
  const auto answer = nlohmann::json::parse(end.output, nullptr, false);
  if (end.status.code != 0 || end.status.signal != 0 || !answer.is_object())
    return make_error(ErrorCode::FailedPrecondition, fmt::format("{} is not a Node.js", path));
  NodeInterpreter node{.path = answer.value("path", path),
                       .version = answer.value("version", ""),
                       .platform = answer.value("platform", ""),
                       .abi = answer.value("abi", "")};
  node.major = leading_number(node.version);
  return node;
}

std::vector<std::string> candidates(const Environment& env) {
  if (const auto given = env.find("PAR_NODE"); given != env.end() && !given->second.empty())
    return {given->second};
  std::vector<std::string> paths = {"/usr/bin/node", "/usr/local/bin/node"};
  const auto path = env.find("PATH");
  std::string_view rest = path == env.end() ? std::string_view() : path->second;
  while (!rest.empty()) {
    const std::string_view directory = rest.substr(0, rest.find(':'));
    std::string candidate = std::string(directory) + "/node";
    if (directory.starts_with('/') && std::ranges::find(paths, candidate) == paths.end())
      paths.push_back(std::move(candidate));
    rest.remove_prefix(std::min(rest.size(), directory.size() + 1));
  }
  return paths;
}

}  // namespace

VersionRange wanted_node(std::string_view runtime) {
  VersionRange range = read_version_range(runtime);
  range.least.minor = 0;
  if (range.below && range.below->minor > 0)
    range.below = Version{.major = range.below->major + 1, .minor = 0};
  return range;
}

Environment node_environment(const Environment& env, const std::string& interpreter) {
  Environment made;
  for (const auto& [name, value] : env)
    if (std::ranges::find(kPassedOn, name) != kPassedOn.end()) made[name] = value;
  if (const auto file = env.find("SSL_CERT_FILE"); file != env.end())
    made["NODE_EXTRA_CA_CERTS"] = file->second;
  made["PATH"] = interpreter.substr(0, interpreter.rfind('/')) + ":" + made["PATH"];
  return made;
}

apkg::Checked<NodeInterpreter> find_node(std::string_view runtime, std::int64_t worker_uid,
                                         const Environment& env) {
  const VersionRange range = wanted_node(runtime);
  const int wanted = range.least.major;
  std::optional<NodeInterpreter> best;
  std::vector<std::string> looked_at;
  for (const std::string& path : candidates(env)) {
    if (::access(path.c_str(), X_OK) != 0) continue;
    auto found = ask(path, env);
    if (!found) {
      looked_at.push_back(found.error().message);
    } else if (worker_uid >= 0 && !is_reachable_by_others(found->path)) {
      looked_at.push_back(
          fmt::format("{} cannot be run by the agent's own user ({})", found->path, worker_uid));
    } else if (found->major < wanted || range.is_too_new({.major = found->major, .minor = 0})) {
      looked_at.push_back(fmt::format("{} is Node.js {}", found->path, found->version));
    } else if (wanted == 0 || found->major == wanted) {
      return *found;
    } else if (!best || found->major < best->major) {
      best = std::move(*found);  // newer: the nearest of them
    }
  }
  if (best) return *best;
  // One that is found by several names is told once.
  looked_at.erase(std::ranges::unique(looked_at).begin(), looked_at.end());
  if (looked_at.empty()) looked_at.emplace_back("no node was found");
  const std::string described = describe(range, false);
  if (!described.empty()) looked_at.push_back(fmt::format("agent.yaml: runtime: {}", runtime));
  return apkg::refuse(model::Cause::WrongRuntime,
                      described.empty() ? std::string("no usable Node.js was found")
                                        : fmt::format("no Node.js {} was found", described),
                      looked_at,
                      fmt::format("Install Node.js {} and name it with PAR_NODE, or change "
                                  "`runtime` in agent.yaml.",
                                  described.empty() ? "18 or newer" : described));
}

}  // namespace pixell::prepare
