// The tables of services.hpp. A new action is a row here and one in tests/test_aws_actions.py.

#include <algorithm>
#include <array>

#include "aws/services.hpp"

namespace pixell::aws {

namespace {

constexpr std::array<Service, 10> kServices{{
    {"ecs", "ecs", {"ecs", "ECS"}, Protocol::Json, "AmazonEC2ContainerServiceV20141113"},
    {"elbv2",
     "elasticloadbalancing",
     {"elasticloadbalancing", "ELASTIC_LOAD_BALANCING_V2"},
     Protocol::Query,
     "2015-12-01"},
    {"servicediscovery",
     "servicediscovery",
     {"servicediscovery", "SERVICEDISCOVERY"},
     Protocol::Json,
     "Route53AutoNaming_v20170314"},
    {"ecr", "ecr", {"api.ecr", "ECR"}, Protocol::Json, "AmazonEC2ContainerRegistry_V20150921"},
    {"application-autoscaling",
     "application-autoscaling",
     {"application-autoscaling", "APPLICATION_AUTO_SCALING"},
     Protocol::Json,
     "AnyScaleFrontendService"},
    {"logs", "logs", {"logs", "CLOUDWATCH_LOGS"}, Protocol::Json, "Logs_20140328"},
    {"secretsmanager",
     "secretsmanager",
     {"secretsmanager", "SECRETS_MANAGER"},
     Protocol::Json,
     "secretsmanager"},
    {"service-quotas",
     "servicequotas",
     {"servicequotas", "SERVICE_QUOTAS"},
     Protocol::Json,
     "ServiceQuotasV20190624"},
    {"sts", "sts", {"sts", "STS"}, Protocol::Query, "2011-06-15"},
    {"ec2", "ec2", {"ec2", "EC2"}, Protocol::Ec2, "2016-11-15"},
}};

constexpr Repeat kOnce = Repeat::Once;
constexpr Repeat kSafe = Repeat::Safe;

constexpr std::array kActions{
    // Two registrations are two revisions, of a bucket that fills slowly.
    Action{"ecs", "RegisterTaskDefinition", "register", kOnce},
    Action{"ecs", "DescribeTaskDefinition", "read"},
    Action{"ecs", "DeregisterTaskDefinition", "write"},
    Action{"ecs", "ListTaskDefinitions", "read", kSafe, "nextToken", "nextToken"},
    Action{"ecs", "CreateCluster", "write"},
    Action{"ecs", "DescribeClusters", "read"},
    // Safe by its clientToken, which callers give.
    Action{"ecs", "CreateService", "write"},
    Action{"ecs", "UpdateService", "write"},
    Action{"ecs", "DeleteService", "write"},
    Action{"ecs", "DescribeServices", "read"},
    Action{"ecs", "ListServices", "read", kSafe, "nextToken", "nextToken"},
    Action{"ecs", "ListTasks", "read", kSafe, "nextToken", "nextToken"},
    Action{"ecs", "DescribeTasks", "read"},
    Action{"ecs", "StopTask", "write"},
    Action{"ecs", "UpdateTaskProtection", "write"},
    Action{"ecs", "TagResource", "write"},
    Action{"ecs", "ListTagsForResource", "read"},

    Action{"elbv2", "CreateLoadBalancer", "write"},
    Action{"elbv2", "DescribeLoadBalancers", "read", kSafe, "Marker", "NextMarker"},
    Action{"elbv2", "DeleteLoadBalancer", "write"},
    Action{"elbv2", "CreateTargetGroup", "write"},
    Action{"elbv2", "ModifyTargetGroup", "write"},
    Action{"elbv2", "ModifyTargetGroupAttributes", "write"},
    Action{"elbv2", "DescribeTargetGroups", "read", kSafe, "Marker", "NextMarker"},
    Action{"elbv2", "DescribeTargetHealth", "read"},
    Action{"elbv2", "DeleteTargetGroup", "write"},
    Action{"elbv2", "RegisterTargets", "write"},
    Action{"elbv2", "DeregisterTargets", "write"},
    Action{"elbv2", "CreateListener", "write"},
    Action{"elbv2", "DescribeListeners", "read", kSafe, "Marker", "NextMarker"},
    Action{"elbv2", "DeleteListener", "write"},
    // A second one with the same priority is refused, and may hide that the first was made.
    Action{"elbv2", "CreateRule", "write", kOnce},
    Action{"elbv2", "ModifyRule", "write"},
    Action{"elbv2", "DescribeRules", "read", kSafe, "Marker", "NextMarker"},
    Action{"elbv2", "DeleteRule", "write"},
    Action{"elbv2", "AddTags", "write"},
    Action{"elbv2", "DescribeTags", "read"},

    Action{"servicediscovery", "CreateHttpNamespace", "write"},
    Action{"servicediscovery", "ListNamespaces", "read", kSafe, "NextToken", "NextToken"},
    Action{"servicediscovery", "CreateService", "write"},
    Action{"servicediscovery", "GetService", "read"},
    Action{"servicediscovery", "ListServices", "read", kSafe, "NextToken", "NextToken"},
    Action{"servicediscovery", "DeleteService", "write"},
    Action{"servicediscovery", "RegisterInstance", "write"},
    Action{"servicediscovery", "DeregisterInstance", "write"},
    Action{"servicediscovery", "ListInstances", "read", kSafe, "NextToken", "NextToken"},
    Action{"servicediscovery", "DiscoverInstances", "read", kSafe, "", "", "data-"},
    Action{"servicediscovery", "GetOperation", "read"},
    Action{"servicediscovery", "ListTagsForResource", "read"},

    Action{"ecr", "CreateRepository", "write"},
    Action{"ecr", "DescribeRepositories", "read", kSafe, "nextToken", "nextToken"},
    Action{"ecr", "DescribeImages", "read", kSafe, "nextToken", "nextToken"},
    Action{"ecr", "GetAuthorizationToken", "read"},

    Action{"application-autoscaling", "RegisterScalableTarget", "write"},
    Action{"application-autoscaling", "DeregisterScalableTarget", "write"},
    Action{"application-autoscaling", "DescribeScalableTargets", "read", kSafe, "NextToken",
           "NextToken"},
    Action{"application-autoscaling", "PutScalingPolicy", "write"},
    Action{"application-autoscaling", "DescribeScalingPolicies", "read", kSafe, "NextToken",
           "NextToken"},
    Action{"application-autoscaling", "DeleteScalingPolicy", "write"},

    Action{"logs", "CreateLogGroup", "write"},
    Action{"logs", "PutRetentionPolicy", "write"},
    Action{"logs", "DescribeLogGroups", "read", kSafe, "nextToken", "nextToken"},
    Action{"logs", "DescribeLogStreams", "read", kSafe, "nextToken", "nextToken"},
    Action{"logs", "GetLogEvents", "read"},
    Action{"logs", "FilterLogEvents", "read", kSafe, "nextToken", "nextToken"},
    Action{"logs", "DeleteLogGroup", "write"},

    // Safe by their ClientRequestToken, which callers give.
    Action{"secretsmanager", "CreateSecret", "write"},
    Action{"secretsmanager", "PutSecretValue", "write"},
    Action{"secretsmanager", "GetSecretValue", "read"},
    Action{"secretsmanager", "DescribeSecret", "read"},
    Action{"secretsmanager", "ListSecrets", "read", kSafe, "NextToken", "NextToken"},
    Action{"secretsmanager", "DeleteSecret", "write"},
    Action{"secretsmanager", "RestoreSecret", "write"},

    Action{"service-quotas", "GetServiceQuota", "read"},

    Action{"sts", "GetCallerIdentity", "read"},
    Action{"sts", "AssumeRole", "read"},

    Action{"ec2", "DescribeVpcs", "read", kSafe, "NextToken", "nextToken"},
    Action{"ec2", "DescribeSubnets", "read", kSafe, "NextToken", "nextToken"},
    Action{"ec2", "DescribeSecurityGroups", "read", kSafe, "NextToken", "nextToken"},
    Action{"ec2", "DescribeNetworkInterfaces", "read", kSafe, "NextToken", "nextToken"},
    Action{"ec2", "DescribeAvailabilityZones", "read"},
};

}  // namespace

std::span<const Service> services() { return kServices; }
std::span<const Action> actions() { return kActions; }

const Service* find_service(std::string_view id) {
  const auto found = std::find_if(kServices.begin(), kServices.end(),
                                  [&](const Service& each) { return each.id == id; });
  return found == kServices.end() ? nullptr : &*found;
}

const Action* find_action(std::string_view service, std::string_view name) {
  const auto found = std::find_if(kActions.begin(), kActions.end(), [&](const Action& each) {
    return each.service == service && each.name == name;
  });
  return found == kActions.end() ? nullptr : &*found;
}

}  // namespace pixell::aws
