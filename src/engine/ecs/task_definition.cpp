#include "engine/ecs/task_definition.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/utf8.hpp"
#include "engine/ecs/limits.hpp"
#include "engine/ecs/tags.hpp"
#include "engine/refused_names.hpp"

namespace pixell::engine::ecs {

using nlohmann::json;

namespace {

// The image's user and the places it may write to (images/par/Dockerfile). As the image declares
// them as volumes, Fargate gives the empty ones to the image's user.
constexpr const char* kUser = "10001:10001";
struct Place {
  const char* volume;
  const char* path;
};
constexpr std::array kPlaces{Place{"pixell", "/var/lib/pixell"}, Place{"tmp", "/tmp"}};

// What the engine says, whatever a deployment says.
constexpr std::array kOurs{
    std::string_view("AGENT_APP_ID"),   std::string_view("DEPLOYMENT_ID"),
    std::string_view("PACKAGE_URL"),    std::string_view("PACKAGE_CREDENTIALS"),
    std::string_view("PACKAGE_SHA256"), std::string_view("BASE_PATH"),
    std::string_view("REST_PORT"),      std::string_view("A2A_PORT"),
    std::string_view("UI_PORT"),        std::string_view("MULTIPLEXED"),
    std::string_view("LISTEN_ADDR"),    std::string_view("AWS_REGION"),
    std::string_view("S3_BUCKET"),      std::string_view("GRACEFUL_SHUTDOWN_TIMEOUT_SEC")};

Error refused(std::string message) {
  return make_error(ErrorCode::InvalidArgument, std::move(message));
}

bool is_variable_name(std::string_view name) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !name.empty() && is_letter(name.front()) &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
}

bool is_ours_to_say(std::string_view name) {
  return std::find(kOurs.begin(), kOurs.end(), name) != kOurs.end() || is_refused(name);
}

Result<void> check(const InstanceSpec& spec) {
  TRY_VOID(model::check_app_id(spec.app_id));
  if (!spec.package_url.starts_with("s3://") && !spec.package_url.starts_with("https://"))
    return refused(
        fmt::format("package_url={}: a task fetches its package from s3:// or https://; "
                    "put it there first",
                    spec.package_url));
  const std::string& digest = spec.package_sha256;
  if (digest.size() != 64 ||
      digest.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos)
    return refused(
        fmt::format("package_sha256={}: give the package's SHA-256, 64 hex digits", digest));
  for (const auto& [name, value] :
       {std::pair("package_url", &spec.package_url), std::pair("base_path", &spec.base_path),
        std::pair("deployment_id", &spec.deployment_id)})
    if (!is_utf8(*value)) return refused(fmt::format("{}: it is no UTF-8; give one that is", name));
  const auto most = Millis(1000 * (kMaxStopTimeoutSeconds - kStopMarginSeconds));
  if (spec.grace > most)
    return refused(
        fmt::format("grace={} ms: Fargate ends a task after {} s, {} of which par needs for "
                    "itself; give at most {} ms",
                    spec.grace.count(), kMaxStopTimeoutSeconds, kStopMarginSeconds, most.count()));
  return {};
}

// The contract's variables, in the open: none of them is a secret.
std::map<std::string, std::string> environment_of(const InstanceSpec& spec,
                                                  const Settings& settings) {
  InstanceSpec bare = spec;
  bare.environment.clear();
  bare.package_path.clear();
  std::map<std::string, std::string> shown = instance_environment(bare);
  shown["AWS_REGION"] = settings.region;
  shown["S3_BUCKET"] = settings.bucket;
  // An agent may have keys of its own among its values; the package is ours.
  shown["PACKAGE_CREDENTIALS"] = "container";
  shown["REST_PORT"] = std::to_string(kRestPort);
  shown["A2A_PORT"] = std::to_string(kGrpcPort);
  shown["UI_PORT"] = std::to_string(kUiPort);
  shown["MULTIPLEXED"] = "true";
  shown["LISTEN_ADDR"] = "0.0.0.0";
  shown["MAX_PACKAGE_SIZE_MB"] = std::to_string(settings.max_package_mb);
  shown["BOOT_BUDGET_MS"] = std::to_string(settings.boot_budget_ms);
  shown["BOOT_HARD_LIMIT_MULTIPLIER"] = settings.boot_hard_limit;
  shown["PAR_WORKER_DISK_MB"] = std::to_string(spec.resources.disk_mb);
  // A task is a machine of its own: there are no other agents to protect.
  shown["PAR_WORKER_PROCESSES"] = "0";
  return shown;
}

// A boot that installs dependencies is not sick: AWS must wait as long as par itself does. What is
// beyond the longest start period takes failures.
Result<json> health_check(Millis startup_timeout) {
  const auto startup = (startup_timeout.count() + 999) / 1000;
  const auto beyond = std::max<std::int64_t>(0, startup - kMaxStartPeriodSeconds);
  const auto more = (beyond + kHealthIntervalSeconds - 1) / kHealthIntervalSeconds;
  if (kHealthRetries + more > kMaxHealthRetries)
    return refused(
        fmt::format("startup_timeout={} ms: ECS calls a task sick before that; give at most "
                    "{} ms",
                    startup_timeout.count(),
                    1000 * (kMaxStartPeriodSeconds +
                            (kMaxHealthRetries - kHealthRetries) * kHealthIntervalSeconds)));
  return json{{"command", {"CMD", "par", "healthcheck"}},
              {"interval", kHealthIntervalSeconds},
              {"timeout", kHealthTimeoutSeconds},
              {"retries", kHealthRetries + more},
              {"startPeriod", std::min<std::int64_t>(startup, kMaxStartPeriodSeconds)}};
}

/// What was worked out for the container.
struct Parts {
  const InstanceSpec& spec;
  const Settings& settings;
  const Names& names;
  TaskSize size;
  json health;
  json secrets;
};

json container_of(const Parts& parts) {
  json environment = json::array();
  json mounts = json::array();
  json ports = json::array();
  std::map<std::string, std::string> shown = environment_of(parts.spec, parts.settings);
  // AWS refuses a name that is in both; what the deployment says of these wins.
  for (const json& secret : parts.secrets) shown.erase(secret["name"].get<std::string>());
  for (const auto& [name, value] : shown) environment.push_back({{"name", name}, {"value", value}});
  for (const Place& place : kPlaces)
    mounts.push_back(
        {{"sourceVolume", place.volume}, {"containerPath", place.path}, {"readOnly", false}});
  for (const int port : {kRestPort, kGrpcPort, kUiPort})
    ports.push_back({{"containerPort", port}, {"protocol", "tcp"}});
  const auto grace = (parts.spec.grace.count() + 999) / 1000;
  json container = {{"name", kContainer},
                    {"image", parts.settings.image},
                    {"essential", true},
                    {"memory", parts.size.memory_mib},
                    {"portMappings", ports},
                    {"environment", environment},
                    {"mountPoints", mounts},
                    {"user", kUser},
                    {"readonlyRootFilesystem", true},
                    {"linuxParameters", {{"capabilities", {{"drop", {"ALL"}}}}}},
                    {"healthCheck", parts.health},
                    {"stopTimeout", grace + kStopMarginSeconds},
                    {"logConfiguration",
                     {{"logDriver", "awslogs"},
                      {"options",
                       {{"awslogs-group", parts.settings.log_group},
                        {"awslogs-region", parts.settings.region},
                        {"awslogs-stream-prefix", parts.names.app(parts.spec.app_id)},
                        {"mode", "non-blocking"},
                        {"max-buffer-size", kLogBuffer}}}}}};
  if (!parts.secrets.empty()) container["secrets"] = parts.secrets;
  return container;
}

Result<json> references(const InstanceSpec& spec, const SecretPlace& place) {
  TRY(const json document, secret_document(spec));
  json list = json::array();
  if (document.is_null()) return list;
  if (place.arn.empty() || place.version.empty())
    return make_error(
        ErrorCode::FailedPrecondition,
        "the revision has deploy-time values that are in no secret yet; put them into "
        "Secrets Manager first");
  for (const auto& [name, value] : document.items())
    list.push_back(
        {{"name", name}, {"valueFrom", fmt::format("{}:{}::{}", place.arn, name, place.version)}});
  return list;
}

Result<void> add_storage(const model::Resources& wanted, json& request) {
  const std::int64_t gib =
      (std::max<std::int64_t>(wanted.disk_mb, 0) + kOwnStorageMib + 1023) / 1024;
  if (gib <= kUsualStorageGib) return {};
  if (gib > kMaxStorageGib)
    return refused(fmt::format(
        "resources.disk_mb={}: a Fargate task has at most {} GiB, {} MiB of which "
        "the runtime takes; give at most {}",
        wanted.disk_mb, kMaxStorageGib, kOwnStorageMib, kMaxStorageGib * 1024 - kOwnStorageMib));
  request["ephemeralStorage"] = {{"sizeInGiB", std::max(gib, kMinStorageGib)}};
  return {};
}

}  // namespace

Result<json> secret_document(const InstanceSpec& spec) {
  json document;
  for (const auto& [name, value] : spec.environment) {
    if (is_ours_to_say(name)) continue;
    if (!is_variable_name(name))
      return refused(
          fmt::format("environment: ECS cannot pass on the name {}; give letters, digits "
                      "and underscores, no digit first",
                      is_utf8(name) ? name : "that is no UTF-8"));
    if (!is_utf8(value) || value.find('\0') != std::string::npos)
      return refused(
          fmt::format("environment: the value of {} is no text in UTF-8; encode it", name));
    document[name] = value;
  }
  if (!document.is_null() && document.dump().size() > kMaxSecretBytes)
    return refused(
        fmt::format("environment: the values take {} bytes, a secret has at most {}; give "
                    "fewer or shorter ones",
                    document.dump().size(), kMaxSecretBytes));
  return document;
}

Result<json> task_definition(const InstanceSpec& spec, const Settings& settings, const Names& names,
                             const SecretPlace& secret) {
  TRY_VOID(check(spec));
  TRY(const TaskSize size, fargate_size(spec.resources));
  TRY(json health, health_check(spec.startup_timeout));
  TRY(json secrets, references(spec, secret));
  json volumes = json::array();
  for (const Place& place : kPlaces) volumes.push_back({{"name", place.volume}});
  json request = {
      {"family", names.app(spec.app_id)},
      {"requiresCompatibilities", {"FARGATE"}},
      {"networkMode", "awsvpc"},
      {"cpu", std::to_string(size.cpu_units)},
      {"memory", std::to_string(size.memory_mib)},
      {"executionRoleArn", settings.execution_role},
      {"taskRoleArn", settings.task_role},
      {"runtimePlatform",
       {{"cpuArchitecture", settings.architecture}, {"operatingSystemFamily", "LINUX"}}},
      {"volumes", volumes}};
  TRY_VOID(add_storage(spec.resources, request));
  request["containerDefinitions"] = json::array({container_of({.spec = spec,
                                                               .settings = settings,
                                                               .names = names,
                                                               .size = size,
                                                               .health = std::move(health),
                                                               .secrets = std::move(secrets)})});
  const std::string canonical = request.dump();
  request["tags"] = ecs_tags({{kInstallationTag, names.installation()},
                              {kAppTag, spec.app_id},
                              {kRevisionTag, std::to_string(spec.revision)},
                              {kDefinitionTag, digest_of(canonical, kDefinitionDigest)}});
  if (const std::size_t bytes = request.dump().size(); bytes > kMaxTaskDefinitionBytes)
    return refused(
        fmt::format("environment: {} variables make the task definition {} bytes long, ECS "
                    "takes {}; give fewer",
                    spec.environment.size(), bytes, kMaxTaskDefinitionBytes));
  return request;
}

}  // namespace pixell::engine::ecs
