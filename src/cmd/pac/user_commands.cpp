#include "cmd/pac/user_commands.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/clock.hpp"
#include "cmd/pac/api_client.hpp"
#include "cmd/pac/deployment_follower.hpp"

namespace pixell::cmd {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct Target {
  std::string url = "http://127.0.0.1:4000";
};

void add_url(CLI::App& command, Target& target) {
  command.add_option("--url", target.url, "Where Pixell listens")
      ->envname("PIXELL_URL")
      ->capture_default_str();
}

// Runs a command and tells how it ended. Commands read answers with at(): what is not there or of
// another type ends here.
int run_command(const std::function<Outcome<void>()>& command) {
  CommandFailure failure;
  try {
    const auto done = command();
    if (done) return static_cast<int>(ExitCode::Done);
    failure = done.error();
  } catch (const json::exception& wrong) {
    failure.lines = {
        fmt::format("the answer is not one of Pixell's API ({}); check --url and that "
                    "pac and Pixell have the same version",
                    wrong.what())};
  }
  std::fflush(stdout);  // what went well comes first
  for (const std::string& line : failure.lines) fmt::print(stderr, "pac: {}\n", line);
  return static_cast<int>(failure.code);
}

// The URL of a package: an address as it is, a path as file:// with its absolute path.
Outcome<std::string> package_url(const std::string& package) {
  if (package.find("://") != std::string::npos) return package;
  std::error_code failed;
  const fs::path path = fs::absolute(package, failed);
  if (failed || !fs::is_regular_file(path, failed))
    return std::unexpected(
        CommandFailure{.code = ExitCode::Failed,
                       .lines = {fmt::format("package '{}' is not a file; give the path of an "
                                             ".apkg file, or an https:// address",
                                             package)}});
  return "file://" + percent_encode(path.string(), "/");
}

struct DeployOptions : Target {
  std::string package, app;
  bool wait = false;
};

Outcome<void> deploy(const DeployOptions& options) {
  const ApiClient api(options.url);
  const auto url = package_url(options.package);
  if (!url) return std::unexpected(url.error());
  const auto reply =
      api.post("/deployments", json{{"agentAppId", options.app}, {"packageUrl", *url}});
  if (!reply) return std::unexpected(reply.error());
  const std::string id = reply->at("deployment").at("id");
  fmt::print("deployment {} accepted\n", id);
  std::fflush(stdout);
  if (!options.wait) return {};
  return follow_deployment(api, id, system_clock());
}

Outcome<void> list_apps(const Target& target) {
  const auto reply = ApiClient(target.url).get("/v1/apps");
  if (!reply) return std::unexpected(reply.error());
  const json& apps = reply->at("apps");
  fmt::print("{:<32} {:<10} {}\n", "APP", "SHORT ID", "REVISION");
  for (const json& one : apps)
    fmt::print("{:<32} {:<10} {}\n", one.at("id").get<std::string>(),
               one.at("short_id").get<std::string>(),
               one.at("desired_revision").get<std::int64_t>());
  return {};
}

Outcome<void> show_status(const Target& target, const std::string& name) {
  const auto reply = ApiClient(target.url).get("/v1/apps/" + percent_encode(name));
  if (!reply) return std::unexpected(reply.error());
  const json& app = reply->at("app");
  fmt::print("{} ({}), desired revision {}\n", app.at("id").get<std::string>(),
             app.at("short_id").get<std::string>(), app.at("desired_revision").get<std::int64_t>());
  fmt::print("{:<28} {:<9} {:<10} {}\n", "INSTANCE", "REVISION", "PHASE", "PID");
  for (const json& one : reply->at("instances"))
    fmt::print("{:<28} {:<9} {:<10} {}\n", one.at("id").get<std::string>(),
               one.at("revision").get<std::int64_t>(), one.at("phase").get<std::string>(),
               one.at("pid").get<std::int64_t>());
  return {};
}

Outcome<void> print_log(const Target& target, const std::string& instance) {
  const auto log =
      ApiClient(target.url).get_text("/v1/instances/" + percent_encode(instance) + "/logs");
  if (!log) return std::unexpected(log.error());
  fmt::print("{}", *log);
  return {};
}

// An argument that must say something.
const CLI::Validator kNotEmpty(
    [](const std::string& text) { return text.empty() ? "must not be empty" : ""; }, "");

void add_deploy(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("deploy", "Deploy a package");
  auto options = std::make_shared<DeployOptions>();
  command->add_option("package", options->package, "An .apkg file, or an https:// address")
      ->required();
  command->add_option("--app", options->app, "Agent app id")->required()->check(kNotEmpty);
  command->add_flag("--wait", options->wait, "Follow the deployment to its end");
  add_url(*command, *options);
  command->callback(
      [options, &exit_code] { exit_code = run_command([&] { return deploy(*options); }); });
}

void add_apps(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("apps", "List the agent apps");
  auto target = std::make_shared<Target>();
  add_url(*command, *target);
  command->callback(
      [target, &exit_code] { exit_code = run_command([&] { return list_apps(*target); }); });
}

// A command about one thing that is named by an argument.
using About = Outcome<void> (*)(const Target&, const std::string&);

void add_about(CLI::App* command, const std::string& argument, const std::string& description,
               About about, int& exit_code) {
  auto target = std::make_shared<Target>();
  auto name = std::make_shared<std::string>();
  command->add_option(argument, *name, description)->required()->check(kNotEmpty);
  add_url(*command, *target);
  command->callback([target, name, about, &exit_code] {
    exit_code = run_command([&] { return about(*target, *name); });
  });
}

}  // namespace

void add_user_commands(CLI::App& app, int& exit_code) {
  add_deploy(app, exit_code);
  add_apps(app, exit_code);
  add_about(app.add_subcommand("status", "Show the instances of an agent app"), "app",
            "Full or short id", show_status, exit_code);
  add_about(app.add_subcommand("logs", "Print the end of an instance's log"), "instance",
            "Instance id, as `pac status` shows it", print_log, exit_code);
}

}  // namespace pixell::cmd
