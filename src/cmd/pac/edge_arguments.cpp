#include "cmd/pac/edge_arguments.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "cmd/pac/command_arguments.hpp"
#include "cmd/pac/control.hpp"
#include "cmd/pac/control_link.hpp"
#include "cmd/pac/limits.hpp"
#include "cmd/pac/tls_arguments.hpp"
#include "edge/access_log.hpp"
#include "edge/host_index.hpp"
#include "edge/trusted_proxies.hpp"

namespace pixell::cmd {

namespace {

constexpr const char* kGroup = "Options";
constexpr const char* kStateOfAlone = ".pixell-edge";

// As CLI11 has it: empty = good.
std::string is_domain(const std::string& text) {
  const auto domain = edge::domain_of(text);
  return domain ? "" : domain.error().message;
}
std::string is_access_log(const std::string& text) {
  const auto choice = edge::access_log_choice(text);
  return choice ? "" : choice.error().message;
}

// The options of `pac edge` as they are typed.
struct EdgeArguments {
  EdgeOptions options;
  std::string state;
  std::string access_log = "all";
  TlsArguments tls;
  EdgeAlone alone{.listen = {.plain = {"127.0.0.1:4000"}}};
};

// What only the supervisor gives.
void add_role_options(CLI::App& edge, EdgeOptions& options) {
  edge.add_option("--held-fd", options.role.held_fds)->group("");
  edge.add_option("--life-fd", options.role.life_fd)->group("");
  edge.add_option("--listen-fd", options.listen_fds)->group("");
  edge.add_option("--tls-listen-fd", options.tls_listen_fds)->group("");
  edge.add_option("--redirect-listen-fd", options.redirect_listen_fds)->group("");
  for (const auto& [name, value] : {std::pair("--head-timeout-ms", &options.head_timeout_ms),
                                    {"--send-stall-timeout-ms", &options.send_stall_timeout_ms},
                                    {"--body-stall-timeout-ms", &options.body_stall_timeout_ms}})
    edge.add_option(name, *value)->group("")->check(CLI::PositiveNumber);
}

void add_control_options(CLI::App& edge, EdgeAlone& alone) {
  edge.add_option("--control", alone.control,
                  "https://HOST:PORT of a control plane elsewhere (`pac serve --edge-listen`): run "
                  "an edge that gets its routes there")
      ->envname("PAC_CONTROL");
  edge.add_option(std::string(kControlOptions.ca), alone.peer.ca,
                  "PEM file of the authority that signed its certificate, or the PEM itself")
      ->envname("PAC_CONTROL_CA");
  edge.add_option(std::string(kControlOptions.certificate), alone.peer.certificate,
                  "PEM file of the certificate that this edge shows it, or the PEM itself")
      ->envname("PAC_CONTROL_CERT");
  edge.add_option(std::string(kControlOptions.key), alone.peer.key,
                  "PEM file of its private key, or the PEM itself")
      ->envname("PAC_CONTROL_KEY");
  edge.add_option("--edge-id", alone.id,
                  "Letters and digits that no other edge of this control has. Default: made of the "
                  "host's name and kept in the state directory")
      ->envname("PAC_EDGE_ID");
}

void add_listen_options(CLI::App& edge, EdgeArguments& arguments) {
  PublicAddresses& listen = arguments.alone.listen;
  edge.add_option("--state", arguments.state,
                  fmt::format("State directory: the last routes. Default: {}", kStateOfAlone));
  edge.add_option("--listen", listen.plain, "Public address:port; may be repeated")
      ->capture_default_str();
  edge.add_option("--tls-listen", listen.tls,
                  "Public address:port that speaks TLS; may be repeated");
  add_tls_options(edge, arguments.tls);
  edge.add_option("--redirect-listen", listen.redirect,
                  "Public address:port that leads every request to its https:// address; may be "
                  "repeated");
  edge.add_option("--redirect-port", arguments.options.redirect_port,
                  "The port it leads to. Default: that of the first --tls-listen")
      ->check(CLI::Range(1, 65'535));
  edge.add_option("--threads", arguments.options.threads, "Threads of the edge")
      ->capture_default_str()
      ->check(CLI::Range(1, edge::kMaxThreads));
}

// An edge that `pac serve` does not supervise.
Result<void> resolve_alone(EdgeArguments& arguments) {
  EdgeAlone& alone = arguments.alone;
  EdgeOptions& options = arguments.options;
  TRY(alone.control, parse_control_url(alone.control));
  TRY_VOID(check_whole(alone.peer, "--control", kControlOptions));
  if (!alone.id.empty()) TRY_VOID(check_edge_id(alone.id));
  if (auto trusted = edge::TrustedProxies::parse(options.trusted_proxies); !trusted)
    return trusted.error();
  TRY_VOID(check_tls({.tls = options.tls,
                      .is_listening = !alone.listen.tls.empty(),
                      .is_redirecting = !alone.listen.redirect.empty(),
                      .redirect_port = options.redirect_port}));
  TRY(options.role.state_dir,
      absolute_directory("--state", arguments.state.empty() ? kStateOfAlone : arguments.state));
  options.alone = alone;
  return {};
}

Result<void> resolve(EdgeArguments& arguments) {
  EdgeOptions& options = arguments.options;
  TRY(options.tls, resolve_tls(arguments.tls));
  options.access_log = *edge::access_log_choice(arguments.access_log);  // it was checked
  for (std::string& domain : options.domains) domain = *edge::domain_of(domain);
  // What the environment says of a remote control is not for an edge that has its own.
  if (!options.listen_fds.empty()) {
    options.role.state_dir = arguments.state;
    options.control_socket = control_socket(options.role.state_dir);
    return {};
  }
  if (!arguments.alone.control.empty()) return resolve_alone(arguments);
  if (!arguments.alone.peer.is_empty())
    return make_error(ErrorCode::InvalidArgument,
                      "--control-ca, --control-cert and --control-key need --control "
                      "https://HOST:PORT: whom they are for");
  return make_error(ErrorCode::InvalidArgument,
                    "edge needs a subcommand, `pac edge explain URL`, or --control "
                    "https://HOST:PORT to run an edge; see --help");
}

}  // namespace

void add_edge_names(CLI::App& app, EdgeNames names, const char* group) {
  app.add_option("--domain", names.domains,
                 "Domain below which every agent has a host, {app}.DOMAIN; may be repeated")
      ->check(is_domain)
      ->group(group);
  app.add_option("--access-log", names.access_log,
                 "Requests to agents that get a log line: all, errors, none or 1/N")
      ->capture_default_str()
      ->check(is_access_log)
      ->group(group);
}

void add_edge_command(CLI::App& app, int& exit_code,
                      const std::function<int(const EdgeOptions&)>& run) {
  CLI::App* edge = add_command(
      app, {"Run", "edge",
            "Run an edge for a control plane elsewhere; `edge explain`: where a "
            "request goes, and why",
            "pac edge --control https://control.internal:4443 --control-ca ca.pem --control-cert "
            "edge.pem --control-key edge.key --listen 0.0.0.0:4000"});
  auto arguments = std::make_shared<EdgeArguments>();
  add_control_options(*edge, arguments->alone);
  add_listen_options(*edge, *arguments);
  add_edge_names(*edge, {arguments->options.domains, arguments->access_log}, kGroup);
  add_edge_settings(*edge, arguments->options, kGroup);
  add_role_options(*edge, arguments->options);
  edge->require_subcommand(0, 1);
  add_explain_command(*edge, exit_code);
  edge->callback([edge, arguments, &exit_code, &run] {
    if (!edge->get_subcommands().empty()) return;
    const auto resolved = resolve(*arguments);
    exit_code = resolved ? run(arguments->options) : wrong_usage(resolved.error().message);
  });
}

}  // namespace pixell::cmd
