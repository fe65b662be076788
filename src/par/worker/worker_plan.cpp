#include "par/worker/worker_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "model/environment.hpp"
#include "model/language.hpp"
#include "par/limits.hpp"

namespace pixell::par {

namespace {

// What a program needs to run at all. They are the weakest values, which the package's placeholders
// find, and, as all that was given at deployment, the strongest but for PATH.
constexpr std::array kBaseNames = {
    std::string_view("PATH"),         std::string_view("LANG"),
    std::string_view("LC_ALL"),       std::string_view("TZ"),
    std::string_view("TERM"),         std::string_view("SSL_CERT_FILE"),
    std::string_view("SSL_CERT_DIR"), std::string_view("HTTP_PROXY"),
    std::string_view("HTTPS_PROXY"),  std::string_view("NO_PROXY"),
    std::string_view("ALL_PROXY"),    std::string_view("http_proxy"),
    std::string_view("https_proxy"),  std::string_view("no_proxy"),
    std::string_view("all_proxy")};

// What belongs to the person or the interpreter that started par, not to the agent.
constexpr std::array kSessionNames = {std::string_view("HOME"),
                                      std::string_view("USER"),
                                      std::string_view("LOGNAME"),
                                      std::string_view("SHELL"),
                                      std::string_view("MAIL"),
                                      std::string_view("PWD"),
                                      std::string_view("OLDPWD"),
                                      std::string_view("SHLVL"),
                                      std::string_view("_"),
                                      std::string_view("TMPDIR"),
                                      std::string_view("VIRTUAL_ENV"),
                                      std::string_view("PYTHONHOME"),
                                      std::string_view("PYTHONSTARTUP"),
                                      std::string_view("XDG_CACHE_HOME"),
                                      std::string_view("XDG_RUNTIME_DIR")};

constexpr std::string_view kDefaultPath = "/usr/local/bin:/usr/bin:/bin";

bool is_one_of(std::string_view name, const auto& names) {
  return std::ranges::find(names, name) != names.end();
}

// Settings of the installers: they may hold the credentials of an index.
bool is_installers(std::string_view name) {
  return name.starts_with("PIP_") || name.starts_with("UV_") || name.starts_with("npm_config_");
}

// Sockets of the first worker have plain names.
std::string socket_path(const WorkerInput& input, std::string_view surface) {
  return input.number == 0 ? fmt::format("{}/{}.sock", input.sockets, surface)
                           : fmt::format("{}/{}-{}.sock", input.sockets, surface, input.number);
}

model::EnvironmentLayers layers_for(const WorkerInput& input) {
  model::EnvironmentLayers layers;
  layers.base = {{"PATH", std::string(kDefaultPath)}, {"LANG", "C.UTF-8"}};
  for (const auto& [name, value] : input.process_environment) {
    if (is_one_of(name, kBaseNames)) layers.base[name] = value;
    if (name != "PATH" && !is_par_variable(name) && !is_one_of(name, kSessionNames) &&
        !is_installers(name))
      layers.deploy[name] = value;
  }
  // Programs of the agent's environment come first, also for what it starts itself.
  const model::Language language = model::language_of(input.prepared.manifest);
  const std::string& program =
      language == model::Language::Node ? input.prepared.interpreter : input.prepared.venv_python;
  if (const auto slash = program.rfind('/'); slash != std::string::npos)
    layers.base["PATH"] = program.substr(0, slash) + ":" + layers.base["PATH"];
  if (language == model::Language::Node) layers.base["NODE_ENV"] = "production";
  layers.base["HOME"] = input.home;
  layers.base["TMPDIR"] = input.tmp;
  layers.dotenv = input.prepared.dotenv;
  layers.manifest = input.prepared.manifest.environment;
  const Config& config = input.config;
  layers.owned = {{"AGENT_APP_ID", config.app_id},
                  {"BASE_PATH", config.base_path.empty() ? "/" : config.base_path},
                  {"REST_PORT", fmt::to_string(config.rest_port)},
                  {"A2A_PORT", fmt::to_string(config.a2a_port)},
                  {"UI_PORT", fmt::to_string(config.ui_port)},
                  {"PYTHONUNBUFFERED", "1"}};
  if (language != model::Language::Executable) layers.owned["PAR_WORKER_FD"] = "3";
  // A Python server is handed over as an object; these listen by themselves.
  if (language != model::Language::Python &&
      !model::own_server_of(input.prepared.manifest).empty()) {
    layers.owned["PORT"] = fmt::to_string(input.http_port);
    layers.owned["PAR_SOCKET"] = socket_path(input, "http");
  }
  if (!config.deployment_id.empty()) layers.owned["DEPLOYMENT_ID"] = config.deployment_id;
  return layers;
}

EnvironmentSummary summary_of(const model::EnvironmentLayers& layers,
                              const model::ResolvedEnvironment& resolved) {
  EnvironmentSummary summary{.names = {},
                             .count = 0,
                             .unresolved = resolved.unresolved,
                             .dropped = resolved.dropped,
                             .withheld = {}};
  for (const auto& [name, value] : resolved.values) {
    if (!layers.dotenv.contains(name) && !layers.manifest.contains(name) &&
        !layers.deploy.contains(name))
      continue;
    if (summary.count++ > 0) summary.names += ',';
    summary.names += name;
  }
  return summary;
}

// What the engine says wins over what the package asks for.
Sandbox sandbox_of(const Config& config, const model::LimitsAsked& asked) {
  Sandbox sandbox{.user = std::nullopt,
                  .processes = config.worker_processes.value_or(asked.processes.value_or(0)),
                  .disk_mb = config.worker_disk_mb.value_or(asked.disk_mb.value_or(0)),
                  .open_files = kWorkerOpenFiles};
  if (config.worker_uid < 0) return sandbox;
  sandbox.user = static_cast<uid_t>(config.worker_uid);
  return sandbox;
}

void plan_surfaces(const WorkerInput& input, WorkerPlan& plan, nlohmann::json& load) {
  const model::Manifest& manifest = input.prepared.manifest;
  if (manifest.rest) {
    plan.rest_socket = socket_path(input, "rest");
    load["rest"] = {{"entry", manifest.rest->entry}, {"socket", plan.rest_socket}};
  }
  if (manifest.a2a) {
    plan.grpc_socket = socket_path(input, "a2a");
    load["a2a"] = {{"entry", manifest.a2a->entry}, {"grpc_socket", plan.grpc_socket}};
  }
  if (const std::string own = model::own_server_of(manifest); !own.empty()) {
    plan.http_socket = socket_path(input, "http");
    load["http_server"] = {{"entry", own}, {"socket", plan.http_socket}, {"port", plan.http_port}};
  }
}

std::vector<std::string> arguments_of(const WorkerInput& input, model::Language language) {
  const Prepared& prepared = input.prepared;
  if (language == model::Language::Executable) return prepared.command;
  if (language == model::Language::Python)
    return {prepared.venv_python, input.worker_dir + "/pixell_worker/__main__.py"};
  std::vector<std::string> argv{prepared.interpreter};
  // A package that is somebody's folder is linked to from where its modules are; they are found
  // from the link, not from where it leads.
  if (!prepared.module_root.empty() && prepared.module_root != prepared.root)
    argv.insert(argv.end(), {"--preserve-symlinks", "--preserve-symlinks-main"});
  argv.push_back(input.worker_dir.substr(0, input.worker_dir.rfind('/') + 1) + "node/src/main.js");
  return argv;
}

}  // namespace

WorkerStart plan_worker(const WorkerInput& input) {
  const model::Manifest& manifest = input.prepared.manifest;
  const model::EnvironmentLayers layers = layers_for(input);
  model::ResolvedEnvironment resolved = model::resolve_environment(layers);
  WorkerStart start;
  start.summary = summary_of(layers, resolved);
  for (const auto& [name, value] : input.process_environment)
    if (is_one_of(name, kSessionNames)) start.summary.withheld.push_back(name);
  const model::Language language = model::language_of(manifest);
  start.plan.argv = arguments_of(input, language);
  start.plan.http_port = input.http_port;
  start.plan.env = std::move(resolved.values);
  start.plan.directory = input.prepared.root;
  start.plan.sandbox = sandbox_of(input.config, manifest.limits);
  nlohmann::json load = {
      {"t", "load"},
      {"v", 1},
      {"agent", manifest.display_name.empty() ? manifest.name : manifest.display_name},
      {"package_root",
       input.prepared.module_root.empty() ? input.prepared.root : input.prepared.module_root},
      {"base_path", input.config.base_path.empty() ? "/" : input.config.base_path},
      {"entrypoint", manifest.entrypoint}};
  plan_surfaces(input, start.plan, load);
  if (language != model::Language::Executable)
    start.plan.load_header = load.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return start;
}

}  // namespace pixell::par
