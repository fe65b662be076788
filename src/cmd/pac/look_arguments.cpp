#include <filesystem>
#include <memory>

#include "cmd/pac/arguments.hpp"
#include "cmd/pac/command_arguments.hpp"
#include "cmd/pac/commands/apps.hpp"
#include "cmd/pac/commands/doctor.hpp"
#include "cmd/pac/commands/explain.hpp"
#include "cmd/pac/commands/history.hpp"
#include "cmd/pac/commands/logs.hpp"
#include "cmd/pac/commands/plan.hpp"
#include "cmd/pac/commands/status.hpp"
#include "cmd/pac/limits.hpp"

namespace pixell::cmd {

namespace {

constexpr const char* kGroup = "Look";

void add_status(CLI::App& app, int& exit_code) {
  CLI::App* command = add_command(app, {kGroup, "status", "All apps at a glance, or one in detail",
                                        "pac status my-agent --watch"});
  const auto name = std::make_shared<std::string>();
  const auto watch = std::make_shared<bool>(false);
  command->add_option("app", *name, "Full or short id; all apps without it")->check(not_empty());
  command->add_flag("--watch", *watch, "Show it again after each change, until Ctrl-C");
  run_when_parsed(command, exit_code,
                  [name, watch](const Session& session) { return status(session, *name, *watch); });
}

void add_apps(CLI::App& app, int& exit_code) {
  run_when_parsed(add_command(app, {kGroup, "apps", "List the agent apps", "pac apps"}), exit_code,
                  list_apps);
}

// A command about one app.
using About = Outcome<void> (*)(const Session&, const std::string&);

void add_about(CLI::App& app, int& exit_code, const CommandText& text, About about) {
  CLI::App* command = add_command(app, text);
  const auto name = std::make_shared<std::string>();
  command->add_option("app", *name, "Full or short id")->required()->check(not_empty());
  run_when_parsed(command, exit_code,
                  [name, about](const Session& session) { return about(session, *name); });
}

void add_deployments(CLI::App& app, int& exit_code) {
  CLI::App* command = add_command(app, {kGroup, "deployments", "List deployments, newest first",
                                        "pac deployments my-agent --limit 5"});
  const auto name = std::make_shared<std::string>();
  const auto most = std::make_shared<std::size_t>(kShownDeployments);
  command->add_option("app", *name, "Full or short id; all apps without it")->check(not_empty());
  command->add_option("--limit", *most, "How many at most")
      ->capture_default_str()
      ->check(CLI::Range(std::size_t{1}, kMaxListed));
  run_when_parsed(command, exit_code, [name, most](const Session& session) {
    return list_deployments(session, *name, *most);
  });
}

void add_logs(CLI::App& app, int& exit_code) {
  CLI::App* command = add_command(app, {kGroup, "logs", "Print the log of an app or an instance",
                                        "pac logs my-agent -f --since 15m"});
  const auto options = std::make_shared<LogOptions>();
  command->add_option("name", options->name, "App, or instance by its id or the end of it")
      ->required()
      ->check(not_empty());
  command->add_flag("-f,--follow", options->follow, "Go on with lines as they are written");
  command->add_option("--since", options->since, "Only what is younger: 90s, 15m, 2h, or a moment")
      ->check(not_empty());
  command->add_option("--revision", options->revision, "Only instances of this revision")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{9'007'199'254'740'991}));
  command->add_option("--instance", options->instance, "Only this instance of the app")
      ->check(not_empty());
  command->add_flag("--raw", options->raw, "JSON lines as they were written (as --json)");
  run_when_parsed(command, exit_code,
                  [options](const Session& session) { return print_logs(session, *options); });
}

void add_events(CLI::App& app, int& exit_code) {
  CLI::App* command = add_command(app, {kGroup, "events", "Print the history, oldest first",
                                        "pac events my-agent --since 1h --follow"});
  const auto options = std::make_shared<EventOptions>();
  command->add_option("app", options->app, "Full or short id; all apps without it")
      ->check(not_empty());
  command->add_flag("-f,--follow", options->follow, "Go on with events as they happen");
  command->add_option("--since", options->since, "Only what is younger, like 90s, 15m or 2h")
      ->check(read_by(parse_seconds));
  run_when_parsed(command, exit_code,
                  [options](const Session& session) { return print_events(session, *options); });
}

void add_plan(CLI::App& app, int& exit_code) {
  CLI::App* command = add_command(app, {kGroup, "plan", "What a deployment would change on AWS ECS",
                                        "pac plan my-agent --detailed-exitcode"});
  const auto options = std::make_shared<PlanOptions>();
  command->add_option("app", options->app, "Full or short id")->required()->check(not_empty());
  command->add_option("--revision", options->revision, "Default: the one with the largest share")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{9'007'199'254'740'991}));
  CLI::Option* package = command->add_option("--package", options->package_url,
                                             "Of a package that is not deployed yet: s3:// or "
                                             "https://");
  CLI::Option* digest =
      command->add_option("--sha256", options->package_sha256, "and its SHA-256, 64 hex digits");
  package->needs(digest)->check(not_empty());
  digest->needs(package)->check(not_empty());
  command->add_option("--tasks", options->tasks, "Default: as many as the app has instances")
      ->check(CLI::Range(0, 5000));
  command->add_option("--slot", options->slot, "Default: as AWS has it")
      ->check(CLI::IsMember({"a", "b"}));
  command
      ->add_option("--rule-priority", options->rule_priority,
                   "With PAC_ECS_ROUTING=alb, of an app that has no place yet")
      ->check(CLI::Range(1, 49'999));
  add_place(*command, options->place);
  command->add_flag("--detailed-exitcode", options->has_detailed_exit_code,
                    "End with 2 when something would change");
  run_when_parsed(command, exit_code,
                  [options](const Session& session) { return plan(session, *options); });
}

void add_doctor(CLI::App& app, int& exit_code) {
  CLI::App* command =
      add_command(app, {"Other", "doctor", "Check this machine and the Pixell that runs on it",
                        "pac doctor --state /var/lib/pixell"});
  const auto state = std::make_shared<std::string>(".pixell");
  command->add_option("--state", *state, "State directory of `pac serve`")
      ->capture_default_str()
      ->type_name("DIR")
      ->check(not_empty());
  run_when_parsed(command, exit_code, [state](const Session& session) -> Outcome<void> {
    std::error_code failed;
    const auto path = std::filesystem::absolute(*state, failed).lexically_normal();
    if (failed) return failure(ExitCode::Failed, "--state: the current directory is gone");
    return doctor(session, path);
  });
}

}  // namespace

void add_look_commands(CLI::App& app, int& exit_code) {
  add_status(app, exit_code);
  add_apps(app, exit_code);
  add_about(app, exit_code,
            {kGroup, "revisions", "List the revisions of an app", "pac revisions my-agent"},
            list_revisions);
  add_deployments(app, exit_code);
  add_logs(app, exit_code);
  add_events(app, exit_code);
  add_about(app, exit_code,
            {kGroup, "open", "Print where an app answers, and open its UI where there is a display",
             "pac open my-agent"},
            open_app);
  add_plan(app, exit_code);
  add_doctor(app, exit_code);
}

void add_explain_command(CLI::App& edge, int& exit_code) {
  CLI::App* command = add_command(
      edge, {"Commands", "explain", "Where the edge sends a request, and why",
             "pac edge explain /agents/my-agent/api/hello -H 'Cookie: pixell_sticky=abc'"});
  const auto url = std::make_shared<std::string>();
  const auto headers = std::make_shared<std::vector<std::string>>();
  command->add_option("target", *url, "URL or path of the request")->required()->check(not_empty());
  command->add_option("-H,--header", *headers, "'Name: value'; may be repeated")
      ->allow_extra_args(false)
      ->check(not_empty());
  run_when_parsed(command, exit_code, [url, headers](const Session& session) {
    return explain(session, *url, *headers);
  });
}

}  // namespace pixell::cmd
