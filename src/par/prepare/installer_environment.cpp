#include "par/prepare/installer_environment.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <string_view>

#include "base/files.hpp"
#include "par/limits.hpp"
#include "par/prepare/program.hpp"

namespace pixell::prepare {

namespace {

using Variables = std::map<std::string, std::string>;

constexpr std::array kProxies = {std::string_view("HTTP_PROXY"), std::string_view("HTTPS_PROXY"),
                                 std::string_view("NO_PROXY"),   std::string_view("ALL_PROXY"),
                                 std::string_view("http_proxy"), std::string_view("https_proxy"),
                                 std::string_view("no_proxy"),   std::string_view("all_proxy")};
constexpr std::array kCommon = {std::string_view("PATH"), std::string_view("LANG"),
                                std::string_view("TZ"), std::string_view("SSL_CERT_FILE"),
                                std::string_view("SSL_CERT_DIR")};
// Of the operator; a deployment cannot set them.
constexpr std::array kInstallers = {std::string_view("PIP_CERT"),
                                    std::string_view("PIP_DEFAULT_TIMEOUT"),
                                    std::string_view("UV_HTTP_TIMEOUT")};
constexpr std::array kCaches = {"PIP_CACHE_DIR", "UV_CACHE_DIR"};

void pass_on(const Variables& env, const auto& names, Variables& to) {
  for (const std::string_view name : names)
    if (const auto found = env.find(std::string(name)); found != env.end()) to.insert(*found);
}

// Lines are "first here, first outside, count" (man 7 user_namespaces).
bool is_mapped(const std::string& map, std::int64_t user) {
  std::istringstream lines(map);
  for (std::int64_t first = 0, outside = 0, count = 0; lines >> first >> outside >> count;)
    if (user >= first && user - first < count) return true;
  return false;
}

}  // namespace

std::optional<uid_t> installer_user(std::int64_t worker_uid) {
  if (worker_uid < 0 || ::geteuid() != 0) return std::nullopt;
  const std::int64_t user = worker_uid + par::kInstallerUserOffset;
  const auto map = read_file("/proc/self/uid_map");
  return static_cast<uid_t>(!map || is_mapped(*map, user) ? user : worker_uid);
}

Variables common_environment(const Variables& env) {
  Variables made;
  pass_on(env, kCommon, made);
  pass_on(env, kProxies, made);
  return made;
}

Variables installer_environment(const EnvironmentRequest& request,
                                const std::filesystem::path& scratch, bool shares_cache) {
  Variables env = common_environment(request.env);
  pass_on(request.env, kInstallers, env);
  if (shares_cache) pass_on(request.env, kCaches, env);
  // From a cache of the operator's files are copied: a link would share what happens to them.
  env["UV_LINK_MODE"] = env.contains("UV_CACHE_DIR") ? "copy" : "hardlink";
  for (const char* cache : kCaches) env.try_emplace(cache, (scratch / "cache").string());
  env["HOME"] = scratch.string();
  env["TMPDIR"] = scratch.string();
  env["PYTHONNOUSERSITE"] = "1";
  env["UV_NO_CONFIG"] = "1";
  env["UV_PYTHON_DOWNLOADS"] = "never";
  env["PIP_CONFIG_FILE"] = "/dev/null";
  env["PIP_DISABLE_PIP_VERSION_CHECK"] = "1";
  env["PIP_NO_INPUT"] = "1";
  env["PIP_ROOT_USER_ACTION"] = "ignore";
  if (request.is_offline) return env;
  if (!request.index_url.empty()) {
    env["UV_DEFAULT_INDEX"] = request.index_url;
    env["PIP_INDEX_URL"] = request.index_url;
  }
  if (const std::string extra = extra_index(request); !extra.empty()) {
    env["UV_EXTRA_INDEX_URL"] = extra;
    env["PIP_EXTRA_INDEX_URL"] = extra;
  }
  return env;
}

std::string extra_index(const EnvironmentRequest& request) {
  const auto found = request.env.find("PIP_EXTRA_INDEX_URL");
  return found == request.env.end() ? std::string() : found->second;
}

std::string proxies_of(const Variables& env) {
  Variables proxies;
  pass_on(env, kProxies, proxies);
  std::string text;
  for (const auto& [name, value] : proxies)
    if (!value.empty()) text += fmt::format("{}={}\n", name, without_credentials(value));
  return text;
}

}  // namespace pixell::prepare
