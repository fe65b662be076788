#include "engine/instance_spec.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <tuple>

namespace pixell::engine {

namespace {

using nlohmann::json;

Error unreadable(std::string_view what, const char* why) {
  return make_error(ErrorCode::InvalidArgument, fmt::format("not {}: {}", what, why));
}

}  // namespace

bool InstanceSpec::operator==(const InstanceSpec& other) const {
  auto fields = [](const InstanceSpec& spec) {
    return std::tie(spec.id, spec.app_id, spec.revision, spec.deployment_id, spec.package_path,
                    spec.package_url, spec.package_sha256, spec.base_path, spec.environment,
                    spec.resources.memory_mb, spec.resources.cpu_units, spec.resources.max_pids,
                    spec.resources.cpu_milli, spec.resources.disk_mb, spec.grace,
                    spec.startup_timeout);
  };
  return fields(*this) == fields(other);
}

json to_json(const InstanceSpec& spec) {
  return {{"id", spec.id},
          {"app_id", spec.app_id},
          {"revision", spec.revision},
          {"deployment_id", spec.deployment_id},
          {"package_path", spec.package_path},
          {"package_url", spec.package_url},
          {"package_sha256", spec.package_sha256},
          {"base_path", spec.base_path},
          {"environment", spec.environment},
          {"memory_mb", spec.resources.memory_mb},
          {"cpu_units", spec.resources.cpu_units},
          {"max_pids", spec.resources.max_pids},
          {"cpu_milli", spec.resources.cpu_milli},
          {"disk_mb", spec.resources.disk_mb},
          {"grace_ms", spec.grace.count()},
          {"startup_timeout_ms", spec.startup_timeout.count()}};
}

Result<InstanceSpec> instance_spec_from_json(const json& value) try {
  InstanceSpec spec;
  spec.id = value.at("id").get<std::string>();
  spec.app_id = value.at("app_id").get<std::string>();
  spec.revision = value.at("revision").get<std::int64_t>();
  spec.deployment_id = value.value("deployment_id", std::string());
  spec.package_path = value.value("package_path", std::string());
  spec.package_url = value.value("package_url", std::string());
  spec.package_sha256 = value.value("package_sha256", std::string());
  spec.base_path = value.value("base_path", std::string("/"));
  spec.environment = value.value("environment", std::map<std::string, std::string>());
  const model::Resources usual;
  spec.resources = {.memory_mb = value.value("memory_mb", usual.memory_mb),
                    .cpu_units = value.value("cpu_units", usual.cpu_units),
                    .max_pids = value.value("max_pids", usual.max_pids),
                    // Absent in a spec of before: as unlimited as it was then.
                    .cpu_milli = value.value("cpu_milli", std::int64_t{0}),
                    .disk_mb = value.value("disk_mb", std::int64_t{0})};
  spec.grace = Millis(value.value("grace_ms", spec.grace.count()));
  spec.startup_timeout = Millis(value.value("startup_timeout_ms", spec.startup_timeout.count()));
  return spec;
} catch (const json::exception& wrong) {
  return unreadable("an instance spec", wrong.what());
}

std::map<std::string, std::string> instance_environment(const InstanceSpec& spec) {
  std::map<std::string, std::string> environment = spec.environment;
  environment["AGENT_APP_ID"] = spec.app_id;
  environment["BASE_PATH"] = spec.base_path;
  if (!spec.deployment_id.empty()) environment["DEPLOYMENT_ID"] = spec.deployment_id;
  if (!spec.package_sha256.empty()) environment["PACKAGE_SHA256"] = spec.package_sha256;
  // A path beats a URL in par; only one of them is given, so that neither can be mistaken.
  if (!spec.package_path.empty()) {
    environment["AGENT_PACKAGE_PATH"] = spec.package_path;
    environment.erase("PACKAGE_URL");
  } else if (!spec.package_url.empty()) {
    environment["PACKAGE_URL"] = spec.package_url;
    environment.erase("AGENT_PACKAGE_PATH");
  }
  const auto seconds = [](Millis time) { return fmt::format("{}", double(time.count()) / 1000); };
  environment["GRACEFUL_SHUTDOWN_TIMEOUT_SEC"] = seconds(spec.grace);
  // The historic hard limit of ten seconds kills any real dependency install; an operator may set
  // both, so what the deployment says wins.
  environment.try_emplace("STARTUP_TIMEOUT_SEC", seconds(spec.startup_timeout));
  environment.try_emplace("BOOT_HARD_LIMIT_MULTIPLIER", "0");
  return environment;
}

json to_json(const model::Instance& instance) {
  json value = {{"id", instance.id},
                {"app_id", instance.app_id},
                {"revision", instance.revision},
                {"phase", to_string(instance.phase)},
                {"address", instance.address},
                {"pid", instance.pid},
                {"boot_phase", instance.boot_phase},
                {"restarts", instance.restarts},
                {"exit_code", instance.exit_code},
                {"exit_signal", instance.exit_signal},
                {"started_at", instance.started_at},
                {"changed_at", instance.changed_at}};
  if (instance.boot_report) value["boot_report"] = model::to_json(*instance.boot_report);
  return value;
}

Result<model::Instance> instance_from_json(const json& value) try {
  model::Instance instance;
  instance.id = value.at("id").get<std::string>();
  instance.app_id = value.at("app_id").get<std::string>();
  instance.revision = value.at("revision").get<std::int64_t>();
  const auto phase = model::parse_instance_phase(value.at("phase").get<std::string>());
  if (!phase) return unreadable("an instance", "unknown phase");
  instance.phase = *phase;
  instance.address = value.value("address", std::string());
  instance.pid = value.value("pid", std::int64_t{0});
  instance.boot_phase = value.value("boot_phase", std::string());
  instance.restarts = value.value("restarts", 0);
  instance.exit_code = value.value("exit_code", -1);
  instance.exit_signal = value.value("exit_signal", 0);
  instance.started_at = value.value("started_at", UnixMillis{0});
  instance.changed_at = value.value("changed_at", UnixMillis{0});
  if (value.contains("boot_report")) {
    TRY(instance.boot_report, model::boot_report_from_json(value.at("boot_report")));
  }
  return instance;
} catch (const json::exception& wrong) {
  return unreadable("an instance", wrong.what());
}

}  // namespace pixell::engine
