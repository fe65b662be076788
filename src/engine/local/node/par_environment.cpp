#include "engine/local/node/par_environment.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "engine/refused_names.hpp"

namespace pixell::engine::node {

namespace {

constexpr std::array kPassedOn = {std::string_view("PATH"),
                                  std::string_view("LANG"),
                                  std::string_view("TZ"),
                                  std::string_view("SSL_CERT_FILE"),
                                  std::string_view("SSL_CERT_DIR"),
                                  std::string_view("PIP_INDEX_URL"),
                                  std::string_view("PIP_EXTRA_INDEX_URL"),
                                  std::string_view("PIP_CERT"),
                                  std::string_view("PIP_CACHE_DIR"),
                                  std::string_view("PIP_DEFAULT_TIMEOUT"),
                                  std::string_view("UV_CACHE_DIR"),
                                  std::string_view("UV_HTTP_TIMEOUT"),
                                  std::string_view("PIXELL_UV"),
                                  std::string_view("PIXELL_SHARE"),
                                  std::string_view("PAR_PREPARE"),
                                  std::string_view("PAR_PYTHON"),
                                  std::string_view("PAR_NODE"),
                                  std::string_view("NPM_CACHE_DIR"),
                                  std::string_view("NPM_REGISTRY_URL"),
                                  std::string_view("WHEELHOUSE_DIR"),
                                  std::string_view("OFFLINE"),
                                  std::string_view("ENV_STORE_MAX_MB"),
                                  std::string_view("ENV_STORE_MAX_IDLE_DAYS"),
                                  std::string_view("HTTP_PROXY"),
                                  std::string_view("HTTPS_PROXY"),
                                  std::string_view("NO_PROXY"),
                                  std::string_view("ALL_PROXY"),
                                  std::string_view("http_proxy"),
                                  std::string_view("https_proxy"),
                                  std::string_view("no_proxy"),
                                  std::string_view("all_proxy")};

std::string seconds(Millis time) {
  return time.count() % 1000 == 0 ? fmt::format("{}", time.count() / 1000)
                                  : fmt::format("{:.3f}", double(time.count()) / 1000.0);
}

}  // namespace

bool is_passed_on(std::string_view name) {
  return std::find(kPassedOn.begin(), kPassedOn.end(), name) != kPassedOn.end();
}

ParEnvironment par_environment(const InstanceSpec& spec, const ParEnvironmentInput& input) {
  ParEnvironment made;
  for (const auto& [name, value] : input.node_environment)
    if (is_passed_on(name)) made.variables[name] = value;
  for (const auto& [name, value] : instance_environment(spec)) {
    if (!is_refused(name)) {
      made.variables[name] = value;
    } else if (spec.environment.contains(name)) {
      made.refused.push_back(name);
    }
  }
  made.variables["REST_LISTEN"] = "fd:3";
  made.variables["AGENT_PACKAGE_PATH"] = spec.package_path;
  if (!spec.package_sha256.empty()) made.variables["PACKAGE_SHA256"] = spec.package_sha256;
  made.variables["INSTANCE_DIR"] = input.instance_dir.string();
  made.variables["ENV_STORE_DIR"] = (input.state_dir / "environments").string();
  made.variables["STATE_DIR"] = (input.state_dir / "journal" / spec.app_id).string();
  made.variables["GRACEFUL_SHUTDOWN_TIMEOUT_SEC"] = seconds(spec.grace);
  // An operator who set these at the deployment wants them so.
  made.variables.try_emplace("STARTUP_TIMEOUT_SEC", seconds(spec.startup_timeout));
  made.variables.try_emplace("BOOT_HARD_LIMIT_MULTIPLIER", "0");
  made.variables["PAR_WORKER_PROCESSES"] = fmt::format("{}", spec.resources.max_pids);
  made.variables["PAR_WORKER_DISK_MB"] = fmt::format("{}", spec.resources.disk_mb);
  if (input.worker_uid) {
    made.variables["PAR_WORKER_UID"] = fmt::format("{}", *input.worker_uid);
    made.variables["PAR_WORKER_UID_IS_EXCLUSIVE"] = "true";
  }
  return made;
}

}  // namespace pixell::engine::node
