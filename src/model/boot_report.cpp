#include "model/boot_report.hpp"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>

namespace pixell::model {

namespace {

struct CauseFacts {
  Cause cause;
  std::string_view name;
  int exit_code;
  std::string_view remedy;
};

constexpr int kConfiguration = 1, kPackage = 10, kManifest = 11, kDependencies = 12, kAgent = 13,
              kDeadline = 14, kResources = 15, kInternal = 70;

constexpr std::array kCauses = {
    CauseFacts{Cause::ConfigInvalid, "config_invalid", kConfiguration,
               "Set the variables named above and start again."},
    CauseFacts{Cause::PackageNotFound, "package_not_found", kPackage,
               "Check that the path or URL exists and may be read."},
    CauseFacts{Cause::DownloadFailed, "download_failed", kPackage,
               "Check the URL and that this machine can reach its host, then deploy again."},
    CauseFacts{Cause::DigestMismatch, "digest_mismatch", kPackage,
               "Publish the package again, or give the SHA-256 of the file that is there."},
    CauseFacts{Cause::PackageTooLarge, "package_too_large", kPackage,
               "Make the package smaller or raise MAX_PACKAGE_SIZE_MB."},
    CauseFacts{Cause::UnsafeArchive, "unsafe_archive", kPackage,
               "Build the package again with `pixell build`; entries must stay inside it."},
    CauseFacts{Cause::NotAZip, "not_a_zip", kPackage,
               "An .apkg is a plain zip file; build it with `pixell build`."},
    CauseFacts{Cause::ManifestMissing, "manifest_missing", kManifest,
               "Put agent.yaml at the root of the package."},
    CauseFacts{Cause::ManifestInvalid, "manifest_invalid", kManifest,
               "Correct agent.yaml where the evidence points."},
    CauseFacts{Cause::DependencyNotFound, "dependency_not_found", kDependencies,
               "Correct the name or version in requirements.txt, or add the index that has it."},
    CauseFacts{Cause::DependencyConflict, "dependency_conflict", kDependencies,
               "Loosen one of the conflicting versions in requirements.txt."},
    CauseFacts{Cause::DependencyTimeout, "dependency_timeout", kDependencies,
               "Try again, or provide the wheels through WHEELHOUSE_DIR."},
    CauseFacts{Cause::DependencyFailed, "dependency_failed", kDependencies,
               "Read the installer's lines above; a wheel for this platform avoids building."},
    CauseFacts{Cause::MissingModule, "missing_module", kAgent,
               "Add the module to requirements.txt, or to the package."},
    CauseFacts{Cause::HandlerMissing, "handler_missing", kAgent,
               "Name an existing module and function in agent.yaml."},
    CauseFacts{Cause::HandlerError, "handler_error", kAgent,
               "The agent's code raised while it was loaded; the traceback shows where."},
    CauseFacts{Cause::PortNotBound, "port_not_bound", kConfiguration,
               "Free the port or choose another one."},
    CauseFacts{Cause::WrongArchitecture, "wrong_architecture", kAgent,
               "Use wheels or binaries built for this machine's architecture."},
    CauseFacts{Cause::WrongRuntime, "wrong_runtime", kManifest,
               "Install the runtime the manifest asks for, or change `runtime` in agent.yaml."},
    CauseFacts{Cause::OutOfMemory, "out_of_memory", kResources,
               "Give the agent more memory, or make it need less."},
    CauseFacts{Cause::DiskLimit, "disk_limit", kResources,
               "Write less, remove what is no longer needed, or raise limits.disk_mb."},
    CauseFacts{Cause::Exited, "exited", kAgent,
               "The agent's process ended by itself; its last lines are the evidence."},
    CauseFacts{Cause::Signalled, "signalled", kAgent,
               "The agent's process was ended by a signal; its last lines are the evidence."},
    CauseFacts{Cause::Unresponsive, "unresponsive", kDeadline,
               "It was replaced. When that repeats, look in the log for what par did last, and "
               "whether the machine is short of processor time or memory."},
    CauseFacts{Cause::StartupTimeout, "startup_timeout", kDeadline,
               "Make start-up faster or raise STARTUP_TIMEOUT_SEC."},
    CauseFacts{Cause::DeadlineExceeded, "deadline_exceeded", kDeadline,
               "The deployment did not finish in time; look at the phase it stayed in."},
    CauseFacts{Cause::Superseded, "superseded", kInternal,
               "A newer deployment of the same app took its place; nothing is to be done."},
    CauseFacts{Cause::Aborted, "aborted", kInternal,
               "An operator stopped the rollout; deploy again when it is to go on."},
    CauseFacts{Cause::Unhealthy, "unhealthy", kInternal,
               "The new revision did worse than its rollout allows; look at its logs, or change "
               "the strategy's limits."},
    CauseFacts{Cause::AppDeleted, "app_deleted", kInternal,
               "The app was deleted; deploy again when it is to be back."},
    CauseFacts{Cause::EngineFailed, "engine_failed", kInternal,
               "The engine could not start the instance; see its message and try again."},
    CauseFacts{
        Cause::EngineUnavailable, "engine_unavailable", kInternal,
        "Start what runs the agents (`pac doctor` names it); what was asked for goes on then."},
    CauseFacts{Cause::ImageNotFound, "image_not_found", kInternal,
               "Build the generic image or pull it, or name the one that is there."},
    CauseFacts{Cause::DiskFull, "disk_full", kResources,
               "Free space on the machine that runs the agents."},
    CauseFacts{Cause::Internal, "internal", kInternal,
               "This is a fault of the runtime: report it with the lines above."},
};

const CauseFacts& facts_of(Cause cause) {
  for (const CauseFacts& facts : kCauses)
    if (facts.cause == cause) return facts;
  return kCauses.back();
}

}  // namespace

std::string_view to_string(Cause cause) { return facts_of(cause).name; }

std::optional<Cause> parse_cause(std::string_view name) {
  for (const CauseFacts& facts : kCauses)
    if (facts.name == name) return facts.cause;
  return std::nullopt;
}

int exit_code_of(Cause cause) { return facts_of(cause).exit_code; }

Failure make_failure(Cause cause, std::string message, std::vector<std::string> evidence,
                     std::string remedy) {
  if (remedy.empty()) remedy = facts_of(cause).remedy;
  return {.cause = cause,
          .message = std::move(message),
          .evidence = std::move(evidence),
          .remedy = std::move(remedy)};
}

nlohmann::json to_json(const Failure& failure) {
  return {{"cause", to_string(failure.cause)},
          {"message", failure.message},
          {"evidence", failure.evidence},
          {"remedy", failure.remedy}};
}

Result<Failure> failure_from_json(const nlohmann::json& json) try {
  Failure failure;
  // A newer writer may know causes we do not; the text still tells what happened.
  failure.cause = parse_cause(json.at("cause").get<std::string>()).value_or(Cause::Internal);
  failure.message = json.at("message").get<std::string>();
  failure.evidence = json.value("evidence", std::vector<std::string>{});
  failure.remedy = json.value("remedy", std::string());
  return failure;
} catch (const nlohmann::json::exception& wrong) {
  return make_error(ErrorCode::InvalidArgument, fmt::format("not a failure: {}", wrong.what()));
}

nlohmann::json to_json(const BootLimits& limits) {
  nlohmann::json json = nlohmann::json::object();
  const auto add = [&json](const char* name, const auto& value) {
    if (value) json[name] = *value;
  };
  add("memory_bytes", limits.memory_bytes);
  add("cpus", limits.cpus);
  add("processes", limits.processes);
  add("disk_mb", limits.disk_mb);
  add("open_files", limits.open_files);
  add("user", limits.user);
  return json;
}

namespace {

// A wrong type throws, which the caller takes care of.
BootLimits boot_limits_from_json(const nlohmann::json& json) {
  BootLimits limits;
  const auto take = [&json]<class T>(const char* name, std::optional<T>& value) {
    if (json.contains(name)) value = json.at(name).get<T>();
  };
  take("memory_bytes", limits.memory_bytes);
  take("cpus", limits.cpus);
  take("processes", limits.processes);
  take("disk_mb", limits.disk_mb);
  take("open_files", limits.open_files);
  take("user", limits.user);
  return limits;
}

}  // namespace

nlohmann::json to_json(const BootReport& report) {
  nlohmann::json phases = nlohmann::json::array();
  for (const BootPhase& phase : report.phases)
    phases.push_back({{"name", phase.name}, {"ms", phase.millis}});
  nlohmann::json json = {{"ready", report.ready},
                         {"total_ms", report.total_ms},
                         {"phases", std::move(phases)},
                         {"dependency_lock", report.dependency_lock},
                         {"package_sha256", report.package_sha256},
                         {"interpreter", report.interpreter},
                         {"limits", to_json(report.limits)}};
  if (report.failure) json["failure"] = to_json(*report.failure);
  return json;
}

Result<BootReport> boot_report_from_json(const nlohmann::json& json) try {
  BootReport report;
  report.ready = json.at("ready").get<bool>();
  report.total_ms = json.value("total_ms", 0.0);
  for (const auto& phase : json.value("phases", nlohmann::json::array()))
    report.phases.push_back({phase.at("name").get<std::string>(), phase.at("ms").get<double>()});
  report.dependency_lock = json.value("dependency_lock", std::vector<std::string>{});
  report.package_sha256 = json.value("package_sha256", std::string());
  report.interpreter = json.value("interpreter", std::string());
  if (json.contains("limits")) report.limits = boot_limits_from_json(json.at("limits"));
  if (json.contains("failure")) {
    TRY(report.failure, failure_from_json(json.at("failure")));
  }
  return report;
} catch (const nlohmann::json::exception& wrong) {
  return make_error(ErrorCode::InvalidArgument, fmt::format("not a boot report: {}", wrong.what()));
}

}  // namespace pixell::model
