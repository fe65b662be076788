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
    StatementShape{.id = "WithoutResource", .resources = "*"},
    StatementShape{.id = "ListInCluster",
                   .resources = "*",
                   .condition = R"({"ArnEquals":{"ecs:cluster":"{ecs}:cluster/{cluster}"}})"},
    StatementShape{.id = "LookByName",
                   .resources = "{ecs}:cluster/{cluster} {ecs}:service/{cluster}/{prefix}* "
                                "{ecs}:task/{cluster}/* {secrets}:secret:{prefix}* "
                                "{discovery}:service/*"},
    StatementShape{.id = "MakeOurs",
                   .resources = "{ecs}:task-definition/{prefix}*:* "
                                "{ecs}:service/{cluster}/{prefix}* {secrets}:secret:{prefix}* "
                                "{discovery}:*",
                   .condition = kMadeOurs},
    StatementShape{.id = "ChangeOurs",
                   .resources = "{ecs}:service/{cluster}/{prefix}* {ecs}:task/{cluster}/* "
                                "{secrets}:secret:{prefix}* {discovery}:service/*",
                   .condition = kOurs},
    StatementShape{
        .id = "TagWhatIsMade",
        .resources = "{ecs}:service/{cluster}/{prefix}* {ecs}:task-definition/{prefix}*:*",
        .condition =
            R"({"StringEquals":{"ecs:CreateAction":["CreateService","RegisterTaskDefinition"]}})"},
    // What has no name that we choose.
    StatementShape{.id = "TagOurs", .resources = "*", .condition = kMadeOurs},
    StatementShape{
        .id = "GiveRolesToTasks",
        .resources = "arn:{partition}:iam::{account}:role/{task_role} "
                     "arn:{partition}:iam::{account}:role/{execution_role}",
        .condition = R"({"StringEquals":{"iam:PassedToService":"ecs-tasks.amazonaws.com"}})"},
    StatementShape{
        .id = "ScaleServices",
        .resources = "arn:{partition}:application-autoscaling:{region}:{account}:scalable-target/*",
        .condition = R"({"StringEquals":{"application-autoscaling:service-namespace":"ecs"}})"},
    // A policy of target tracking makes alarms, with the leave of who made it.
    StatementShape{.id = "WatchForScaling",
                   .resources = "arn:{partition}:cloudwatch:{region}:{account}:alarm:"
                                "TargetTracking-service/{cluster}/{prefix}*"},
    // Of that service there is one.
    StatementShape{
        .id = "MakeScalingRole",
        .resources = "*",
        .condition =
            R"({"StringEquals":{"iam:AWSServiceName":"ecs.application-autoscaling.amazonaws.com"}})"},
    StatementShape{.id = "KeepLogs",
                   .resources = "{logs}:log-group:{log_group} {logs}:log-group:{log_group}:*"},
    // Who may not list is told of a missing object that it is forbidden.
    StatementShape{.id = "KeepPackages",
                   .resources = "arn:{partition}:s3:::{bucket} arn:{partition}:s3:::{bucket}/*"},

    StatementShape{.id = "LookAtLoadBalancers", .needs_load_balancer = true, .resources = "*"},
    StatementShape{.id = "MakeRoutes",
                   .needs_load_balancer = true,
                   .resources = "{elb}:targetgroup/{target_prefix}* {elb}:listener/app/*",
                   .condition = kMadeOurs},
    StatementShape{.id = "ChangeRoutes",
                   .needs_load_balancer = true,
                   .resources = "{elb}:targetgroup/{target_prefix}* {elb}:listener-rule/app/*",
                   .condition = kOurs},
    StatementShape{
        .id = "TagRoutes",
        .needs_load_balancer = true,
        .resources = "{elb}:targetgroup/{target_prefix}* {elb}:listener-rule/app/*",
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
    Permission{"ecs", "RegisterTaskDefinition", "MakeOurs"},
    Permission{"ecs", "DescribeTaskDefinition", "WithoutResource"},
    Permission{"ecs", "DeregisterTaskDefinition", "WithoutResource"},
    Permission{"ecs", "ListTaskDefinitions", "WithoutResource"},
    Permission{"ecs", "CreateCluster", kNotCalled},
    Permission{"ecs", "DescribeClusters", "LookByName"},
    Permission{"ecs", "CreateService", "MakeOurs"},
    Permission{"ecs", "UpdateService", "ChangeOurs"},
    Permission{"ecs", "DeleteService", "ChangeOurs"},
    Permission{"ecs", "DescribeServices", "LookByName"},
    Permission{"ecs", "ListServices", "ListInCluster"},
    Permission{"ecs", "ListTasks", "ListInCluster"},
    Permission{"ecs", "DescribeTasks", "LookByName"},
    Permission{"ecs", "StopTask", "ChangeOurs"},
    Permission{"ecs", "UpdateTaskProtection", "ChangeOurs"},
    Permission{"ecs", "TagResource", "ChangeOurs"},
    // What is made with tags is tagged by whoever makes it.
    Permission{"ecs", "TagResource", "TagWhatIsMade"},
    Permission{"ecs", "ListTagsForResource", kNotCalled},
    Permission{"iam", "PassRole", "GiveRolesToTasks"},

    Permission{"elbv2", "CreateLoadBalancer", kNotCalled},
    Permission{"elbv2", "DescribeLoadBalancers", "LookAtLoadBalancers"},
    Permission{"elbv2", "DeleteLoadBalancer", kNotCalled},
    Permission{"elbv2", "CreateTargetGroup", "MakeRoutes"},
    Permission{"elbv2", "ModifyTargetGroup", "ChangeRoutes"},
    Permission{"elbv2", "ModifyTargetGroupAttributes", "ChangeRoutes"},
    Permission{"elbv2", "DescribeTargetGroups", "LookAtLoadBalancers"},
    Permission{"elbv2", "DescribeTargetHealth", "LookAtLoadBalancers"},
    Permission{"elbv2", "DeleteTargetGroup", "ChangeRoutes"},
    Permission{"elbv2", "RegisterTargets", kNotCalled},
    Permission{"elbv2", "DeregisterTargets", kNotCalled},
    Permission{"elbv2", "CreateListener", kNotCalled},
    Permission{"elbv2", "DescribeListeners", "LookAtLoadBalancers"},
    Permission{"elbv2", "DeleteListener", kNotCalled},
    Permission{"elbv2", "CreateRule", "MakeRoutes"},
    Permission{"elbv2", "ModifyRule", "ChangeRoutes"},
    Permission{"elbv2", "DescribeRules", "LookAtLoadBalancers"},
    Permission{"elbv2", "DeleteRule", "ChangeRoutes"},
    Permission{"elbv2", "AddTags", "TagRoutes"},
    Permission{"elbv2", "DescribeTags", "LookAtLoadBalancers"},

    Permission{"servicediscovery", "CreateHttpNamespace", kNotCalled},
    Permission{"servicediscovery", "ListNamespaces", "WithoutResource"},
    Permission{"servicediscovery", "CreateService", "MakeOurs"},
    Permission{"servicediscovery", "TagResource", "TagOurs"},
    Permission{"servicediscovery", "GetService", "LookByName"},
    Permission{"servicediscovery", "ListServices", "WithoutResource"},
    Permission{"servicediscovery", "DeleteService", "ChangeOurs"},
    Permission{"servicediscovery", "RegisterInstance", "ChangeOurs"},
    Permission{"servicediscovery", "DeregisterInstance", "ChangeOurs"},
    Permission{"servicediscovery", "ListInstances", "WithoutResource"},
    Permission{"servicediscovery", "DiscoverInstances", kNotCalled},
    Permission{"servicediscovery", "GetOperation", kNotCalled},
    Permission{"servicediscovery", "ListTagsForResource", "WithoutResource"},

    Permission{"ecr", "CreateRepository", kNotCalled},
    Permission{"ecr", "DescribeRepositories", kNotCalled},
    Permission{"ecr", "DescribeImages", kNotCalled},
    Permission{"ecr", "GetAuthorizationToken", "LogInToRegistry"},
    Permission{"ecr", "BatchCheckLayerAvailability", "PullImage"},
    Permission{"ecr", "BatchGetImage", "PullImage"},
    Permission{"ecr", "GetDownloadUrlForLayer", "PullImage"},

    Permission{"application-autoscaling", "RegisterScalableTarget", "ScaleServices"},
    Permission{"application-autoscaling", "TagResource", "TagOurs"},
    Permission{"application-autoscaling", "DeregisterScalableTarget", "ScaleServices"},
    Permission{"application-autoscaling", "DescribeScalableTargets", "WithoutResource"},
    Permission{"application-autoscaling", "PutScalingPolicy", "ScaleServices"},
    Permission{"application-autoscaling", "DescribeScalingPolicies", "WithoutResource"},
    Permission{"application-autoscaling", "DeleteScalingPolicy", "ScaleServices"},
    Permission{"cloudwatch", "PutMetricAlarm", "WatchForScaling"},
    Permission{"cloudwatch", "DescribeAlarms", "WatchForScaling"},
    Permission{"cloudwatch", "DeleteAlarms", "WatchForScaling"},
    Permission{"iam", "CreateServiceLinkedRole", "MakeScalingRole"},

    Permission{"logs", "CreateLogGroup", "KeepLogs"},
    Permission{"logs", "PutRetentionPolicy", "KeepLogs"},
    Permission{"logs", "TagResource", "KeepLogs"},
    Permission{"logs", "DescribeLogGroups", "WithoutResource"},
    Permission{"logs", "DescribeLogStreams", kNotCalled},
    Permission{"logs", "GetLogEvents", "KeepLogs"},
    Permission{"logs", "FilterLogEvents", kNotCalled},
    Permission{"logs", "DeleteLogGroup", kNotCalled},
    Permission{"logs", "CreateLogStream", "WriteLogs"},
    Permission{"logs", "PutLogEvents", "WriteLogs"},

    Permission{"secretsmanager", "CreateSecret", "MakeOurs"},
    Permission{"secretsmanager", "TagResource", "MakeOurs"},
    Permission{"secretsmanager", "PutSecretValue", "ChangeOurs"},
    Permission{"secretsmanager", "GetSecretValue", "ReadSecrets"},
    Permission{"secretsmanager", "DescribeSecret", "LookByName"},
    Permission{"secretsmanager", "ListSecrets", "WithoutResource"},
    Permission{"secretsmanager", "DeleteSecret", "ChangeOurs"},
    Permission{"secretsmanager", "RestoreSecret", "ChangeOurs"},

    Permission{"service-quotas", "GetServiceQuota", "WithoutResource"},

    // Objects are s3.hpp's, which has no table.
    Permission{"s3", "GetObject", "KeepPackages"},
    Permission{"s3", "PutObject", "KeepPackages"},
    Permission{"s3", "ListBucket", "KeepPackages"},
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
