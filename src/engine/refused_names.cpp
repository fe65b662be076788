#include "engine/refused_names.hpp"

#include <algorithm>
#include <array>

namespace pixell::engine {

namespace {

// par runs with the node's rights while the agent does not: what a deployment sets must not load
// code into par, choose its programs or redirect its files. Nor may it decide what installers of
// shared environments trust, or where they look, unless that is part of an environment's key.
constexpr std::array kRefused = {std::string_view("PATH"),
                                 std::string_view("PAR_PYTHON"),
                                 std::string_view("PIXELL_UV"),
                                 std::string_view("GLIBC_TUNABLES"),
                                 std::string_view("GCONV_PATH"),
                                 std::string_view("LOCPATH"),
                                 std::string_view("REST_LISTEN"),
                                 std::string_view("AGENT_PACKAGE_PATH"),
                                 std::string_view("INSTANCE_DIR"),
                                 std::string_view("ENV_STORE_DIR"),
                                 std::string_view("ENV_STORE_MAX_MB"),
                                 std::string_view("ENV_STORE_MAX_IDLE_DAYS"),
                                 std::string_view("STATE_DIR"),
                                 std::string_view("PAR_ENVIRONMENT_FILE"),
                                 std::string_view("PAR_WORKER_UID"),
                                 std::string_view("PIXELL_SHARE"),
                                 std::string_view("PAR_PREPARE"),
                                 std::string_view("PAR_WORKER_FD"),
                                 std::string_view("PAR_NODE"),
                                 std::string_view("NPM_CACHE_DIR"),
                                 std::string_view("WHEELHOUSE_DIR"),
                                 std::string_view("SSL_CERT_FILE"),
                                 std::string_view("SSL_CERT_DIR"),
                                 std::string_view("PAR_WORKER_PROCESSES"),
                                 std::string_view("PAR_WORKER_DISK_MB"),
                                 std::string_view("PAR_WORKER_UID_IS_EXCLUSIVE")};

// In the key of an environment.
constexpr std::array kIndexes = {std::string_view("PIP_INDEX_URL"),
                                 std::string_view("PIP_EXTRA_INDEX_URL")};
constexpr std::array kRefusedPrefixes = {std::string_view("LD_"), std::string_view("PIP_"),
                                         std::string_view("UV_"), std::string_view("npm_config_"),
                                         std::string_view("NPM_CONFIG_")};

}  // namespace

bool is_refused(std::string_view name) {
  if (std::find(kIndexes.begin(), kIndexes.end(), name) != kIndexes.end()) return false;
  return std::any_of(kRefusedPrefixes.begin(), kRefusedPrefixes.end(),
                     [name](std::string_view prefix) { return name.starts_with(prefix); }) ||
         std::find(kRefused.begin(), kRefused.end(), name) != kRefused.end();
}

}  // namespace pixell::engine
