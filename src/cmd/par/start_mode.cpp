#include "cmd/par/start_mode.hpp"

#include <algorithm>

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
  const bool has_package = arguments.size() > 1 && !arguments[1].starts_with('-');
  std::size_t used = 0;
  if (command == "run") used = has_package ? 2 : 1;
  if (command == "status") used = 1;
  mode.ignored.assign(arguments.begin() + static_cast<std::ptrdiff_t>(used), arguments.end());

  if (const std::string path = value_of(env, "AGENT_PACKAGE_PATH"); !path.empty()) {
    mode.kind = StartMode::Kind::Run;
    mode.package_path = path;
  } else if (command == "run" && has_package) {
    mode.kind = StartMode::Kind::Run;
    mode.package_path = arguments[1];
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

  par run <package.apkg|directory>   run a local package on 127.0.0.1
  par                                run what PACKAGE_URL or AGENT_PACKAGE_PATH names
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
