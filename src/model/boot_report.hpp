#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace pixell::model {

/// Why a boot or a deployment failed. The wire name is the snake_case of the enumerator.
enum class Cause {
  ConfigInvalid,
  PackageNotFound,
  DownloadFailed,
  DigestMismatch,
  PackageTooLarge,
  UnsafeArchive,
  NotAZip,
  ManifestMissing,
  ManifestInvalid,
  DependencyNotFound,
  DependencyConflict,
  DependencyTimeout,
  DependencyFailed,
  MissingModule,
  HandlerMissing,
  HandlerError,
  PortNotBound,
  WrongArchitecture,
  WrongRuntime,
  OutOfMemory,
  DiskLimit,
  Exited,
  Signalled,
  Unresponsive,
  StartupTimeout,
  DeadlineExceeded,
  Superseded,
  Aborted,
  Unhealthy,
  AppDeleted,
  EngineFailed,
  EngineUnavailable,
  ImageNotFound,
  DiskFull,
  Internal,
};
std::string_view to_string(Cause cause);
std::optional<Cause> parse_cause(std::string_view name);

/// The exit code `par` ends with for a cause: 1 configuration, 10 package, 11 manifest,
/// 12 dependencies, 13 agent code, 14 start-up deadline, 15 resources, 70 internal.
/// docs/exit_codes.md lists them; contract: a normal stop is 0, configuration errors are 1.
int exit_code_of(Cause cause);

/// A typed failure with what shows it and what to do.
struct Failure {
  Cause cause = Cause::Internal;
  std::string message;                ///< one sentence: what failed
  std::vector<std::string> evidence;  ///< lines: last stderr, pip's reason, last traceback frame
  std::string remedy;                 ///< one sentence: what to do
};

/// Builds a Failure; an empty remedy is filled with the cause's usual one.
Failure make_failure(Cause cause, std::string message, std::vector<std::string> evidence = {},
                     std::string remedy = {});

struct BootPhase {
  std::string name;   ///< bind, fetch, verify, unpack, manifest, dependencies, worker, probe
  double millis = 0;  ///< how long it took
};

/// What an instance may take, as far as it is limited.
struct BootLimits {
  std::optional<std::int64_t> memory_bytes;
  std::optional<double> cpus;  ///< ceiling in cores
  std::optional<std::int64_t> processes;
  std::optional<std::int64_t> disk_mb;
  std::optional<std::int64_t> open_files;  ///< of each process of the agent
  std::optional<std::int64_t> user;        ///< the agent's own user id
};
nlohmann::json to_json(const BootLimits& limits);

/// What every boot yields; written to boot_report.json in the instance directory.
struct BootReport {
  bool ready = false;
  double total_ms = 0;
  std::vector<BootPhase> phases;
  std::optional<Failure> failure;
  std::vector<std::string> dependency_lock;  ///< "name==version --hash=sha256:…" lines
  std::string package_sha256;
  std::string interpreter;  ///< realpath and version
  BootLimits limits{};
};

nlohmann::json to_json(const Failure& failure);
Result<Failure> failure_from_json(const nlohmann::json& json);
nlohmann::json to_json(const BootReport& report);
Result<BootReport> boot_report_from_json(const nlohmann::json& json);

}  // namespace pixell::model
