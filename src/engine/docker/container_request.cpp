#include "engine/docker/container_request.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "engine/docker/limits.hpp"
#include "engine/refused_names.hpp"

namespace pixell::engine::docker {

using nlohmann::json;

namespace {

// Of pac's own environment, what holds inside a container as well: no path of this machine.
constexpr std::array kFromPac = {std::string_view("TZ"),
                                 std::string_view("PIP_INDEX_URL"),
                                 std::string_view("PIP_EXTRA_INDEX_URL"),
                                 std::string_view("PIP_DEFAULT_TIMEOUT"),
                                 std::string_view("UV_HTTP_TIMEOUT"),
                                 std::string_view("NPM_REGISTRY_URL"),
                                 std::string_view("OFFLINE"),
                                 std::string_view("HTTP_PROXY"),
                                 std::string_view("HTTPS_PROXY"),
                                 std::string_view("NO_PROXY"),
                                 std::string_view("ALL_PROXY"),
                                 std::string_view("http_proxy"),
                                 std::string_view("https_proxy"),
                                 std::string_view("no_proxy"),
                                 std::string_view("all_proxy")};
constexpr std::int64_t kMiB = 1024 * 1024;
constexpr std::int64_t kNanosPerMilliCpu = 1'000'000;
constexpr std::int64_t kNanosPerMillisecond = 1'000'000;

// What par is told in the open. A deploy-time value is shown only where the contract makes it a
// setting of par's own start.
std::vector<std::string> environment_of(const InstanceSpec& spec, const HostPlaces& places) {
  std::map<std::string, std::string> all = instance_environment(spec);
  std::map<std::string, std::string> shown;
  for (const auto& [name, value] : all)
    if (!spec.environment.contains(name) || value != spec.environment.at(name)) shown[name] = value;
  shown["AGENT_PACKAGE_PATH"] = kPackagePlace;
  shown["INSTANCE_DIR"] = kInstancePlace;
  shown["ENV_STORE_DIR"] = kEnvironmentsPlace;
  shown["STATE_DIR"] = kStatePlace;
  shown["LISTEN_ADDR"] = "0.0.0.0";
  shown["REST_PORT"] = std::to_string(kRestPort);
  shown["PAR_ENVIRONMENT_FILE"] = fmt::format("{}/{}", kSecretsPlace, kEnvironmentFile);
  // All containers have the same user, so that this limit would count those of others too; the
  // container's own limit counts its processes.
  shown["PAR_WORKER_PROCESSES"] = "0";
  shown["PAR_WORKER_DISK_MB"] = std::to_string(spec.resources.disk_mb);
  if (!places.certificates.empty())
    for (const char* name : {"SSL_CERT_FILE", "PIP_CERT"}) shown[name] = kCertificatesPlace;
  if (!places.wheelhouse.empty()) shown["WHEELHOUSE_DIR"] = kWheelhousePlace;
  std::vector<std::string> lines;
  for (const auto& [name, value] : shown) lines.push_back(fmt::format("{}={}", name, value));
  return lines;
}

json bind(const std::filesystem::path& source, const std::string& target, bool is_read_only) {
  return {{"Type", "bind"},
          {"Source", source.string()},
          {"Target", target},
          {"ReadOnly", is_read_only}};
}

json mounts_of(const HostPlaces& places) {
  json mounts = {bind(places.instance, kInstancePlace, false),
                 bind(places.environments, kEnvironmentsPlace, false),
                 bind(places.state, kStatePlace, false), bind(places.package, kPackagePlace, true),
                 bind(places.secrets, kSecretsPlace, true)};
  if (!places.certificates.empty())
    mounts.push_back(bind(places.certificates, kCertificatesPlace, true));
  if (!places.wheelhouse.empty()) mounts.push_back(bind(places.wheelhouse, kWheelhousePlace, true));
  return mounts;
}

json host_config(const InstanceSpec& spec, const ContainerSetting& setting) {
  const model::Resources& limits = spec.resources;
  json host = {
      {"Mounts", mounts_of(setting.places)},
      {"NetworkMode", network_name(setting.installation, spec.app_id)},
      {"RestartPolicy", {{"Name", "no"}}},
      {"ReadonlyRootfs", true},
      {"Tmpfs", {{"/tmp", kTmpfsOptions}}},
      {"CapDrop", {"ALL"}},
      {"Privileged", false},
      {"SecurityOpt", {"no-new-privileges:true"}},
      {"IpcMode", "private"},
      {"LogConfig",
       {{"Type", "json-file"}, {"Config", {{"max-size", kLogFile}, {"max-file", kLogFiles}}}}}};
  if (limits.memory_mb > 0) {
    host["Memory"] = limits.memory_mb * kMiB;
    host["MemorySwap"] = limits.memory_mb * kMiB;  // the same: none of it is swap
  }
  if (limits.cpu_units > 0)
    host["CpuShares"] = std::clamp<std::int64_t>(limits.cpu_units, 2, 262'144);
  if (limits.cpu_milli > 0) host["NanoCpus"] = limits.cpu_milli * kNanosPerMilliCpu;
  if (limits.max_pids > 0) host["PidsLimit"] = limits.max_pids + kParProcesses;
  if (!setting.publish_host.empty())
    host["PortBindings"] = {
        {kRestPortName, {{{"HostIp", setting.publish_host}, {"HostPort", setting.publish_ports}}}}};
  return host;
}

json labels_of(const InstanceSpec& spec, const std::string& installation) {
  return {
      {kInstallationLabel, installation}, {kInstanceLabel, spec.id},
      {kAppLabel, spec.app_id},           {kRevisionLabel, std::to_string(spec.revision)},
      {kSpecLabel, spec_digest(spec)},    {kMemoryLabel, std::to_string(spec.resources.memory_mb)}};
}

}  // namespace

std::string container_name(const std::string& instance_id) { return "pixell-" + instance_id; }

std::string network_name(const std::string& installation, const std::string& app_id) {
  return fmt::format("pixell-{}-{}", installation, app_id);
}

std::string spec_digest(const InstanceSpec& spec) {
  json document = to_json(spec);
  for (auto& [name, value] : document["environment"].items()) value = "";
  // FNV-1a, 64 bits (http://www.isthe.com/chongo/tech/comp/fnv/): must not change between builds.
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : document.dump(-1, ' ', false, json::error_handler_t::replace)) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3ULL;
  }
  return fmt::format("{:016x}", hash);
}

json container_request(const InstanceSpec& spec, const ContainerSetting& setting) {
  json request = {{"Image", setting.image_id},
                  {"User", fmt::format("{}:{}", setting.user, setting.user)},
                  {"Env", environment_of(spec, setting.places)},
                  {"Labels", labels_of(spec, setting.installation)},
                  {"HostConfig", host_config(spec, setting)},
                  // What is asked is the image's own; when, is ours: an agent that installs its
                  // dependencies is not sick.
                  {"Healthcheck",
                   {{"Interval", kHealthInterval.count() * kNanosPerMillisecond},
                    {"Timeout", kHealthTimeout.count() * kNanosPerMillisecond},
                    {"Retries", kHealthRetries},
                    {"StartPeriod", spec.startup_timeout.count() * kNanosPerMillisecond}}}};
  if (!setting.publish_host.empty()) request["ExposedPorts"] = {{kRestPortName, json::object()}};
  return request;
}

json network_request(const std::string& installation, const std::string& app_id) {
  return {{"Name", network_name(installation, app_id)},
          {"CheckDuplicate", true},
          {"Driver", "bridge"},
          {"Labels", {{kInstallationLabel, installation}, {kAppLabel, app_id}}}};
}

json environment_document(const InstanceSpec& spec, const std::map<std::string, std::string>& own) {
  json document = json::object();
  for (const std::string_view name : kFromPac)
    if (const auto found = own.find(std::string(name)); found != own.end())
      document[found->first] = found->second;
  for (const auto& [name, value] : spec.environment)
    if (!is_refused(name)) document[name] = value;
  return document;
}

}  // namespace pixell::engine::docker
