#include "cmd/pac/user_commands.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/clock.hpp"
#include "net/client/http_fetch.hpp"

namespace pixell::cmd {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kFailed = 1, kDeploymentFailed = 2, kNotFound = 3, kNotReachable = 4;
constexpr int kPollMs = 200;

struct Target {
  std::string url = "http://127.0.0.1:4000";
};

void add_url(CLI::App& command, Target& target) {
  command.add_option("--url", target.url, "Where Pixell listens")
      ->envname("PIXELL_URL")
      ->capture_default_str();
}

void complain(std::string_view text) { fmt::print(stderr, "pac: {}\n", text); }

// Performs a request and prints what is wrong; true when the reply is a success.
bool request(const net::FetchRequest& wanted, net::FetchReply& reply, int& exit_code) {
  auto got = net::fetch(wanted);
  if (!got) {
    complain(fmt::format("{}: {}; is `pac serve` running?", wanted.url, got.error().message));
    exit_code = kNotReachable;
    return false;
  }
  reply = std::move(*got);
  if (reply.status < 400) return true;
  const json body = json::parse(reply.body, nullptr, false);
  complain(body.is_object() ? body.value("error", reply.body) : reply.body);
  if (body.is_object())
    for (const auto& detail : body.value("details", json::array()))
      complain("  " + (detail.is_string() ? detail.get<std::string>() : detail.dump()));
  exit_code = reply.status == 404 ? kNotFound : kFailed;
  return false;
}

void print_failure(const json& deployment) {
  const json failure = deployment.value("failure", json::object());
  complain("deployment failed: " + deployment.value("error", std::string("no cause given")));
  for (const auto& line : failure.value("evidence", json::array()))
    complain("  " + line.get<std::string>());
  complain("  what to do: " + failure.value("remedy", std::string("see the instance's log")));
}

// Follows a deployment to its end, which its deadline guarantees.
int follow(const Target& target, const std::string& id) {
  std::string shown;
  while (true) {
    net::FetchReply reply;
    int exit_code = 0;
    if (!request({.url = target.url + "/api/deployments/" + id}, reply, exit_code))
      return exit_code;
    const json deployment = json::parse(reply.body)["deployment"];
    const std::string status = deployment["status"];
    const std::string now = status + " " + deployment["progress"].value("current_step", "");
    if (now != shown) fmt::print("{}\n", now);
    shown = now;
    if (status == "completed") return 0;
    if (status == "failed") {
      print_failure(deployment);
      return kDeploymentFailed;
    }
    ::poll(nullptr, 0, kPollMs);
  }
}

void add_deploy(CLI::App& app, int& exit_code) {
  CLI::App* deploy = app.add_subcommand("deploy", "Deploy a package");
  struct Options : Target {
    std::string package, app;
    bool wait = false;
  };
  auto options = std::make_shared<Options>();
  deploy->add_option("package", options->package, "An .apkg file, or an https:// address")
      ->required();
  deploy->add_option("--app", options->app, "Agent app id")->required();
  deploy->add_flag("--wait", options->wait, "Follow the deployment to its end");
  add_url(*deploy, *options);
  deploy->callback([options, &exit_code] {
    const bool is_url = options->package.find("://") != std::string::npos;
    const std::string url =
        is_url ? options->package : "file://" + fs::absolute(options->package).string();
    net::FetchReply reply;
    if (!request({.method = "POST",
                  .url = options->url + "/deployments",
                  .body = json{{"agentAppId", options->app}, {"packageUrl", url}}.dump()},
                 reply, exit_code))
      return;
    const std::string id = json::parse(reply.body)["deployment"]["id"];
    fmt::print("deployment {} accepted\n", id);
    std::fflush(stdout);
    if (options->wait) exit_code = follow(*options, id);
  });
}

void add_apps(CLI::App& app, int& exit_code) {
  CLI::App* apps = app.add_subcommand("apps", "List the agent apps");
  auto target = std::make_shared<Target>();
  add_url(*apps, *target);
  apps->callback([target, &exit_code] {
    net::FetchReply reply;
    if (!request({.url = target->url + "/v1/apps"}, reply, exit_code)) return;
    fmt::print("{:<32} {:<10} {}\n", "APP", "SHORT ID", "REVISION");
    for (const auto& one : json::parse(reply.body)["apps"])
      fmt::print("{:<32} {:<10} {}\n", one["id"].get<std::string>(),
                 one["short_id"].get<std::string>(), one["desired_revision"].get<std::int64_t>());
  });
}

void add_status(CLI::App& app, int& exit_code) {
  CLI::App* status = app.add_subcommand("status", "Show the instances of an agent app");
  auto target = std::make_shared<Target>();
  auto name = std::make_shared<std::string>();
  status->add_option("app", *name, "Full or short id")->required();
  add_url(*status, *target);
  status->callback([target, name, &exit_code] {
    net::FetchReply reply;
    if (!request({.url = target->url + "/v1/apps/" + *name}, reply, exit_code)) return;
    const json body = json::parse(reply.body);
    fmt::print("{} ({}), desired revision {}\n", body["app"]["id"].get<std::string>(),
               body["app"]["short_id"].get<std::string>(),
               body["app"]["desired_revision"].get<std::int64_t>());
    fmt::print("{:<28} {:<9} {:<10} {}\n", "INSTANCE", "REVISION", "PHASE", "PID");
    for (const auto& one : body["instances"])
      fmt::print("{:<28} {:<9} {:<10} {}\n", one["id"].get<std::string>(),
                 one["revision"].get<std::int64_t>(), one["phase"].get<std::string>(),
                 one["pid"].get<std::int64_t>());
  });
}

void add_logs(CLI::App& app, int& exit_code) {
  CLI::App* logs = app.add_subcommand("logs", "Print the end of an instance's log");
  auto target = std::make_shared<Target>();
  auto instance = std::make_shared<std::string>();
  logs->add_option("instance", *instance, "Instance id, as `pac status` shows it")->required();
  add_url(*logs, *target);
  logs->callback([target, instance, &exit_code] {
    net::FetchReply reply;
    if (request({.url = target->url + "/v1/instances/" + *instance + "/logs"}, reply, exit_code))
      fmt::print("{}", reply.body);
  });
}

}  // namespace

void add_user_commands(CLI::App& app, int& exit_code) {
  add_deploy(app, exit_code);
  add_apps(app, exit_code);
  add_status(app, exit_code);
  add_logs(app, exit_code);
}

}  // namespace pixell::cmd
