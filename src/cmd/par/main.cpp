// par: the data plane of one agent. The composition root: finds out what is asked, checks the
// configuration and runs the runtime on its loop.

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "cmd/par/completion.hpp"
#include "cmd/par/find_programs.hpp"
#include "cmd/par/healthcheck.hpp"
#include "cmd/par/start_mode.hpp"
#include "cmd/par/terminal_output.hpp"
#include "cmd/terminal/text.hpp"
#include "net/event_loop.hpp"
#include "par/boot/early_exit.hpp"
#include "par/children.hpp"
#include "par/config.hpp"
#include "par/environment_file.hpp"
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

int fail_before_boot(const par::Environment& env, const Log& log, const std::string& message,
                     std::string remedy = {}) {
  return par::fail_early(
      env, model::make_failure(model::Cause::Internal, message, {}, std::move(remedy)), log,
      system_clock());
}

std::string value_of(const par::Environment& env, const char* name) {
  const auto found = env.find(name);
  return found == env.end() ? std::string() : found->second;
}

// A person who runs a package gets text instead of JSON; nullptr for everybody else.
Result<std::unique_ptr<TerminalOutput>> terminal_for(const StartMode& mode,
                                                     const par::Environment& env) {
  const Screen screen = look_at_screen(STDOUT_FILENO, env);
  if (!mode.is_command_line || mode.wants_json || !screen.is_terminal) return nullptr;
  const std::string port = value_of(env, "REST_PORT");
  return TerminalOutput::start("http://127.0.0.1:" + (port.empty() ? "8080" : port),
                               screen.has_colour);
}

int run_with(const StartMode& mode, par::Environment env, Log log) {
  const auto added = par::add_environment_file(env);
  par::ConfigStart start{.package_path = mode.package_path};
  if (mode.is_command_line) start.listen_addr = "127.0.0.1";
  // The child that opens it has another working directory.
  if (!start.package_path.empty())
    start.package_path = std::filesystem::absolute(start.package_path).lexically_normal();

  const auto id = env.find("AGENT_APP_ID");
  if (id != env.end()) log = log.with("agentAppId", id->second);
  const auto deployment = env.find("DEPLOYMENT_ID");
  if (deployment != env.end() && !deployment->second.empty())
    log = log.with("deploymentId", deployment->second);

  if (!added) return par::refuse_config(env, {added.error().message}, log, system_clock());
  auto config = par::parse_config(env, start);
  if (!config) return par::refuse_config(env, config.error(), log, system_clock());
  auto programs = find_programs(env);
  if (!programs)
    return fail_before_boot(env, log, programs.error().message,
                            "Install par with the programs it starts, or name them with "
                            "PAR_PREPARE and PIXELL_SHARE.");
  auto loop = net::EventLoop::create();
  if (!loop) return fail_before_boot(env, log, loop.error().message);
  par::Children children;
  par::Runtime runtime(**loop, children, std::move(*config), env, std::move(*programs), log);
  auto signals =
      par::Signals::create(**loop, children, [&runtime](int signal) { runtime.stop(signal); });
  if (!signals) return fail_before_boot(env, log, signals.error().message);
  runtime.start();
  (*loop)->run();
  return runtime.exit_code();
}

int run(const StartMode& mode, const par::Environment& env) {
  if (const auto held = par::Signals::hold(); !held)
    return fail_before_boot(env, Log(), held.error().message);
  const auto terminal = terminal_for(mode, env);
  if (!terminal) return fail_before_boot(env, Log(), terminal.error().message);
  return run_with(mode, env, *terminal ? Log((*terminal)->fd(), LogLevel::Debug) : Log());
}

// par-package is another program: par itself links no library for zip or YAML.
int run_package_program(const StartMode& mode) {
  std::error_code failed;
  const std::string program =
      std::filesystem::read_symlink("/proc/self/exe", failed).parent_path() / "par-package";
  std::vector<std::string> words = mode.arguments;
  words.insert(words.begin(), program);
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::execv(program.c_str(), argv.data());
  fmt::print(stderr, "par: cannot start {}: {}\n", program, std::strerror(errno));
  return 2;
}

int healthcheck(const StartMode& mode, const par::Environment& env) {
  const auto target = health_target(mode.arguments, env);
  const auto healthy = target ? ask_health(*target) : Result<void>(target.error());
  if (healthy) return 0;
  fmt::print(stderr, "par: not healthy: {}\n", healthy.error().message);
  return 1;
}

int print_completion(const StartMode& mode) {
  const auto script = mode.arguments.empty()
                          ? std::nullopt
                          : completion_script(par_words(), mode.arguments.front());
  if (!script) {
    fmt::print(stderr, "par: `par completion` needs the name of a shell: bash, zsh or fish\n");
    return 1;
  }
  fmt::print("{}", *script);
  return 0;
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
    case StartMode::Kind::Package:
      return run_package_program(mode);
    case StartMode::Kind::Healthcheck:
      return healthcheck(mode, env);
    case StartMode::Kind::Completion:
      return print_completion(mode);
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
