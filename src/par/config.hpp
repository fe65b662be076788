#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"

namespace pixell::par {

using Environment = std::map<std::string, std::string>;

/// Everything par is told from outside, checked. `docs/environment.md` lists the variables.
struct Config {
  std::string app_id;         ///< AGENT_APP_ID, required
  std::string deployment_id;  ///< DEPLOYMENT_ID, or empty

  std::string package_path;         ///< a file or directory; wins over package_url
  std::string package_url;          ///< s3://bucket/key or https://…
  std::string package_sha256;       ///< lower-case hex, or empty
  std::string package_credentials;  ///< "container", or empty = whatever AWS's SDKs would find
  std::int64_t max_package_size_mb = 100;
  std::vector<std::string> allow_hosts;  ///< PACKAGE_URL_ALLOW_HOSTS: private hosts that are fine
  std::string s3_bucket = "pixell-agent-packages";
  std::string aws_region;

  std::string base_path;  ///< without trailing slash; empty for "/"
  bool multiplexed = true;
  std::string listen_addr = "0.0.0.0";
  std::string rest_listen;  ///< REST_LISTEN: "fd:3", "unix:/path" or "ip:port"; empty = TCP port
  std::uint16_t rest_port = 8080;
  std::uint16_t a2a_port = 50051;
  std::uint16_t ui_port = 3000;
  bool a2a_port_given = false;
  bool ui_port_given = false;

  double boot_budget_ms = 5000;
  double boot_hard_limit_multiplier = 0;  ///< 0 = no hard limit
  int boot_failure_count = 0;             ///< BOOT_FAILURE_COUNT, as the orchestrator counts
  Millis startup_timeout{300'000};
  Millis shutdown_grace{30'000};

  std::string instance_dir;   ///< where reports go and work happens; empty = a scratch directory
  std::string env_store_dir;  ///< dependency environments shared by instances
  std::int64_t env_store_max_mb = 20'480;     ///< what is kept of those nobody uses …
  std::int64_t env_store_max_idle_days = 30;  ///< … and for how long
  std::string state_dir;                      ///< lasting state given by the engine, or empty
  int workers = 1;                            ///< WORKERS: processes that run the agent's code
  std::int64_t worker_uid = -1;               ///< user of the agent's process; -1 = ours
  bool worker_uid_is_exclusive = false;       ///< nobody else has it: all of its processes are ours
  /// Limits of the agent's process, 0 = none; unset = what the manifest says.
  std::optional<std::int64_t> worker_processes;
  std::optional<std::int64_t> worker_disk_mb;
  std::string python;  ///< PAR_PYTHON: interpreter to use, or empty
  std::string wheelhouse;
  std::string index_url;
  bool offline = false;

  std::vector<std::string> warnings;  ///< one sentence each, logged at start

  /// The boot may take this long at most before par gives up; zero = no such limit.
  Millis boot_hard_limit() const {
    return Millis(static_cast<std::int64_t>(boot_budget_ms * boot_hard_limit_multiplier));
  }
};

/// What the start mode says before the environment is read.
struct ConfigStart {
  std::string package_path{};  ///< from AGENT_PACKAGE_PATH or the command line; empty = by URL
  std::string listen_addr = "0.0.0.0";  ///< when LISTEN_ADDR is not set
};

/// Reads and checks the whole environment. Pure: touches no file. On failure every error is
/// returned, one sentence each, in the order of the table.
std::expected<Config, std::vector<std::string>> parse_config(const Environment& env,
                                                             const ConfigStart& start);

/// True for a variable that is par's own and is never passed on to the agent as it came.
bool is_par_variable(std::string_view name);

}  // namespace pixell::par
