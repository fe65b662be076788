// par: the data plane of one agent. The composition root: finds out what is asked, checks the
// configuration and runs the runtime on its loop.

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "cmd/par/find_programs.hpp"
#include "cmd/par/start_mode.hpp"
#include "net/event_loop.hpp"
#include "par/children.hpp"
#include "par/config.hpp"
#include "par/runtime.hpp"

namespace pixell::cmd {
namespace {

par::Environment process_environment() {
  par::Environment env;
  for (char** entry = ::environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view line(*entry);
    const auto equals = line.find('=');
    if (equals != std::string_view::npos && equals > 0)
      env.emplace(line.substr(0, equals), line.substr(equals + 1));
  }
  return env;
}

int fail_before_boot(const Log& log, const std::string& message, std::string remedy) {
  const auto failure = model::make_failure(model::Cause::Internal, message, {}, std::move(remedy));
  const int code = model::exit_code_of(failure.cause);
  par::log_boot_failed(log, failure, code);
  return code;
}

int run(const StartMode& mode, const par::Environment& env) {
  par::ConfigStart start{.package_path = mode.package_path};
  if (mode.is_command_line) start.listen_addr = "127.0.0.1";
  // The child that opens it has another working directory.
  if (!start.package_path.empty())
    start.package_path = std::filesystem::absolute(start.package_path).lexically_normal();

  Log log;
  const auto id = env.find("AGENT_APP_ID");
  if (id != env.end()) log = log.with("agentAppId", id->second);
  const auto deployment = env.find("DEPLOYMENT_ID");
  if (deployment != env.end() && !deployment->second.empty())
    log = log.with("deploymentId", deployment->second);

  auto config = par::parse_config(env, start);
  if (!config) return par::refuse_config(env, config.error(), log, system_clock());
  auto programs = find_programs(env);
  if (!programs)
    return fail_before_boot(log, programs.error().message,
                            "Install par with the programs it starts, or name them with "
                            "PAR_PREPARE and PIXELL_SHARE.");
  auto loop = net::EventLoop::create();
  if (!loop) return fail_before_boot(log, loop.error().message, {});
  par::Children children;
  par::Runtime runtime(**loop, children, std::move(*config), env, std::move(*programs), log);
  auto signals =
      par::Signals::create(**loop, children, [&runtime](int signal) { runtime.stop(signal); });
  if (!signals) return fail_before_boot(log, signals.error().message, {});
  runtime.start();
  (*loop)->run();
  return runtime.exit_code();
}

int main_with(const std::vector<std::string>& arguments) {
  const par::Environment env = process_environment();
  const StartMode mode = decide_start(arguments, env);
  for (const std::string& argument : mode.ignored)
    fmt::print(stderr, "par: unknown argument '{}' is ignored\n", argument);
  switch (mode.kind) {
    case StartMode::Kind::Version:
      fmt::print("par {}\n", PIXELL_VERSION);
      return 0;
    case StartMode::Kind::Help:
      fmt::print("{}", help_text());
      return 0;
    case StartMode::Kind::Status:
      fmt::print("'par status' is no longer supported.\n");
      fmt::print("Use the control plane instead: `pac status`, or GET /agents/<id>/health.\n");
      return 1;
    case StartMode::Kind::Refused:
      fmt::print(stderr, "par: {}\n", mode.error);
      return 1;
    case StartMode::Kind::Run:
      return run(mode, env);
  }
  return 1;
}

}  // namespace
}  // namespace pixell::cmd

int main(int argc, char** argv) {
  return pixell::cmd::main_with(std::vector<std::string>(argv + 1, argv + argc));
}
