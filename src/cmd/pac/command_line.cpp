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
#include "cmd/pac/supervision_commands.hpp"
#include "cmd/pac/tls_arguments.hpp"
#include "edge/access_log.hpp"
#include "edge/host_index.hpp"
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

// Roles and API compare whole paths, whatever directory they were given in.
Result<fs::path> absolute_directory(std::string_view option, const std::string& text) {
  if (text.empty())
    return make_error(ErrorCode::InvalidArgument, fmt::format("{} must name a directory", option));
  std::error_code failed;
  const fs::path path = fs::absolute(text, failed);
  if (failed)
    return make_error(
        ErrorCode::InvalidArgument,
        fmt::format("{} {}: the current directory is gone ({}); give an absolute path", option,
                    text, failed.message()));
  return path.lexically_normal();
}

// As CLI11 has it: empty = good.
std::string is_domain(const std::string& text) {
  const auto domain = edge::domain_of(text);
  return domain ? "" : domain.error().message;
}
std::string is_access_log(const std::string& text) {
  const auto choice = edge::access_log_choice(text);
  return choice ? "" : choice.error().message;
}

// The options of `pac serve` as they are typed.
struct ServeArguments {
  ServeOptions options;
  std::string state = ".pixell";
  std::string also_listen = kSdkAddress;
  std::vector<std::string> allow_file_dirs;
  TlsArguments tls;
};

// Whether the TLS options go together.
Result<void> check_tls(const ServeOptions& options) {
  const auto needs = [](std::string_view option, std::string_view other) {
    return make_error(ErrorCode::InvalidArgument, fmt::format("{} needs {}", option, other));
  };
  const bool has_certificate = !options.tls.certificates.empty();
  if (!options.tls_listen.empty() && !has_certificate)
    return needs("--tls-listen", "--tls-cert FILE and --tls-key FILE");
  if (has_certificate && options.tls_listen.empty())
    return needs("--tls-cert", "--tls-listen ADDRESS:PORT, where it is shown");
  if (!options.tls.client_ca.empty() && options.tls_listen.empty())
    return needs("--tls-client-ca", "--tls-listen ADDRESS:PORT, where clients are asked");
  if (!options.redirect_listen.empty() && options.tls_listen.empty())
    return needs("--redirect-listen", "--tls-listen ADDRESS:PORT, where it leads");
  if (options.redirect_port != 0 && options.redirect_listen.empty())
    return needs("--redirect-port", "--redirect-listen ADDRESS:PORT");
  return {};
}

Result<ServeOptions> resolve(const ServeArguments& arguments) {
  ServeOptions options = arguments.options;
  TRY(options.state_dir, absolute_directory("--state", arguments.state));
  if (auto trusted = edge::TrustedProxies::parse(options.trusted_proxies); !trusted)
    return trusted.error();
  if (arguments.also_listen != "none") options.also_listen = arguments.also_listen;
  TRY(options.tls, resolve_tls(arguments.tls));
  TRY_VOID(check_tls(options));
  for (const std::string& directory : arguments.allow_file_dirs) {
    TRY(fs::path path, absolute_directory("--allow-file-dir", directory));
    options.allow_file_dirs.push_back(std::move(path));
  }
  if (!options.allow_file_dirs.empty()) return options;
  TRY(fs::path current, absolute_directory("--allow-file-dir", "."));
  options.allow_file_dirs = {std::move(current), options.state_dir};
  return options;
}

// What `pac serve` hands on to the edge: the same options for both.
template <class Options>
void add_edge_settings(CLI::App& app, Options& options, const char* group) {
  app.add_option("--trusted-proxy", options.trusted_proxies,
                 "Address or network (10.0.0.0/8) of a proxy whose X-Forwarded-* and Forwarded are "
                 "continued, or unix; may be repeated. From others they are replaced")
      ->group(group);
  app.add_option("--max-exchanges", options.max_exchanges,
                 "Requests to agents under way in one edge thread; more are 503")
      ->capture_default_str()
      ->check(CLI::PositiveNumber)
      ->group(group);
  app.add_option("--shed-after-ms", options.shed_after_ms,
                 "Shed requests to agents while an edge thread stays behind its events by so many "
                 "milliseconds; 0 turns it off")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber)
      ->group(group);
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
  serve
      ->add_option("--domain", options.domains,
                   "Domain below which every agent has a host, {app}.DOMAIN; may be repeated")
      ->check(is_domain);
  serve
      ->add_option("--access-log", options.access_log,
                   "Requests to agents that get a log line: all, errors, none or 1/N")
      ->capture_default_str()
      ->check(is_access_log);
  add_edge_settings(*serve, options, "Options");
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

// A role as well, and the place of `edge explain`.
void add_edge(CLI::App& app, int& exit_code, const RoleRunners& runners) {
  CLI::App* edge =
      add_command(app, {"Look", "edge", "`edge explain`: where a request goes, and why",
                        "pac edge explain /agents/my-agent/api/hello"});
  auto options = std::make_shared<EdgeOptions>();
  add_role_options(*edge, options->role);
  edge->add_option("--listen-fd", options->listen_fds)->group("");
  edge->add_option("--threads", options->threads)->group("");
  edge->add_option("--domain", options->domains)->group("")->check(is_domain);
  auto access_log = std::make_shared<std::string>("all");
  edge->add_option("--access-log", *access_log)->group("")->check(is_access_log);
  edge->add_option("--tls-listen-fd", options->tls_listen_fds)->group("");
  edge->add_option("--redirect-listen-fd", options->redirect_listen_fds)->group("");
  edge->add_option("--redirect-port", options->redirect_port)->group("");
  auto tls = std::make_shared<TlsArguments>();
  add_tls_options(*edge, *tls);
  for (CLI::Option* option : edge->get_options())
    if (option->get_name().starts_with("--tls-")) option->group("");
  edge->add_option("--head-timeout-ms", options->head_timeout_ms)
      ->group("")
      ->check(CLI::PositiveNumber);
  edge->add_option("--send-stall-timeout-ms", options->send_stall_timeout_ms)
      ->group("")
      ->check(CLI::PositiveNumber);
  edge->add_option("--body-stall-timeout-ms", options->body_stall_timeout_ms)
      ->group("")
      ->check(CLI::PositiveNumber);
  add_edge_settings(*edge, *options, "");
  edge->require_subcommand(0, 1);
  add_explain_command(*edge, exit_code);
  edge->callback([edge, options, access_log, tls, &exit_code, &runners] {
    if (!edge->get_subcommands().empty()) return;
    if (options->role.state_dir.empty() || options->listen_fds.empty()) {
      exit_code = wrong_usage("edge needs a subcommand: `pac edge explain URL`; see --help");
      return;
    }
    auto resolved = resolve_tls(*tls);
    if (!resolved) {
      exit_code = wrong_usage(resolved.error().message);
      return;
    }
    options->tls = std::move(*resolved);
    options->control_socket = control_socket(options->role.state_dir);
    options->access_log = *edge::access_log_choice(*access_log);  // it was checked
    for (std::string& domain : options->domains) domain = *edge::domain_of(domain);
    exit_code = runners.edge(*options);
  });
}

// The roles `pac serve` starts; nobody else needs them, so --help does not list them.
void add_roles(CLI::App& app, int& exit_code, const RoleRunners& runners) {
  CLI::App* control = app.add_subcommand("control", "Control role (started by serve)")->group("");
  auto control_options = std::make_shared<ControlOptions>();
  add_role_options(*control, control_options->role);
  control->get_option("--state")->required();
  add_engine_options(*control, control_options->engine, "");
  control->add_option("--allow-file-dir", control_options->allow_file_dirs);
  control->add_option("--allow-host", control_options->allowed_hosts);
  control->callback(
      [control_options, &exit_code, &runners] { exit_code = runners.control(*control_options); });

  add_edge(app, exit_code, runners);

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
