#include "par/config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "model/resources.hpp"
#include "par/limits.hpp"

namespace pixell::par {

namespace {

constexpr std::array kParVariables = {
    std::string_view("AGENT_APP_ID"),
    std::string_view("AGENT_PACKAGE_PATH"),
    std::string_view("A2A_PORT"),
    std::string_view("BASE_PATH"),
    std::string_view("BOOT_BUDGET_MS"),
    std::string_view("BOOT_FAILURE_COUNT"),
    std::string_view("BOOT_HARD_LIMIT_MULTIPLIER"),
    std::string_view("DEPLOYMENT_ID"),
    std::string_view("ENV_STORE_DIR"),
    std::string_view("ENV_STORE_MAX_IDLE_DAYS"),
    std::string_view("ENV_STORE_MAX_MB"),
    std::string_view("GRACEFUL_SHUTDOWN_TIMEOUT_SEC"),
    std::string_view("INSTANCE_DIR"),
    std::string_view("LISTEN_ADDR"),
    std::string_view("MAX_PACKAGE_SIZE_MB"),
    std::string_view("METRICS_ENABLED"),
    std::string_view("MULTIPLEXED"),
    std::string_view("NPM_CACHE_DIR"),
    std::string_view("NPM_REGISTRY_URL"),
    std::string_view("OFFLINE"),
    std::string_view("PACKAGE_CREDENTIALS"),
    std::string_view("PACKAGE_SHA256"),
    std::string_view("PACKAGE_URL"),
    std::string_view("PACKAGE_URL_ALLOW_HOSTS"),
    std::string_view("PAR_ENVIRONMENT_FILE"),
    std::string_view("PAR_NODE"),
    std::string_view("PAR_PREPARE"),
    std::string_view("PAR_PYTHON"),
    std::string_view("PAR_WORKER_DISK_MB"),
    std::string_view("PAR_WORKER_FD"),
    std::string_view("PAR_WORKER_PROCESSES"),
    std::string_view("PAR_WORKER_UID"),
    std::string_view("PAR_WORKER_UID_IS_EXCLUSIVE"),
    std::string_view("PIXELL_SHARE"),
    std::string_view("PIXELL_UV"),
    std::string_view("REST_LISTEN"),
    std::string_view("REST_PORT"),
    std::string_view("STARTUP_TIMEOUT_SEC"),
    std::string_view("STATE_DIR"),
    std::string_view("UI_PORT"),
    std::string_view("WHEELHOUSE_DIR"),
    std::string_view("WORKERS"),
};

bool is_blank(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }

std::string trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return std::string(text);
}

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

template <class T>
std::optional<T> number(const std::string& text) {
  T value{};
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Looks variables up and collects what is wrong with them.
class Reader {
 public:
  explicit Reader(const Environment& env) : env_(env) {}

  /// The trimmed value, or empty when unset or blank.
  std::string text(const char* name) const {
    const auto found = env_.find(name);
    return found == env_.end() ? std::string() : trimmed(found->second);
  }
  bool has(const char* name) const { return !text(name).empty(); }

  void integer(const char* name, std::int64_t least, std::int64_t most, auto& value) {
    const std::string given = text(name);
    if (given.empty()) return;
    const auto parsed = number<std::int64_t>(given);
    if (!parsed || *parsed < least || *parsed > most)
      return error(
          fmt::format("{} must be an integer from {} to {}, not '{}'", name, least, most, given));
    value = static_cast<std::remove_reference_t<decltype(value)>>(*parsed);
  }

  void real(const char* name, double least, bool least_allowed, double& value) {
    const std::string given = text(name);
    if (given.empty()) return;
    const auto parsed = number<double>(given);
    if (!parsed || !std::isfinite(*parsed) || *parsed < least ||
        (!least_allowed && *parsed == least) || *parsed > 1e9)
      return error(fmt::format("{} must be a number {} {}, not '{}'", name,
                               least_allowed ? "of at least" : "greater than", least, given));
    value = *parsed;
  }

  void boolean(const char* name, bool& value) {
    const std::string given = lower(text(name));
    if (given.empty()) return;
    if (given == "true" || given == "1" || given == "yes" || given == "on")
      value = true;
    else if (given == "false" || given == "0" || given == "no" || given == "off")
      value = false;
    else
      warnings.push_back(fmt::format("{}='{}' is neither true nor false; {} is used", name, given,
                                     value ? "true" : "false"));
  }

  void absolute_path(const char* name, std::string& value) {
    const std::string given = text(name);
    if (given.empty()) return;
    if (given.front() != '/')
      return error(fmt::format("{} must be an absolute path, not '{}'", name, given));
    value = given;
  }

  void error(std::string text) { errors.push_back(std::move(text)); }

  std::vector<std::string> errors;
  std::vector<std::string> warnings;

 private:
  const Environment& env_;
};

void read_identity(Reader& reader, const Environment& env, Config& config) {
  const auto found = env.find("AGENT_APP_ID");
  config.app_id = reader.text("AGENT_APP_ID");
  if (found == env.end() || found->second.empty())
    reader.error("AGENT_APP_ID environment variable is required");
  else if (config.app_id.empty())
    reader.error("AGENT_APP_ID cannot be empty or whitespace-only");
  else if (config.app_id.find('/') != std::string::npos)
    reader.error("AGENT_APP_ID may not contain '/'; it is one segment of the agent's path");
  config.deployment_id = reader.text("DEPLOYMENT_ID");

  // The first generation's variables: starting anyway would run one agent where many are expected.
  if (lower(reader.text("RUNTIME_MODE")) == "multi-agent")
    reader.error(
        "RUNTIME_MODE=multi-agent is not supported: one par runs one agent. Unset it and deploy "
        "each agent as its own service (see `pac migrate`)");
  if (reader.has("MAX_AGENTS"))
    reader.error(
        "MAX_AGENTS is not supported: one par runs one agent. Unset it and deploy each agent as "
        "its own service (see `pac migrate`)");
}

bool is_bucket(std::string_view name) {
  const auto alnum = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return name.size() >= 3 && name.size() <= 63 && alnum(name.front()) && alnum(name.back()) &&
         std::ranges::all_of(name, [&](char c) { return alnum(c) || c == '.' || c == '-'; });
}

void check_s3_url(Reader& reader, Config& config) {
  const std::string_view rest = std::string_view(config.package_url).substr(5);
  const auto slash = rest.find('/');
  const std::string_view bucket = rest.substr(0, slash);
  if (slash == std::string_view::npos || bucket.empty() || slash + 1 == rest.size())
    return reader.error("PACKAGE_URL must name a bucket and a key: s3://bucket/key");
  if (bucket != config.s3_bucket)
    reader.warnings.push_back(fmt::format("S3 URL does not match expected bucket: {} is not {}",
                                          bucket, config.s3_bucket));
}

void read_package(Reader& reader, const ConfigStart& start, Config& config) {
  config.package_path = start.package_path;
  if (const std::string bucket = reader.text("S3_BUCKET"); !bucket.empty()) {
    config.s3_bucket = bucket;
    if (!is_bucket(bucket))
      reader.error(
          fmt::format("S3_BUCKET is not a bucket name of 3 to 63 characters: '{}'", bucket));
  }
  config.package_credentials = reader.text("PACKAGE_CREDENTIALS");
  if (!config.package_credentials.empty() && config.package_credentials != "container")
    reader.error(fmt::format("PACKAGE_CREDENTIALS '{}' must be container, or unset",
                             config.package_credentials));
  config.package_url = reader.text("PACKAGE_URL");
  if (config.package_url.starts_with("s3://"))
    check_s3_url(reader, config);
  else if (config.package_url.starts_with("https://") && config.package_url.size() == 8)
    reader.error("PACKAGE_URL names no host");
  else if (!config.package_url.empty() && !config.package_url.starts_with("https://"))
    // Only the scheme is repeated: a URL may carry a signature.
    reader.error(fmt::format("PACKAGE_URL must start with s3:// or https://, not '{}'",
                             config.package_url.substr(0, config.package_url.find(':') + 1)));
  if (config.package_url.empty() && config.package_path.empty())
    reader.error("No package: set PACKAGE_URL or AGENT_PACKAGE_PATH, or use `par run <package>`");

  config.package_sha256 = lower(reader.text("PACKAGE_SHA256"));
  const bool is_hex = std::ranges::all_of(config.package_sha256,
                                          [](unsigned char c) { return std::isxdigit(c) != 0; });
  if (!config.package_sha256.empty() && (config.package_sha256.size() != 64 || !is_hex))
    reader.error("PACKAGE_SHA256 must be 64 hexadecimal digits");

  reader.integer("MAX_PACKAGE_SIZE_MB", 1, 1'000'000'000, config.max_package_size_mb);
  if (config.max_package_size_mb > 10'000)
    reader.warnings.push_back("MAX_PACKAGE_SIZE_MB is above 10000");

  const std::string hosts = reader.text("PACKAGE_URL_ALLOW_HOSTS");
  for (std::size_t at = 0; at < hosts.size();) {
    const std::size_t end = std::min(hosts.find(',', at), hosts.size());
    if (const std::string host = trimmed(std::string_view(hosts).substr(at, end - at));
        !host.empty())
      config.allow_hosts.push_back(host);
    at = end + 1;
  }
}

void read_base_path(Reader& reader, Config& config) {
  std::string path = reader.text("BASE_PATH");
  if (path.empty() || path == "/") return;
  if (path.front() != '/') path.insert(0, "/");
  if (path.back() == '/') path.pop_back();
  if (path.find("//") != std::string::npos || path.ends_with('/'))
    return reader.error(fmt::format("BASE_PATH may not contain '//': '{}'", path));
  const auto allowed = [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '/' || c == '_' || c == '.' || c == '-';
  };
  if (!std::ranges::all_of(path, allowed))
    return reader.error(
        fmt::format("BASE_PATH may hold letters, digits and / _ . - only: '{}'", path));
  config.base_path = path;
}

bool is_listen_spec(std::string_view spec) {
  if (spec.starts_with("fd:"))
    return number<std::uint16_t>(std::string(spec.substr(3))).has_value();
  if (spec.starts_with("unix:")) return spec.size() > 6 && spec[5] == '/';
  const auto colon = spec.rfind(':');
  return colon != std::string_view::npos && colon > 0 &&
         number<std::uint16_t>(std::string(spec.substr(colon + 1))).has_value();
}

void read_listeners(Reader& reader, const ConfigStart& start, Config& config) {
  reader.boolean("MULTIPLEXED", config.multiplexed);
  read_base_path(reader, config);
  config.listen_addr = reader.has("LISTEN_ADDR") ? reader.text("LISTEN_ADDR") : start.listen_addr;
  config.rest_listen = reader.text("REST_LISTEN");
  if (!config.rest_listen.empty() && !is_listen_spec(config.rest_listen))
    reader.error(fmt::format("REST_LISTEN must be fd:<number>, unix:</path> or <ip>:<port>: '{}'",
                             config.rest_listen));
  constexpr std::int64_t kMaxPort = std::numeric_limits<std::uint16_t>::max();
  reader.integer("REST_PORT", 1, kMaxPort, config.rest_port);
  reader.integer("A2A_PORT", 1, kMaxPort, config.a2a_port);
  reader.integer("UI_PORT", 1, kMaxPort, config.ui_port);
  config.a2a_port_given = reader.has("A2A_PORT");
  config.ui_port_given = reader.has("UI_PORT");
  if (config.rest_port == config.a2a_port)
    reader.error(
        fmt::format("REST_PORT and A2A_PORT are both {}; they must differ", config.rest_port));
  if (config.a2a_port == config.ui_port)
    reader.error(
        fmt::format("A2A_PORT and UI_PORT are both {}; they must differ", config.a2a_port));
  if (config.rest_port == config.ui_port && !config.multiplexed)
    reader.error(fmt::format(
        "REST_PORT and UI_PORT are both {}; they must differ unless MULTIPLEXED is true",
        config.rest_port));
}

// At most a day: a timer must not overflow.
Millis millis_of(double seconds) {
  return Millis(static_cast<std::int64_t>(std::ceil(std::min(seconds, 86'400.0) * 1000)));
}

void read_boot(Reader& reader, Config& config) {
  reader.real("BOOT_BUDGET_MS", 0, false, config.boot_budget_ms);
  reader.real("BOOT_HARD_LIMIT_MULTIPLIER", 0, true, config.boot_hard_limit_multiplier);
  reader.integer("BOOT_FAILURE_COUNT", 0, 1'000'000, config.boot_failure_count);
  double startup_seconds = 300;
  reader.real("STARTUP_TIMEOUT_SEC", 0, false, startup_seconds);
  config.startup_timeout = millis_of(startup_seconds);
  double grace_seconds = 30;
  reader.real("GRACEFUL_SHUTDOWN_TIMEOUT_SEC", 0, true, grace_seconds);
  config.shutdown_grace = millis_of(grace_seconds);
}

// ^[a-z]{2}-[a-z]+-[0-9]+$ without a regex engine in the binary.
bool looks_like_region(std::string_view name) {
  const auto first = name.find('-');
  const auto last = name.rfind('-');
  if (first != 2 || last <= first + 1 || last + 1 == name.size()) return false;
  const auto letters = [](std::string_view part) {
    return std::ranges::all_of(part, [](char c) { return c >= 'a' && c <= 'z'; });
  };
  return letters(name.substr(0, 2)) && letters(name.substr(3, last - 3)) &&
         std::ranges::all_of(name.substr(last + 1), [](char c) { return c >= '0' && c <= '9'; });
}

void read_places(Reader& reader, Config& config) {
  reader.absolute_path("INSTANCE_DIR", config.instance_dir);
  reader.absolute_path("STATE_DIR", config.state_dir);
  std::string cache_home = reader.text("XDG_CACHE_HOME");
  if (cache_home.empty() || cache_home.front() != '/')
    cache_home = (reader.has("HOME") ? reader.text("HOME") : "/tmp") + "/.cache";
  config.env_store_dir = cache_home + "/pixell/environments";
  reader.absolute_path("ENV_STORE_DIR", config.env_store_dir);
  reader.integer("ENV_STORE_MAX_MB", 0, 1'000'000'000, config.env_store_max_mb);
  reader.integer("ENV_STORE_MAX_IDLE_DAYS", 0, 36'500, config.env_store_max_idle_days);
  reader.integer("WORKERS", 1, kMaxWorkers, config.workers);
  reader.integer("PAR_WORKER_UID", 1, 4'294'967'294, config.worker_uid);
  reader.boolean("PAR_WORKER_UID_IS_EXCLUSIVE", config.worker_uid_is_exclusive);
  reader.integer("PAR_WORKER_PROCESSES", 0, model::kMaxProcesses, config.worker_processes);
  reader.integer("PAR_WORKER_DISK_MB", 0, model::kMaxDiskMb, config.worker_disk_mb);
  reader.absolute_path("PAR_PYTHON", config.python);
  config.wheelhouse = reader.text("WHEELHOUSE_DIR");
  config.index_url = reader.text("PIP_INDEX_URL");
  reader.boolean("OFFLINE", config.offline);
  config.aws_region = reader.text("AWS_REGION");
  if (!config.aws_region.empty() && !looks_like_region(config.aws_region))
    reader.warnings.push_back(
        fmt::format("AWS_REGION '{}' does not look like a region", config.aws_region));
}

}  // namespace

std::expected<Config, std::vector<std::string>> parse_config(const Environment& env,
                                                             const ConfigStart& start) {
  Reader reader(env);
  Config config;
  read_identity(reader, env, config);
  read_package(reader, start, config);
  read_listeners(reader, start, config);
  read_boot(reader, config);
  read_places(reader, config);
  if (!reader.errors.empty()) return std::unexpected(std::move(reader.errors));
  config.warnings = std::move(reader.warnings);
  return config;
}

bool is_par_variable(std::string_view name) {
  return std::ranges::find(kParVariables, name) != kParVariables.end();
}

}  // namespace pixell::par
