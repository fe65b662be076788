// The tables of policy.hpp. A new action of actions.cpp is a row here: with the statement that
// allows it, or with none when the code does not call it.

#include <array>

#include "aws/policy.hpp"

namespace pixell::aws {

namespace {

// What is there is read whoever made it, so that it can be refused with the remedy; it is changed
// only with the tag.
constexpr std::string_view kOurs = R"({"{like}":{"aws:ResourceTag/{tag}":"{installation}"}})";
constexpr std::string_view kMadeOurs = R"({"{like}":{"aws:RequestTag/{tag}":"{installation}"}})";

constexpr std::array kStatements{
    // These know no resource.
    StatementShape{.id = "LookEverywhere", .resources = "*"},
    StatementShape{.id = "ListInCluster",
                   .resources = "*",
                   .condition = R"({"ArnEquals":{"ecs:cluster":"{ecs}:cluster/{cluster}"}})"},
    StatementShape{.id = "RegisterDefinitions",
                   .resources = "{ecs}:task-definition/{prefix}*:*",
                   .condition = kMadeOurs},
    StatementShape{.id = "LookAtCluster", .resources = "{ecs}:cluster/{cluster}"},
    StatementShape{.id = "LookAtServices", .resources = "{ecs}:service/{cluster}/{prefix}*"},
    StatementShape{.id = "MakeServices",
                   .resources = "{ecs}:service/{cluster}/{prefix}*",
                   .condition = kMadeOurs},
    StatementShape{.id = "ChangeServices",
                   .resources = "{ecs}:service/{cluster}/{prefix}*",
                   .condition = kOurs},
    StatementShape{
        .id = "TagWhatIsMade",
        .resources = "{ecs}:service/{cluster}/{prefix}* {ecs}:task-definition/{prefix}*:*",
        .condition =
            R"({"StringEquals":{"ecs:CreateAction":["CreateService","RegisterTaskDefinition"]}})"},
    StatementShape{.id = "LookAtTasks", .resources = "{ecs}:task/{cluster}/*"},
    StatementShape{
        .id = "GiveRolesToTasks",
        .resources = "arn:{partition}:iam::{account}:role/{task_role} "
                     "arn:{partition}:iam::{account}:role/{execution_role}",
        .condition = R"({"StringEquals":{"iam:PassedToService":"ecs-tasks.amazonaws.com"}})"},
    StatementShape{.id = "LookAtSecrets", .resources = "{secrets}:secret:{prefix}*"},
    StatementShape{
        .id = "MakeSecrets", .resources = "{secrets}:secret:{prefix}*", .condition = kMadeOurs},
    StatementShape{
        .id = "ChangeSecrets", .resources = "{secrets}:secret:{prefix}*", .condition = kOurs},
    StatementShape{.id = "KeepLogs",
                   .resources = "{logs}:log-group:{log_group} {logs}:log-group:{log_group}:*"},
    StatementShape{.id = "LookAtDiscovery", .resources = "{discovery}:service/*"},
    StatementShape{.id = "MakeDiscovery",
                   .resources = "{discovery}:namespace/* {discovery}:service/*",
                   .condition = kMadeOurs},
    StatementShape{.id = "TagDiscovery", .resources = "*", .condition = kMadeOurs},
    StatementShape{
        .id = "ChangeDiscovery", .resources = "{discovery}:service/*", .condition = kOurs},
    StatementShape{.id = "KeepPackages", .resources = "arn:{partition}:s3:::{bucket}/*"},
    StatementShape{.id = "TellMissingPackages", .resources = "arn:{partition}:s3:::{bucket}"},

    StatementShape{.id = "LookAtLoadBalancers", .needs_load_balancer = true, .resources = "*"},
    StatementShape{.id = "MakeTargetGroups",
                   .needs_load_balancer = true,
                   .resources = "{elb}:targetgroup/{target_prefix}*/*",
                   .condition = kMadeOurs},
    StatementShape{.id = "ChangeTargetGroups",
                   .needs_load_balancer = true,
                   .resources = "{elb}:targetgroup/{target_prefix}*/*",
                   .condition = kOurs},
    StatementShape{.id = "MakeRules",
                   .needs_load_balancer = true,
                   .resources = "{elb}:listener/app/*/*/*",
                   .condition = kMadeOurs},
    StatementShape{.id = "ChangeRules",
                   .needs_load_balancer = true,
                   .resources = "{elb}:listener-rule/app/*/*/*/*",
                   .condition = kOurs},
    StatementShape{
        .id = "TagRoutes",
        .needs_load_balancer = true,
        .resources = "{elb}:targetgroup/{target_prefix}*/* {elb}:listener-rule/app/*/*/*/*",
        .condition =
            R"({"StringEquals":{"elasticloadbalancing:CreateAction":["CreateTargetGroup","CreateRule"]}})"},

    StatementShape{
        .id = "FetchPackages", .role = Role::Task, .resources = "arn:{partition}:s3:::{bucket}/*"},

    StatementShape{.id = "LogInToRegistry", .role = Role::Execution, .resources = "*"},
    StatementShape{.id = "PullImage",
                   .role = Role::Execution,
                   .resources = "arn:{partition}:ecr:{region}:{account}:repository/{repository}"},
    StatementShape{.id = "ReadSecrets",
                   .role = Role::Execution,
                   .resources = "{secrets}:secret:{prefix}*",
                   .condition = kOurs},
    StatementShape{.id = "WriteLogs",
                   .role = Role::Execution,
                   .resources = "{logs}:log-group:{log_group}:log-stream:*"},
};

constexpr std::string_view kNotCalled{};

constexpr std::array kPermissions{
    Permission{"ecs", "RegisterTaskDefinition", "RegisterDefinitions"},
    Permission{"ecs", "DescribeTaskDefinition", "LookEverywhere"},
    Permission{"ecs", "DeregisterTaskDefinition", kNotCalled},
    Permission{"ecs", "ListTaskDefinitions", kNotCalled},
    Permission{"ecs", "CreateCluster", kNotCalled},
    Permission{"ecs", "DescribeClusters", "LookAtCluster"},
    Permission{"ecs", "CreateService", "MakeServices"},
    Permission{"ecs", "UpdateService", "ChangeServices"},
    Permission{"ecs", "DeleteService", kNotCalled},
    Permission{"ecs", "DescribeServices", "LookAtServices"},
    Permission{"ecs", "ListServices", kNotCalled},
    Permission{"ecs", "ListTasks", "ListInCluster"},
    Permission{"ecs", "DescribeTasks", "LookAtTasks"},
    Permission{"ecs", "StopTask", kNotCalled},
    Permission{"ecs", "TagResource", "ChangeServices"},
    // What is made with tags is tagged by whoever makes it.
    Permission{"ecs", "TagResource", "TagWhatIsMade"},
    Permission{"ecs", "ListTagsForResource", kNotCalled},
    Permission{"iam", "PassRole", "GiveRolesToTasks"},

    Permission{"elbv2", "CreateLoadBalancer", kNotCalled},
    Permission{"elbv2", "DescribeLoadBalancers", kNotCalled},
    Permission{"elbv2", "DeleteLoadBalancer", kNotCalled},
    Permission{"elbv2", "CreateTargetGroup", "MakeTargetGroups"},
    Permission{"elbv2", "ModifyTargetGroup", "ChangeTargetGroups"},
    Permission{"elbv2", "ModifyTargetGroupAttributes", "ChangeTargetGroups"},
    Permission{"elbv2", "DescribeTargetGroups", "LookAtLoadBalancers"},
    Permission{"elbv2", "DescribeTargetHealth", "LookAtLoadBalancers"},
    Permission{"elbv2", "DeleteTargetGroup", "ChangeTargetGroups"},
    Permission{"elbv2", "RegisterTargets", kNotCalled},
    Permission{"elbv2", "DeregisterTargets", kNotCalled},
    Permission{"elbv2", "CreateListener", kNotCalled},
    Permission{"elbv2", "DescribeListeners", kNotCalled},
    Permission{"elbv2", "DeleteListener", kNotCalled},
    Permission{"elbv2", "CreateRule", "MakeRules"},
    Permission{"elbv2", "ModifyRule", "ChangeRules"},
    Permission{"elbv2", "DescribeRules", "LookAtLoadBalancers"},
    Permission{"elbv2", "DeleteRule", kNotCalled},
    Permission{"elbv2", "AddTags", "TagRoutes"},
    Permission{"elbv2", "DescribeTags", "LookAtLoadBalancers"},

    Permission{"servicediscovery", "CreateHttpNamespace", kNotCalled},
    Permission{"servicediscovery", "ListNamespaces", "LookEverywhere"},
    Permission{"servicediscovery", "CreateService", "MakeDiscovery"},
    Permission{"servicediscovery", "TagResource", "TagDiscovery"},
    Permission{"servicediscovery", "GetService", "LookAtDiscovery"},
    Permission{"servicediscovery", "ListServices", "LookEverywhere"},
    Permission{"servicediscovery", "DeleteService", kNotCalled},
    Permission{"servicediscovery", "RegisterInstance", "ChangeDiscovery"},
    Permission{"servicediscovery", "DeregisterInstance", "ChangeDiscovery"},
    Permission{"servicediscovery", "ListInstances", "LookEverywhere"},
    Permission{"servicediscovery", "DiscoverInstances", kNotCalled},
    Permission{"servicediscovery", "GetOperation", kNotCalled},
    Permission{"servicediscovery", "ListTagsForResource", "LookEverywhere"},

    Permission{"ecr", "CreateRepository", kNotCalled},
    Permission{"ecr", "DescribeRepositories", kNotCalled},
    Permission{"ecr", "DescribeImages", kNotCalled},
    Permission{"ecr", "GetAuthorizationToken", "LogInToRegistry"},
    Permission{"ecr", "BatchCheckLayerAvailability", "PullImage"},
    Permission{"ecr", "BatchGetImage", "PullImage"},
    Permission{"ecr", "GetDownloadUrlForLayer", "PullImage"},

    Permission{"application-autoscaling", "RegisterScalableTarget", kNotCalled},
    Permission{"application-autoscaling", "DeregisterScalableTarget", kNotCalled},
    Permission{"application-autoscaling", "DescribeScalableTargets", kNotCalled},
    Permission{"application-autoscaling", "PutScalingPolicy", kNotCalled},
    Permission{"application-autoscaling", "DescribeScalingPolicies", kNotCalled},
    Permission{"application-autoscaling", "DeleteScalingPolicy", kNotCalled},

    Permission{"logs", "CreateLogGroup", "KeepLogs"},
    Permission{"logs", "PutRetentionPolicy", "KeepLogs"},
    Permission{"logs", "TagResource", "KeepLogs"},
    Permission{"logs", "DescribeLogGroups", "LookEverywhere"},
    Permission{"logs", "DescribeLogStreams", kNotCalled},
    Permission{"logs", "GetLogEvents", kNotCalled},
    Permission{"logs", "FilterLogEvents", kNotCalled},
    Permission{"logs", "DeleteLogGroup", kNotCalled},
    Permission{"logs", "CreateLogStream", "WriteLogs"},
    Permission{"logs", "PutLogEvents", "WriteLogs"},

    Permission{"secretsmanager", "CreateSecret", "MakeSecrets"},
    Permission{"secretsmanager", "TagResource", "MakeSecrets"},
    Permission{"secretsmanager", "PutSecretValue", "ChangeSecrets"},
    Permission{"secretsmanager", "GetSecretValue", "ReadSecrets"},
    Permission{"secretsmanager", "DescribeSecret", "LookAtSecrets"},
    Permission{"secretsmanager", "ListSecrets", "LookEverywhere"},
    Permission{"secretsmanager", "DeleteSecret", kNotCalled},

    // Objects are s3.hpp's, which has no table.
    Permission{"s3", "GetObject", "KeepPackages"},
    Permission{"s3", "PutObject", "KeepPackages"},
    Permission{"s3", "ListBucket", "TellMissingPackages"},
    Permission{"s3", "GetObject", "FetchPackages"},

    // Everybody may ask who he is; a role is assumed with leave of another account's.
    Permission{"sts", "GetCallerIdentity", kNotCalled},
    Permission{"sts", "AssumeRole", kNotCalled},

    Permission{"ec2", "DescribeVpcs", kNotCalled},
    Permission{"ec2", "DescribeSubnets", kNotCalled},
    Permission{"ec2", "DescribeSecurityGroups", kNotCalled},
    Permission{"ec2", "DescribeNetworkInterfaces", kNotCalled},
    Permission{"ec2", "DescribeAvailabilityZones", kNotCalled},
};

}  // namespace

std::span<const StatementShape> statements() { return kStatements; }
std::span<const Permission> permissions() { return kPermissions; }

}  // namespace pixell::aws
