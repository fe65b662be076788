#include "par/worker/worker_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "model/environment.hpp"

namespace pixell::par {

namespace {

// What a program needs to run at all; the weakest values.
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
  return name.starts_with("PIP_") || name.starts_with("UV_");
}

model::EnvironmentLayers layers_for(const WorkerInput& input) {
  model::EnvironmentLayers layers;
  layers.base = {{"PATH", std::string(kDefaultPath)}, {"LANG", "C.UTF-8"}};
  for (const auto& [name, value] : input.process_environment) {
    if (is_one_of(name, kBaseNames))
      layers.base[name] = value;
    else if (!is_par_variable(name) && !is_one_of(name, kSessionNames) && !is_installers(name))
      layers.deploy[name] = value;
  }
  // Programs of the agent's environment come first, also for what it starts itself.
  if (const auto slash = input.prepared.venv_python.rfind('/'); slash != std::string::npos)
    layers.base["PATH"] = input.prepared.venv_python.substr(0, slash) + ":" + layers.base["PATH"];
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
                  {"PYTHONUNBUFFERED", "1"},
                  {"PAR_WORKER_FD", "3"}};
  if (!config.deployment_id.empty()) layers.owned["DEPLOYMENT_ID"] = config.deployment_id;
  return layers;
}

EnvironmentSummary summary_of(const model::EnvironmentLayers& layers,
                              const model::ResolvedEnvironment& resolved) {
  EnvironmentSummary summary{
      .names = {}, .count = 0, .unresolved = resolved.unresolved, .dropped = resolved.dropped};
  for (const auto& [name, value] : resolved.values) {
    if (!layers.dotenv.contains(name) && !layers.manifest.contains(name) &&
        !layers.deploy.contains(name))
      continue;
    if (summary.count++ > 0) summary.names += ',';
    summary.names += name;
  }
  return summary;
}

void plan_surfaces(const model::Manifest& manifest, const std::string& sockets, WorkerPlan& plan,
                   nlohmann::json& load) {
  if (manifest.rest) {
    plan.rest_socket = sockets + "/rest.sock";
    load["rest"] = {{"entry", manifest.rest->entry}, {"socket", plan.rest_socket}};
  }
  if (manifest.a2a) {
    plan.grpc_socket = sockets + "/a2a.sock";
    load["a2a"] = {{"entry", manifest.a2a->entry}, {"grpc_socket", plan.grpc_socket}};
  }
  const std::string& own = !manifest.http_server.empty() || !manifest.a2a
                               ? manifest.http_server
                               : manifest.a2a->http_server;
  if (!own.empty()) {
    plan.http_socket = sockets + "/http.sock";
    load["http_server"] = {{"entry", own}, {"socket", plan.http_socket}};
  }
}

}  // namespace

WorkerStart plan_worker(const WorkerInput& input) {
  const model::Manifest& manifest = input.prepared.manifest;
  const model::EnvironmentLayers layers = layers_for(input);
  model::ResolvedEnvironment resolved = model::resolve_environment(layers);
  WorkerStart start;
  start.summary = summary_of(layers, resolved);
  start.plan.argv = {input.prepared.venv_python, input.worker_dir + "/pixell_worker/__main__.py"};
  start.plan.env = std::move(resolved.values);
  start.plan.directory = input.prepared.root;
  if (input.config.worker_uid >= 0) start.plan.user = static_cast<uid_t>(input.config.worker_uid);
  nlohmann::json load = {
      {"t", "load"},
      {"v", 1},
      {"agent", manifest.display_name.empty() ? manifest.name : manifest.display_name},
      {"package_root", input.prepared.root},
      {"base_path", input.config.base_path.empty() ? "/" : input.config.base_path},
      {"entrypoint", manifest.entrypoint}};
  plan_surfaces(manifest, input.sockets, start.plan, load);
  start.plan.load_header = load.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return start;
}

}  // namespace pixell::par
