#include "cmd/pac/aws_commands.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "aws/endpoint.hpp"
#include "aws/policy.hpp"
#include "cmd/pac/arguments.hpp"
#include "cmd/pac/command_arguments.hpp"
#include "cmd/pac/commands/orphans.hpp"
#include "engine/ecs/settings.hpp"
#include "engine/ecs/tags.hpp"

namespace pixell::cmd {

namespace {

constexpr std::size_t kAccountDigits = 12;
constexpr int kPolicyIndent = 2;

const std::map<std::string, aws::Role> kRoles{
    {"pac", aws::Role::Control}, {"task", aws::Role::Task}, {"execution", aws::Role::Execution}};

struct PolicyArguments {
  std::string role = "pac";
  std::string routing = "edge";
  aws::PolicyScope scope;
};

bool consists_of(std::string_view text, std::string_view beside) {
  return std::all_of(text.begin(), text.end(), [beside](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           beside.find(c) != std::string_view::npos;
  });
}

// What stands in a policy may not be a pattern, or reach into another part of an ARN.
CLI::Validator is_name(std::string beside) {
  return CLI::Validator(
      [beside = std::move(beside)](const std::string& text) {
        if (!text.empty() && consists_of(text, beside)) return std::string();
        return fmt::format("'{}': give letters, digits and {}", text, beside);
      },
      "");
}

std::string is_account(const std::string& text) {
  const bool is_good =
      text.size() == kAccountDigits &&
      std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  return is_good ? "" : fmt::format("'{}': give the account's 12 digits", text);
}

std::string is_region(const std::string& text) {
  return aws::is_region(text) ? "" : fmt::format("'{}': give a region such as us-east-2", text);
}

std::string is_installation(const std::string& text) {
  if (text == "*" || (!text.empty() && consists_of(text, "-_"))) return "";
  return fmt::format("'{}': give the value of the tag, letters, digits and -_, or *", text);
}

std::shared_ptr<PolicyArguments> usual_arguments() {
  const engine::ecs::Settings settings;
  auto arguments = std::make_shared<PolicyArguments>();
  arguments->scope = {.account = {},
                      .region = {},
                      .cluster = settings.cluster,
                      .name_prefix = settings.prefixes.service,
                      .target_group_prefix = settings.prefixes.target_group,
                      .log_group = settings.log_group,
                      .bucket = settings.bucket,
                      .repository = "pixell-agent-runtime",
                      .task_role = "pixell-agent-runtime-task-role",
                      .execution_role = "pixell-agent-runtime-execution-role",
                      .installation = "*",
                      .installation_tag = engine::ecs::kInstallationTag};
  return arguments;
}

void add_scope(CLI::App& command, aws::PolicyScope& scope) {
  command.add_option("--account", scope.account, "The account's 12 digits")
      ->required()
      ->check(is_account);
  command.add_option("--region", scope.region, "Where the cluster is")
      ->envname("AWS_REGION")
      ->required()
      ->check(is_region);
  const auto add = [&](const char* name, std::string& into, const char* text, const char* beside) {
    return command.add_option(name, into, text)->capture_default_str()->check(is_name(beside));
  };
  add("--cluster", scope.cluster, "Name of the cluster", "-_")->envname("PAC_ECS_CLUSTER");
  add("--name-prefix", scope.name_prefix, "How services, definitions and secrets begin", "-_")
      ->envname("PAC_ECS_NAME_PREFIX");
  add("--target-group-prefix", scope.target_group_prefix, "How target groups begin", "-")
      ->envname("PAC_ECS_TARGET_GROUP_PREFIX");
  add("--log-group", scope.log_group, "Where agents' logs are", "-_/.#")
      ->envname("PAC_ECS_LOG_GROUP");
  add("--bucket", scope.bucket, "Where packages are", "-.")->envname("S3_BUCKET");
  add("--repository", scope.repository, "Where the image is in ECR", "-_/.");
  add("--task-role", scope.task_role, "Name of the agents' role", "-_+=,.@");
  add("--execution-role", scope.execution_role, "Name of the role that starts them", "-_+=,.@");
  command
      .add_option("--installation", scope.installation,
                  "Tag of what may be changed; * is that of any installation")
      ->capture_default_str()
      ->check(is_installation);
}

void add_policy(CLI::App& aws_app, int& exit_code) {
  CLI::App* command = add_command(
      aws_app, {"Commands", "policy", "Print the least an IAM role needs, as JSON",
                "pac aws policy --role execution --account 123456789012 --region us-east-2"});
  const auto arguments = usual_arguments();
  command
      ->add_option("--role", arguments->role,
                   "Whose: pac, task (the agents') or execution (AWS's, while it starts them)")
      ->capture_default_str()
      ->check(CLI::IsMember({"pac", "task", "execution"}));
  command->add_option("--routing", arguments->routing, "How requests come to the agents")
      ->envname("PAC_ECS_ROUTING")
      ->capture_default_str()
      ->check(CLI::IsMember({"edge", "alb"}));
  add_scope(*command, arguments->scope);
  command->callback([arguments, &exit_code] {
    arguments->scope.has_load_balancer = arguments->routing == "alb";
    const auto document = aws::policy_document(kRoles.at(arguments->role), arguments->scope);
    fmt::print("{}\n", document.dump(kPolicyIndent));
    exit_code = 0;
  });
}

void add_orphans(CLI::App& aws_app, int& exit_code) {
  CLI::App* command = add_command(
      aws_app, {"Commands", "orphans", "What is left over on AWS, of apps that are gone above all",
                "pac aws orphans --state /var/lib/pixell --remove"});
  const auto options = std::make_shared<OrphanOptions>();
  add_place(*command, options->place);
  command->add_flag("--remove", options->is_removing, "Remove what apps that are gone have left");
  const auto timeout = std::make_shared<std::string>(show_typed_duration(options->timeout.count()));
  command->add_option("--timeout", *timeout, "How long to wait for AWS, like 90s or 20m")
      ->capture_default_str()
      ->check(read_by(parse_millis));
  run_when_parsed(command, exit_code, [options, timeout](const Session& session) {
    options->timeout = Millis(*parse_millis(*timeout));  // it was checked
    return orphans(session, *options);
  });
}

}  // namespace

void add_aws_commands(CLI::App& app, int& exit_code) {
  CLI::App* aws_app =
      add_command(app, {"Other", "aws", "What Pixell needs and has in an AWS account",
                        "pac aws policy --account 123456789012 --region us-east-2"});
  aws_app->require_subcommand(1);
  add_policy(*aws_app, exit_code);
  add_orphans(*aws_app, exit_code);
}

}  // namespace pixell::cmd
