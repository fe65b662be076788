#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "aws/transport.hpp"
#include "base/result.hpp"
#include "engine/ecs/limits.hpp"
#include "engine/ecs/names.hpp"

namespace pixell::engine::ecs {

/// How requests reach the tasks.
enum class Routing {
  Edge,  ///< through our own edge, by the tasks' addresses
  Alb,   ///< through an Application Load Balancer, by target groups and rules
};

/// What an operator says about AWS. The defaults are the names that Pixell's documents use.
struct Settings {
  std::string region;
  std::string cluster = "pixell-runtime-cluster";
  std::string installation;  ///< value of kInstallationTag; empty = what the state directory has
  std::vector<std::string> subnets;
  std::vector<std::string> security_groups;
  bool has_public_address = false;  ///< tasks in public subnets, without NAT
  std::string image;                ///< "<repository>@sha256:<digest>"
  std::string execution_role;       ///< ARN; pulls the image, reads secrets, writes logs
  std::string task_role;            ///< ARN; the agent's, reads packages
  std::string architecture = "X86_64";
  std::string log_group = "/ecs/pixell-agent-runtime";
  NamePrefixes prefixes;
  Routing routing = Routing::Edge;
  /// ARNs of HTTPS listeners, of a load balancer each. With Routing::Alb one at least; else those
  /// in which rules may be left.
  std::vector<std::string> listeners;
  std::string vpc;        ///< with Routing::Alb
  std::string discovery;  ///< name of a namespace of Cloud Map; empty = tasks are not told there

  /// How long the secret of an app that was removed can be restored, in days; 0 = not at all.
  int secret_recovery_days = kMinRecoveryDays;

  std::string bucket = "pixell-agent-packages";  ///< S3_BUCKET of the tasks
  int max_package_mb = 100;                      ///< MAX_PACKAGE_SIZE_MB
  int boot_budget_ms = 5000;                     ///< BOOT_BUDGET_MS: a warning when exceeded
  /// BOOT_HARD_LIMIT_MULTIPLIER: 0 = no end by it. The historic 2.0 ends any boot after ten
  /// seconds, which no installation of dependencies can keep.
  std::string boot_hard_limit = "0";
};

/// Whether a text can be the value of kInstallationTag: 1 to 64 of a-z, 0-9 and '-'.
bool is_installation(std::string_view text);

/// Reads PAC_ECS_* and the contract's variables from the environment. InvalidArgument with all that
/// is wrong: a line for each, naming the variable, its value and the remedy.
Result<Settings> read_settings(const aws::Environment& env);

}  // namespace pixell::engine::ecs
