#include "cmd/pac/command_line.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "cmd/pac/aws_commands.hpp"
#include "cmd/pac/backup_commands.hpp"
#include "cmd/pac/command_arguments.hpp"
#include "cmd/pac/crash_points.hpp"
#include "cmd/pac/edge_arguments.hpp"
#include "cmd/pac/supervision_commands.hpp"
#include "cmd/pac/tls_arguments.hpp"
#include "edge/limits.hpp"
#include "edge/trusted_proxies.hpp"
#include "engine/local/node/crash_points.hpp"
#include "reconcile/crash_points.hpp"

namespace pixell::cmd {

namespace {

namespace fs = std::filesystem;

constexpr const char* kFooter =
    "Exit codes: 0 done, 1 failed (the lines on standard error say why), 2 the deployment failed "
    "or "
    "was rolled back, 3 not found, 4 the control plane is not reachable, 5 conflict; 130 Ctrl-C "
    "while "
    "waiting; others from 100: wrong usage.\nEvery command has --help with an example, and takes "
    "--url, --api-key and --json.";

// Where `pixell-sdk deploy --env local` looks for a platform; pixell-kit uses port 4000.
constexpr const char* kSdkAddress = "127.0.0.1:3000";

constexpr int kWrongUsage = static_cast<int>(CLI::ExitCodes::ValidationError);

void complain(std::string_view text) { fmt::print(stderr, "pac: {}\n", text); }

// The options of `pac serve` as they are typed.
struct ServeArguments {
  ServeOptions options;
  std::string state = ".pixell";
  std::string also_listen = kSdkAddress;
  std::vector<std::string> allow_file_dirs;
  TlsArguments tls;
};

// Whether the options of the listener for edges of other machines go together.
Result<void> check_edge_listener(const ServeOptions& options) {
  if (!options.edge_listen.empty())
    return check_whole(options.edge_peer, "--edge-listen", kEdgeListenOptions);
  if (options.edge_peer.is_empty()) return {};
  const std::string_view given = !options.edge_peer.certificate.empty()
                                     ? kEdgeListenOptions.certificate
                                 : !options.edge_peer.key.empty() ? kEdgeListenOptions.key
                                                                  : kEdgeListenOptions.ca;
  return make_error(
      ErrorCode::InvalidArgument,
      fmt::format("{} needs --edge-listen ADDRESS:PORT, where edges of other machines connect",
                  given));
}

void add_edge_listener(CLI::App& serve, ServeOptions& options) {
  serve
      .add_option("--edge-listen", options.edge_listen,
                  "Address:port where edges of other machines (`pac edge --control`) get their "
                  "routes, over TLS with certificates on both sides")
      ->envname("PAC_EDGE_LISTEN");
  serve
      .add_option(std::string(kEdgeListenOptions.certificate), options.edge_peer.certificate,
                  "PEM file of the certificate shown there, or the PEM itself")
      ->envname("PAC_EDGE_TLS_CERT");
  serve
      .add_option(std::string(kEdgeListenOptions.key), options.edge_peer.key,
                  "PEM file of its private key, or the PEM itself")
      ->envname("PAC_EDGE_TLS_KEY");
  serve
      .add_option(std::string(kEdgeListenOptions.ca), options.edge_peer.ca,
                  "PEM file of the authority that signs the edges' certificates, or the PEM itself")
      ->envname("PAC_EDGE_CLIENT_CA");
}

Result<ServeOptions> resolve(const ServeArguments& arguments) {
  ServeOptions options = arguments.options;
  TRY(options.state_dir, absolute_directory("--state", arguments.state));
  if (auto trusted = edge::TrustedProxies::parse(options.trusted_proxies); !trusted)
    return trusted.error();
  if (arguments.also_listen != "none") options.also_listen = arguments.also_listen;
  TRY(options.tls, resolve_tls(arguments.tls));
  TRY_VOID(check_tls({.tls = options.tls,
                      .is_listening = !options.tls_listen.empty(),
                      .is_redirecting = !options.redirect_listen.empty(),
                      .redirect_port = options.redirect_port}));
  TRY_VOID(check_edge_listener(options));
  for (const std::string& directory : arguments.allow_file_dirs) {
    TRY(fs::path path, absolute_directory("--allow-file-dir", directory));
    options.allow_file_dirs.push_back(std::move(path));
  }
  if (!options.allow_file_dirs.empty()) return options;
  TRY(fs::path current, absolute_directory("--allow-file-dir", "."));
  options.allow_file_dirs = {std::move(current), options.state_dir};
  return options;
}

void add_serve(CLI::App& app, int& exit_code, const RoleRunners& runners) {
  CLI::App* serve =
      add_command(app, {"Run", "serve", "Run Pixell: control plane, edge and local node",
                        "pac serve --state /var/lib/pixell --listen 127.0.0.1:4000"});
  auto arguments = std::make_shared<ServeArguments>();
  ServeOptions& options = arguments->options;
  serve->add_option("--state", arguments->state, "State directory")->capture_default_str();
  serve->add_option("--listen", options.listen, "Public address:port; may be repeated")
      ->capture_default_str();
  serve
      ->add_option("--also-listen", arguments->also_listen,
                   "Another address:port, served when it is free; none turns it off")
      ->envname("PIXELL_ALSO_LISTEN")
      ->capture_default_str();
  serve->add_option("--tls-listen", options.tls_listen,
                    "Public address:port that speaks TLS (HTTP/2 and HTTP/1.1); may be repeated");
  add_tls_options(*serve, arguments->tls);
  serve->add_option("--redirect-listen", options.redirect_listen,
                    "Public address:port that leads every request to its https:// address; may be "
                    "repeated");
  serve
      ->add_option("--redirect-port", options.redirect_port,
                   "The port it leads to. Default: that of the first --tls-listen")
      ->check(CLI::Range(1, 65'535));
  add_engine_options(*serve, options.engine, "Options");
  serve->add_option("--allow-file-dir", arguments->allow_file_dirs,
                    "Directory that file:// packages may come from; may be repeated. Default: the "
                    "current directory and the state directory");
  serve->add_option("--allow-host", options.allowed_hosts,
                    "Host name under which the API answers besides loopback; may be repeated");
  serve->add_option("--edge-threads", options.edge_threads, "Threads of the edge")
      ->capture_default_str()
      ->check(CLI::Range(1, edge::kMaxThreads));
  add_edge_names(*serve, {options.domains, options.access_log}, "Options");
  add_edge_settings(*serve, options, "Options");
  add_edge_listener(*serve, options);
  serve->add_flag("--stop-instances", options.stop_instances,
                  "Stop the agents too when stopping; else the next start adopts them");
  serve->callback([arguments, &exit_code, &runners] {
    const auto resolved = resolve(*arguments);
    if (!resolved) complain(resolved.error().message);
    exit_code = resolved ? runners.serve(*resolved) : kWrongUsage;
  });
}

// What `pac serve` gives each role.
void add_role_options(CLI::App& role, RoleOptions& options) {
  role.add_option("--state", options.state_dir)->group("");
  role.add_option("--held-fd", options.held_fds)->group("");
  role.add_option("--life-fd", options.life_fd)->group("");
}

// The roles `pac serve` starts; nobody else needs them, so --help does not list them.
void add_roles(CLI::App& app, int& exit_code, const RoleRunners& runners) {
  CLI::App* control = app.add_subcommand("control", "Control role (started by serve)")->group("");
  auto control_options = std::make_shared<ControlOptions>();
  add_role_options(*control, control_options->role);
  control->get_option("--state")->required();
  add_engine_options(*control, control_options->engine, "");
  control->add_option("--edge-listen-fd", control_options->edge_listen_fd);
  control->add_option(std::string(kEdgeListenOptions.certificate),
                      control_options->edge_files.certificate);
  control->add_option(std::string(kEdgeListenOptions.key), control_options->edge_files.key);
  control->add_option(std::string(kEdgeListenOptions.ca), control_options->edge_files.ca);
  control->add_option("--allow-file-dir", control_options->allow_file_dirs);
  control->add_option("--allow-host", control_options->allowed_hosts);
  control->callback(
      [control_options, &exit_code, &runners] { exit_code = runners.control(*control_options); });

  add_edge_command(app, exit_code, runners.edge);

  CLI::App* node = app.add_subcommand("node", "Node role (started by serve)")->group("");
  auto node_options = std::make_shared<RoleOptions>();
  add_role_options(*node, *node_options);
  node->get_option("--state")->required();
  node->callback([node_options, &exit_code, &runners] { exit_code = runners.node(*node_options); });
}

// For tests of crashes only (base/crash_point.hpp): every point of every room, one a line.
void add_crash_points(CLI::App& app) {
  app.add_subcommand("crash-points", "List where PIXELL_CRASH_POINT may end a role")
      ->group("")
      ->callback([] {
        const std::span<const std::string_view> rooms[] = {
            engine::node::kNodeCrashPoints, reconcile::kControlCrashPoints, kRestoreCrashPoints};
        for (const auto& points : rooms)
          for (const std::string_view name : points) fmt::print("{}\n", name);
      });
}

}  // namespace

int run_command_line(int argc, const char* const* argv, const RoleRunners& runners) {
  CLI::App app{"Pixell agent cloud: deploys, routes and upgrades agent packages"};
  app.set_version_flag("--version", "pac " PIXELL_VERSION);
  app.require_subcommand(1);
  app.footer(kFooter);
  int exit_code = 0;
  add_serve(app, exit_code, runners);
  add_roles(app, exit_code, runners);
  add_crash_points(app);
  add_supervision_commands(app, exit_code);
  add_backup_commands(app, exit_code);
  add_deploy_commands(app, exit_code);
  add_look_commands(app, exit_code);
  add_aws_commands(app, exit_code);
  add_completion_command(app, exit_code);
  CLI11_PARSE(app, argc, argv);
  if (std::fflush(stdout) != 0 && exit_code == 0) {
    complain("standard output cannot be written");
    return 1;
  }
  return exit_code;
}

}  // namespace pixell::cmd
