#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.hpp"

namespace pixell::engine::ecs {

// What AWS allows; each is a wall, not a quota that can be raised.

/// Names of services, families and clusters, in characters (API_CreateService).
inline constexpr std::size_t kMaxServiceName = 255;
/// Name of a target group, in characters (API_CreateTargetGroup).
inline constexpr std::size_t kMaxTargetGroupName = 32;
/// Name of a service in Cloud Map that is one label, in characters (API_cloud-map_CreateService).
inline constexpr std::size_t kMaxDiscoveryName = 63;
/// Tasks that one DescribeTasks takes (API_DescribeTasks).
inline constexpr std::size_t kMaxDescribedTasks = 100;
/// A client token, in characters (API_CreateService).
inline constexpr std::size_t kMaxClientToken = 36;
/// One task definition as JSON, in bytes (service quotas of ECS).
inline constexpr std::size_t kMaxTaskDefinitionBytes = std::size_t{64} * 1024;
/// Values of one secret as JSON, in bytes (API_PutSecretValue).
inline constexpr std::size_t kMaxSecretBytes = std::size_t{64} * 1024;
/// Subnets and security groups of a task (API_AwsVpcConfiguration).
inline constexpr std::size_t kMaxSubnets = 16;
inline constexpr std::size_t kMaxSecurityGroups = 5;
/// Tasks of one service (service quotas of ECS).
inline constexpr int kMaxTasksOfService = 5000;
/// Priority of a listener rule (API_CreateRule).
inline constexpr int kMaxRulePriority = 50'000;
/// stopTimeout of a container on Fargate, in seconds (API_ContainerDefinition).
inline constexpr int kMaxStopTimeoutSeconds = 120;
/// startPeriod and retries of a container's health check (API_HealthCheck).
inline constexpr int kMaxStartPeriodSeconds = 300;
inline constexpr int kMaxHealthRetries = 10;
/// Ephemeral storage of a task, in GiB: what it has unasked, and the range that can be asked for
/// (API_EphemeralStorage).
inline constexpr std::int64_t kUsualStorageGib = 20;
inline constexpr std::int64_t kMinStorageGib = 21;
inline constexpr std::int64_t kMaxStorageGib = 200;

// What we choose.

/// Between the grace of par and the moment AWS ends it by force, in seconds.
inline constexpr int kStopMarginSeconds = 5;
/// The container's health check, in seconds and failures in a row.
inline constexpr int kHealthIntervalSeconds = 30;
inline constexpr int kHealthTimeoutSeconds = 5;
inline constexpr int kHealthRetries = 3;
/// The load balancer's health check.
inline constexpr int kTargetIntervalSeconds = 30;
inline constexpr int kTargetTimeoutSeconds = 5;
inline constexpr int kHealthyTargets = 2;
inline constexpr int kUnhealthyTargets = 3;
/// How long a load balancer lets requests of a target end, in seconds; AWS's default of 300 is what
/// makes deployments slow.
inline constexpr const char* kDrainSeconds = "30";
/// Of the task's storage, what the image and installed dependencies take beside the agent's files.
inline constexpr std::int64_t kOwnStorageMib = std::int64_t{8} * 1024;
/// What par's log may wait in memory before lines are dropped, instead of stopping the agent.
inline constexpr const char* kLogBuffer = "25m";
/// How long logs are kept, in days, when the log group is made by us.
inline constexpr int kLogRetentionDays = 30;

/// Prefixes of names, in characters.
inline constexpr std::size_t kMaxServicePrefix = 32;
inline constexpr std::size_t kMaxTargetGroupPrefix = 12;
/// Hex digits of a digest in a name.
inline constexpr std::size_t kNameDigest = 16;
/// Of an app id, what stays readable before such a digest.
inline constexpr std::size_t kReadableId = 40;
/// Hex digits of the digest by which a task definition is known again.
inline constexpr std::size_t kDefinitionDigest = 32;

// What a plan compares with: quotas of AWS as accounts have them unasked.

/// Services of one cluster (service quotas of ECS).
inline constexpr std::int64_t kQuotaServices = 5000;
/// Secrets of an account in a region (service quotas of Secrets Manager).
inline constexpr std::int64_t kQuotaSecrets = 500'000;
/// Rules of a load balancer; target groups of one, of which AWS has 100 and never more: the rest is
/// room for replacing them (service quotas of Elastic Load Balancing).
inline constexpr std::int64_t kQuotaRules = 100;
inline constexpr std::int64_t kQuotaTargetGroups = 85;
/// Of a value that differs, the characters that a plan shows.
inline constexpr std::size_t kShownValue = 160;

}  // namespace pixell::engine::ecs
