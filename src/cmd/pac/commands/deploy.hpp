#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cmd/pac/commands/session.hpp"

namespace pixell::cmd {

/// `pac deploy` as it is typed; texts are those of arguments.hpp, checked already.
struct DeployOptions {
  std::string package;  ///< path of an .apkg file, or an address
  std::string app;
  std::string strategy;        ///< rolling, canary, blue-green; empty = by the other options
  std::string canary;          ///< "5%:60s,25%:60s"
  std::string bake;            ///< a duration
  std::string max_error_rate;  ///< a share
  std::string max_p95;         ///< a duration in milliseconds
  std::string tag;
  bool no_traffic = false;
  std::vector<std::string> env;  ///< NAME=value
  std::string env_file;
  std::string deadline;  ///< a duration
  bool wait = false;
};

/// Why the options do not go together, or empty.
std::string check_deploy_options(const DeployOptions& options);

/// Uploads the package when it is a file, deploys it, and follows the deployment with `wait`.
Outcome<void> deploy(const Session& session, const DeployOptions& options);

/// `pac rollback APP`: to a revision, or to the one before.
Outcome<void> roll_back(const Session& session, const std::string& app,
                        std::optional<std::int64_t> revision, bool wait);

/// `pac rollout pause|resume|promote|abort APP|DEPLOYMENT`.
Outcome<void> command_rollout(const Session& session, const std::string& command,
                              const std::string& app_or_deployment);

}  // namespace pixell::cmd
