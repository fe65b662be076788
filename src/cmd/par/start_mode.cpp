#include "cmd/par/start_mode.hpp"

#include <algorithm>
#include <array>

namespace pixell::cmd {

namespace {

bool has(const std::vector<std::string>& arguments, const char* one, const char* other) {
  return std::ranges::any_of(
      arguments, [=](const std::string& argument) { return argument == one || argument == other; });
}

std::string value_of(const par::Environment& env, const char* name) {
  const auto found = env.find(name);
  return found == env.end() ? std::string() : found->second;
}

// The commands that run no agent, or Refused.
StartMode::Kind tool_kind(std::string_view command) {
  constexpr std::array<std::string_view, 4> kPackage = {"validate", "inspect", "pack", "routes"};
  if (std::ranges::find(kPackage, command) != kPackage.end()) return StartMode::Kind::Package;
  if (command == "healthcheck") return StartMode::Kind::Healthcheck;
  if (command == "completion") return StartMode::Kind::Completion;
  return StartMode::Kind::Refused;
}

}  // namespace

StartMode decide_start(const std::vector<std::string>& arguments, const par::Environment& env) {
  StartMode mode;
  if (has(arguments, "--version", "-V")) {
    mode.kind = StartMode::Kind::Version;
    return mode;
  }
  if (has(arguments, "--help", "-h")) {
    mode.kind = StartMode::Kind::Help;
    return mode;
  }
  const std::string command = arguments.empty() ? std::string() : arguments.front();
  if (const auto tool = tool_kind(command); tool != StartMode::Kind::Refused) {
    mode.kind = tool;
    mode.arguments = arguments;
    if (tool != StartMode::Kind::Package) mode.arguments.erase(mode.arguments.begin());
    return mode;
  }
  const bool is_known = command == "run" || command == "status";
  std::string package;
  for (std::size_t at = is_known ? 1 : 0; at < arguments.size(); ++at) {
    const std::string& argument = arguments[at];
    if (command == "run" && argument == "--json")
      mode.wants_json = true;
    else if (command == "run" && package.empty() && !argument.starts_with('-'))
      package = argument;
    else
      mode.ignored.push_back(argument);
  }
  const bool has_package = !package.empty();

  if (const std::string path = value_of(env, "AGENT_PACKAGE_PATH"); !path.empty()) {
    mode.kind = StartMode::Kind::Run;
    mode.package_path = path;
  } else if (command == "run" && has_package) {
    mode.kind = StartMode::Kind::Run;
    mode.package_path = package;
    mode.is_command_line = true;
  } else if (command == "run") {
    mode.error = "`par run` needs the path of a package: par run <package.apkg|directory>";
  } else if (command == "status") {
    mode.kind = StartMode::Kind::Status;
  } else if (!value_of(env, "PACKAGE_URL").empty()) {
    mode.kind = StartMode::Kind::Run;
  } else {
    mode.error =
        "No package to run: set PACKAGE_URL or AGENT_PACKAGE_PATH, or use `par run <package>`.";
  }
  return mode;
}

std::string help_text() {
  return
      R"(par runs ONE agent package and serves its REST, A2A and UI surfaces.

  par run <package.apkg|directory> [--json]       run a local package on 127.0.0.1
  par                                             run what PACKAGE_URL or AGENT_PACKAGE_PATH names
  par validate <package.apkg|directory> [--json]  all that is wrong with a package, at once
  par inspect <package.apkg|directory> [--json]   what a package is and holds
  par routes <package.apkg|directory> [--json]    which paths go where
  par pack <directory> [-o file] [--json]         make a package, the same bytes for the same input
  par healthcheck [--port N | --url URL]          exit 0 when a running par is healthy
  par completion bash|zsh|fish                    a completion script for a shell
  par --version | --help

Required in every mode:
  AGENT_APP_ID       id of the agent

Most used:
  PACKAGE_URL        s3://bucket/key or https://…      PACKAGE_SHA256   its digest
  REST_PORT 8080     A2A_PORT 50051     UI_PORT 3000   LISTEN_ADDR      address to bind
  BASE_PATH /        prefix of all paths, e.g. /agents/<id>
  INSTANCE_DIR       directory for state.json, boot_report.json, exit.json
  STARTUP_TIMEOUT_SEC 300               GRACEFUL_SHUTDOWN_TIMEOUT_SEC 30

Try:  AGENT_APP_ID=hello par run examples/hello-three-surfaces
      curl http://127.0.0.1:8080/health
)";
}

}  // namespace pixell::cmd
