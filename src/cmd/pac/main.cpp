#include <CLI/CLI.hpp>
#include <cstdio>

#include "base/log.hpp"
#include "base/process.hpp"
#include "cmd/pac/control.hpp"
#include "cmd/pac/edge.hpp"
#include "cmd/pac/serve.hpp"
#include "cmd/pac/user_commands.hpp"
#include "engine/local/node/node.hpp"

namespace {

namespace fs = std::filesystem;
using namespace pixell;

constexpr const char* kFooter =
    "Exit codes: 0 done, 1 failed (the last line says why), 2 the deployment failed, "
    "3 not found, 4 the control plane is not reachable; 100 and more: wrong usage.";

int run_node_role(const fs::path& state_dir) {
  const Log log = Log().with("role", "node");
  const auto environment = own_environment();
  const auto par = engine::node::find_par_program(environment);
  if (!par) {
    log.error("Node cannot run", {{"error", par.error().message}});
    return 1;
  }
  return engine::node::run_node(
      {.state_dir = state_dir, .par_program = *par, .environment = environment}, log);
}

void add_serve(CLI::App& app, int& exit_code) {
  CLI::App* serve = app.add_subcommand("serve", "Run Pixell: control plane, edge and local node");
  auto options = std::make_shared<cmd::ServeOptions>();
  options->state_dir = ".pixell";
  serve->add_option("--state", options->state_dir, "State directory")->capture_default_str();
  serve->add_option("--listen", options->listen, "Public address:port; may be repeated")
      ->capture_default_str();
  serve->add_option("--engine", options->engine, "local or fake")->capture_default_str();
  serve->add_option("--allow-file-dir", options->allow_file_dirs,
                    "Directory that file:// packages may come from; may be repeated. Default: the "
                    "current directory and the state directory");
  serve->add_option("--allow-host", options->allowed_hosts,
                    "Host name under which the API answers besides loopback; may be repeated");
  serve->add_option("--edge-threads", options->edge_threads, "Threads of the edge")
      ->capture_default_str()
      ->check(CLI::Range(1, 64));
  serve->add_flag("--stop-instances", options->stop_instances,
                  "Stop the agents too when stopping; else the next start adopts them");
  serve->callback([options, &exit_code] {
    options->state_dir = fs::absolute(options->state_dir).lexically_normal();
    if (options->allow_file_dirs.empty())
      options->allow_file_dirs = {fs::current_path(), options->state_dir};
    exit_code = cmd::run_serve(*options);
  });
}

// The roles `pac serve` starts; nobody else needs them, so --help does not list them.
void add_roles(CLI::App& app, int& exit_code) {
  CLI::App* control = app.add_subcommand("control", "Control role (started by serve)")->group("");
  auto control_options = std::make_shared<cmd::ControlOptions>();
  control->add_option("--state", control_options->state_dir)->required();
  control->add_option("--node-socket", control_options->node_socket)->required();
  control->add_option("--engine", control_options->engine);
  control->add_option("--allow-file-dir", control_options->allow_file_dirs);
  control->add_option("--allow-host", control_options->allowed_hosts);
  control->callback(
      [control_options, &exit_code] { exit_code = cmd::run_control(*control_options); });

  CLI::App* edge = app.add_subcommand("edge", "Edge role (started by serve)")->group("");
  auto edge_options = std::make_shared<cmd::EdgeOptions>();
  edge->add_option("--state", edge_options->state_dir)->required();
  edge->add_option("--listen-fd", edge_options->listen_fds)->required();
  edge->add_option("--threads", edge_options->threads);
  edge->callback([edge_options, &exit_code] {
    edge_options->control_socket = edge_options->state_dir / "run" / "control.sock";
    exit_code = cmd::run_edge(*edge_options);
  });

  CLI::App* node = app.add_subcommand("node", "Node role (started by serve)")->group("");
  auto state_dir = std::make_shared<fs::path>();
  node->add_option("--state", *state_dir)->required();
  node->callback([state_dir, &exit_code] { exit_code = run_node_role(*state_dir); });
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Pixell agent cloud: deploys, routes and upgrades agent packages"};
  app.set_version_flag("--version", "pac " PIXELL_VERSION);
  app.require_subcommand(1);
  app.footer(kFooter);
  int exit_code = 0;
  add_serve(app, exit_code);
  add_roles(app, exit_code);
  cmd::add_user_commands(app, exit_code);
  CLI11_PARSE(app, argc, argv);
  return exit_code;
}
