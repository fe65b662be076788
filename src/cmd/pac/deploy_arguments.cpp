#include <memory>

#include "cmd/pac/arguments.hpp"
#include "cmd/pac/command_arguments.hpp"
#include "cmd/pac/commands/apps.hpp"
#include "cmd/pac/commands/deploy.hpp"
#include "cmd/pac/commands/packages.hpp"
#include "cmd/pac/commands/routing.hpp"
#include "cmd/pac/commands/traffic.hpp"

namespace pixell::cmd {

namespace {

constexpr const char* kGroup = "Deploy and change";
constexpr std::int64_t kMaxRevision = 9'007'199'254'740'991;

Outcome<void> refuse_usage(const std::string& what) { return failure(ExitCode::WrongUsage, what); }

CLI::Option* add_app(CLI::App* command, std::string& app) {
  return command->add_option("app", app, "Full or short id")->required()->check(not_empty());
}

void add_strategy(CLI::App* command, DeployOptions& options) {
  command->add_option("--strategy", options.strategy, "How the new revision takes over")
      ->check(CLI::IsMember({"rolling", "canary", "blue-green"}));
  command->add_option("--canary", options.canary, "Steps of a canary, like 5%:60s,25%:60s")
      ->check(read_by(parse_canary_steps));
  command->add_option("--bake", options.bake, "How long blue-green keeps the old revision, like 5m")
      ->check(read_by(parse_seconds));
  command
      ->add_option("--max-error-rate", options.max_error_rate,
                   "Back out when more requests fail, like 5%")
      ->check(read_by(parse_permille));
  command->add_option("--max-p95", options.max_p95, "Back out when it is slower, like 500ms")
      ->check(read_by(parse_millis));
}

void add_deploy(CLI::App& app, int& exit_code) {
  CLI::App* command =
      add_command(app, {kGroup, "deploy", "Deploy a package",
                        "pac deploy my-agent-1.2.0.apkg --app my-agent --canary 5%:60s,25%:60s "
                        "--wait"});
  const auto options = std::make_shared<DeployOptions>();
  command->add_option("package", options->package, "An .apkg file, or an https:// or s3:// address")
      ->required()
      ->type_name("FILE|URL");
  command->add_option("--app", options->app, "Agent app id; a new one makes the app")
      ->required()
      ->check(not_empty());
  add_strategy(command, *options);
  command->add_option("--tag", options->tag, "Also reach it as /agents/{app}@{tag}/")
      ->check(not_empty());
  command->add_flag("--no-traffic", options->no_traffic,
                    "Make it ready and leave the traffic alone");
  command->add_option("--env", options->env, "NAME=value for the agent; may be repeated")
      ->allow_extra_args(false)
      ->check(read_by(parse_assignment));
  command->add_option("--env-file", options->env_file, "A .env file for the agent; --env wins")
      ->type_name("FILE");
  command->add_option("--deadline", options->deadline, "How long it may take, like 10m")
      ->check(read_by(parse_seconds));
  command->add_flag("--wait,!--no-wait", options->wait,
                    "Show how it goes until it ends (--no-wait: return at once, as usual)");
  run_when_parsed(command, exit_code, [options](const Session& session) {
    const std::string wrong = check_deploy_options(*options);
    return wrong.empty() ? deploy(session, *options) : refuse_usage(wrong);
  });
}

void add_rollback(CLI::App& app, int& exit_code) {
  CLI::App* command = add_command(
      app, {kGroup, "rollback", "Go back to a former revision, or abort the open rollout",
            "pac rollback my-agent --to 12 --wait"});
  struct Options {
    std::string app;
    std::optional<std::int64_t> revision;
    bool wait = false;
  };
  const auto options = std::make_shared<Options>();
  add_app(command, options->app);
  command->add_option("--to", options->revision, "Revision; by default the one before")
      ->check(CLI::Range(std::int64_t{1}, kMaxRevision));
  command->add_flag("--wait,!--no-wait", options->wait, "Show how it goes until it ends");
  run_when_parsed(command, exit_code, [options](const Session& session) {
    return roll_back(session, options->app, options->revision, options->wait);
  });
}

void add_rollout(CLI::App& app, int& exit_code) {
  CLI::App* command =
      add_command(app, {kGroup, "rollout", "Pause, resume, promote or abort an open rollout",
                        "pac rollout promote my-agent"});
  const auto what = std::make_shared<std::string>();
  const auto name = std::make_shared<std::string>();
  command->add_option("command", *what, "What to do")
      ->required()
      ->check(CLI::IsMember({"pause", "resume", "promote", "abort"}));
  command->add_option("app", *name, "App, or the id of the deployment")
      ->required()
      ->check(not_empty());
  run_when_parsed(command, exit_code, [what, name](const Session& session) {
    return command_rollout(session, *what, *name);
  });
}

void add_traffic(CLI::App& app, int& exit_code) {
  CLI::App* command =
      add_command(app, {kGroup, "traffic", "Show or change which revisions serve an app",
                        "pac traffic my-agent --set 12=90%,13=10% --tag next=13"});
  const auto name = std::make_shared<std::string>();
  const auto change = std::make_shared<TrafficChange>();
  add_app(command, *name);
  command->add_option("--set", change->split, "Revisions and their shares, 100% together")
      ->check(read_by(parse_split));
  command->add_option("--tag", change->tags, "tag=revision; may be repeated")
      ->allow_extra_args(false)
      ->check(read_by(parse_tag));
  command->add_option("--untag", change->untag, "Take a tag away; may be repeated")
      ->allow_extra_args(false)
      ->check(not_empty());
  command
      ->add_option("--sticky", change->sticky,
                   "Keep a client on one revision: cookie[:name], header:name or none")
      ->check(read_by(parse_sticky));
  CLI::Option* pin = command->add_flag("--pin", change->pin, "Deployments leave the traffic alone");
  command->add_flag("--unpin", change->unpin, "They take it over again")->excludes(pin);
  run_when_parsed(command, exit_code, [name, change](const Session& session) {
    return traffic(session, *name, *change);
  });
}

void add_routing_limits(CLI::App* command, RoutingChange& change) {
  command
      ->add_option("--max-concurrent", change.max_concurrent,
                   "Requests under way at an edge, 0 = no limit")
      ->check(CLI::Range(0, model::kMaxConcurrentLimit));
  command
      ->add_option("--rps", change.requests_per_second,
                   "Requests a second at an edge, 0 = no limit")
      ->check(CLI::Range(0, model::kMaxRateLimit));
  command->add_option("--burst", change.burst, "Of them at once, 0 = as many as --rps")
      ->check(CLI::Range(0, model::kMaxRateLimit));
  command->add_option("--max-body", change.max_body, "Body of a request, like 10MiB, 0 = no limit")
      ->check(read_by(parse_bytes));
  command
      ->add_option("--timeout", change.timeouts,
                   "Until a reply begins, by surface, like rest=60s,a2a=0,ui=10s,idle=5m")
      ->check(read_by([](const std::string& text) { return parse_timeouts(text); }));
}

void add_routing(CLI::App& app, int& exit_code) {
  CLI::App* command = add_command(
      app, {kGroup, "routing", "Show or change an app's limits, other names, mirror, legacy target",
            "pac routing my-agent --rps 20 --timeout rest=60s --alias old-id"});
  const auto name = std::make_shared<std::string>();
  const auto change = std::make_shared<RoutingChange>();
  add_app(command, *name);
  add_routing_limits(command, *change);
  const auto add_names = [&](const char* option, std::vector<std::string>& names,
                             const char* description) {
    command->add_option(option, names, description)->allow_extra_args(false)->check(not_empty());
  };
  add_names("--alias", change->aliases, "Another id that leads to it; may be repeated");
  add_names("--no-alias", change->no_aliases, "Take one away; may be repeated");
  add_names("--host", change->hosts, "A host name that leads to it; may be repeated");
  add_names("--no-host", change->no_hosts, "Take one away; may be repeated");
  CLI::Option* mirror =
      command
          ->add_option("--mirror", change->mirror,
                       "revision=share of the requests that it gets too, like 13=10%")
          ->check(read_by([](const std::string& text) { return parse_mirror(text); }));
  command->add_flag("--no-mirror", change->no_mirror, "Mirror no requests")->excludes(mirror);
  CLI::Option* legacy =
      command
          ->add_option("--legacy", change->legacy,
                       "IP address and port of a service outside that answers a share")
          ->check(not_empty());
  command->add_option("--legacy-prefix", change->legacy_prefix,
                      "What takes the place of /agents/{app} there; '' = nothing");
  command
      ->add_option("--legacy-weight", change->legacy_weight,
                   "Its share of the requests without a tag, like 20%")
      ->check(read_by(parse_permille));
  command->add_flag("--no-legacy", change->no_legacy, "Send it nothing")->excludes(legacy);
  run_when_parsed(command, exit_code, [name, change](const Session& session) {
    return routing(session, *name, *change);
  });
}

void add_scaling(CLI::App& command, ScaleChange& change) {
  command.add_option("--min", change.least, "Let the engine scale the app: never fewer instances")
      ->check(CLI::Range(1, 64));
  command.add_option("--max", change.most, "Never more")->check(CLI::Range(1, 64));
  command
      .add_option("--cpu", change.cpu_percent,
                  "Percent of its processor time that an instance shall use, on average of all")
      ->check(CLI::Range(1, 100));
  command.add_option("--memory", change.memory_percent, "Percent of its memory")
      ->check(CLI::Range(1, 100));
  CLI::Option* none =
      command.add_flag("--no-scaling", change.no_scaling, "Keep the number of instances");
  for (const char* each : {"--min", "--max", "--cpu", "--memory"})
    command.get_option(each)->excludes(none);
}

void add_scale(CLI::App& app, int& exit_code) {
  CLI::App* command = add_command(app, {kGroup, "scale", "Change how many instances an app has",
                                        "pac scale my-agent --min 2 --max 10 --cpu 60"});
  const auto name = std::make_shared<std::string>();
  const auto change = std::make_shared<ScaleChange>();
  add_app(command, *name);
  command->add_option("instances", change->instances, "Instances of each revision with traffic")
      ->check(CLI::Range(1, 64));
  command
      ->add_option("--warm-revisions", change->warm_revisions,
                   "Former revisions that stay ready for a rollback")
      ->check(CLI::Range(0, 10));
  command->add_option("--warm", change->warm, "For how long, like 5m")
      ->check(read_by(parse_seconds));
  add_scaling(*command, *change);
  run_when_parsed(command, exit_code, [name, change](const Session& session) {
    if (change->is_empty())
      return refuse_usage(
          "scale needs a number of instances, --warm-revisions, --warm, --min with --max and --cpu "
          "or --memory, or --no-scaling");
    const bool is_whole = change->least && change->most &&
                          change->cpu_percent.has_value() != change->memory_percent.has_value();
    if (change->has_scaling() && !is_whole)
      return refuse_usage("an engine scales an app by --min, --max and one of --cpu and --memory");
    return scale(session, *name, *change);
  });
}

void add_packages(CLI::App& app, int& exit_code) {
  CLI::App* packages =
      add_command(app, {kGroup, "packages", "List, push, show or delete the packages of an app",
                        "pac packages my-agent"});
  packages->require_subcommand(0, 1);
  const auto name = std::make_shared<std::string>();
  packages->add_option("app", *name, "Full or short id");
  run_when_parsed(packages, exit_code, [name](const Session& session) {
    return name->empty() ? refuse_usage("packages needs an app, push, show or delete; see --help")
                         : list_packages(session, *name);
  });

  CLI::App* push = add_command(*packages, {"Commands", "push", "Upload a package, deploy nothing",
                                           "pac packages push my-agent-1.2.0.apkg --app my-agent"});
  const auto upload = std::make_shared<PackageUpload>();
  push->add_option("file", upload->file, "An .apkg file")->required()->type_name("FILE");
  push->add_option("--app", upload->app, "Agent app id")->required()->check(not_empty());
  push->add_flag("--force", upload->replaces, "Also when the app has another one of that version");
  run_when_parsed(push, exit_code,
                  [upload](const Session& session) { return push_package(session, *upload); });

  using About = Outcome<void> (*)(const Session&, const std::string&, const std::string&);
  const auto add_about = [&](const CommandText& text, About about) {
    CLI::App* command = add_command(*packages, text);
    const auto of = std::make_shared<std::string>();
    const auto id = std::make_shared<std::string>();
    add_app(command, *of);
    command->add_option("id", *id, "Its id or SHA-256")->required()->check(not_empty());
    run_when_parsed(command, exit_code,
                    [of, id, about](const Session& session) { return about(session, *of, *id); });
  };
  add_about({"Commands", "show", "A package with its manifest and where it came from",
             "pac packages show my-agent 01J…"},
            show_package);
  add_about({"Commands", "delete", "Delete a package that no revision is made of",
             "pac packages delete my-agent 01J…"},
            delete_package);
}

void add_delete(CLI::App& app, int& exit_code) {
  CLI::App* command =
      add_command(app, {kGroup, "delete", "Delete an app with its instances and packages",
                        "pac delete my-agent --yes"});
  const auto name = std::make_shared<std::string>();
  const auto yes = std::make_shared<bool>(false);
  add_app(command, *name);
  command->add_flag("--yes", *yes, "Do not ask");
  run_when_parsed(command, exit_code,
                  [name, yes](const Session& session) { return delete_app(session, *name, *yes); });
}

}  // namespace

void add_deploy_commands(CLI::App& app, int& exit_code) {
  add_deploy(app, exit_code);
  add_rollback(app, exit_code);
  add_rollout(app, exit_code);
  add_traffic(app, exit_code);
  add_routing(app, exit_code);
  add_scale(app, exit_code);
  add_packages(app, exit_code);
  add_delete(app, exit_code);
}

}  // namespace pixell::cmd
