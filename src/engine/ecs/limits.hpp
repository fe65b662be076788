#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.hpp"
#include "model/rule_place.hpp"

namespace pixell::engine::ecs {

// What AWS allows; each is a wall, not a quota that can be raised.

/// Names of services, families and clusters, in characters (API_CreateService).
inline constexpr std::size_t kMaxServiceName = 255;
/// Name of a target group, in characters (API_CreateTargetGroup).
inline constexpr std::size_t kMaxTargetGroupName = 32;
/// Name of a service in Cloud Map that is one label, in characters (API_cloud-map_CreateService).
inline constexpr std::size_t kMaxDiscoveryName = 63;
/// Tasks that one UpdateTaskProtection takes (API_UpdateTaskProtection).
inline constexpr std::size_t kMaxProtectedTasks = 10;
/// Tasks that one DescribeTasks takes (API_DescribeTasks).
inline constexpr std::size_t kMaxDescribedTasks = 100;
/// Resources of which one DescribeTags of ELB tells the tags (API_DescribeTags).
inline constexpr std::size_t kMaxTagged = 20;
/// Services that one DescribeServices takes (API_DescribeServices).
inline constexpr std::size_t kMaxDescribedServices = 10;
/// Days in which a deleted secret can be restored (API_DeleteSecret).
inline constexpr int kMinRecoveryDays = 7;
inline constexpr int kMaxRecoveryDays = 30;
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
inline constexpr int kMaxRulePriority = model::kMaxRulePriority;
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

/// Rules of all listeners of one load balancer, its default ones not counted, as accounts have
/// them unasked.
inline constexpr std::size_t kMaxRules = 100;

// What we choose.

/// Target groups of a load balancer up to which apps are placed there; the wall is 100.
inline constexpr std::size_t kTargetGroupGuard = 85;
/// What an app may need: two surfaces of two slots; two rules.
inline constexpr std::size_t kTargetGroupsOfApp = 4;
inline constexpr std::size_t kRulesOfApp = 2;

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

/// Between two looks at all tasks: while something is under way, and when nothing is.
inline constexpr Millis kMotionLook{1'000};
inline constexpr Millis kIdleLook{10'000};
/// Services that one look compares with what they should be, besides those in motion; the next look
/// takes the next ones.
inline constexpr std::size_t kServicesPerLook = 100;
/// How long a task that ECS started in place of one that ended waits for an instance that wants it.
inline constexpr Millis kSpareKept{10'000};
/// How long tasks that stay are protected while others are scaled in, in minutes; it is taken back
/// before that.
inline constexpr int kProtectionMinutes = 60;
/// How long tasks of an app that is scaled are protected, in minutes: the most that AWS takes
/// (API_UpdateTaskProtection). It is renewed after half of it.
inline constexpr int kScaledProtectionMinutes = 2'880;
/// Application Auto Scaling waits so long after it made an app larger, or smaller, before it makes
/// it larger, or smaller, again; in seconds.
inline constexpr int kScaleOutCooldownSeconds = 60;
inline constexpr int kScaleInCooldownSeconds = 300;
/// Apps of which one look compares what Application Auto Scaling was told with what it has.
inline constexpr int kScalingsPerLook = 10;
/// What could not be told is told again after this.
inline constexpr Millis kScalingRetry{30'000};
/// After the grace of a stop, before the task is stopped by name.
inline constexpr Millis kStopPatience{5'000};
/// The longest grace that counts, beyond which adding it to a time could overflow.
inline constexpr Millis kMaxGrace{24 * 3'600'000};
/// How long the log of an ended task may still grow: CloudWatch gets lines after the task's end.
inline constexpr Millis kLogLag{10'000};
/// A mirror in Cloud Map that failed is tried again after this.
inline constexpr Millis kDiscoveryRetry{30'000};
/// Of a service, the events that are evidence of a failure.
inline constexpr std::size_t kEventLines = 3;
/// Of a log, the bytes that are looked through for par's word on a failure, and the last lines that
/// are evidence.
inline constexpr std::size_t kEvidenceBytes = std::size_t{64} * 1024;
inline constexpr std::size_t kEvidenceLines = 20;
/// When a copy of a log is larger, it is rotated: up to twice as much is kept.
inline constexpr std::size_t kLogCopyBytes = std::size_t{10} * 1024 * 1024;
/// How long par may take to tell what an instance uses, how many are asked at once, and the bytes
/// of such a page.
inline constexpr Millis kUsageTimeout{2'000};
inline constexpr std::size_t kUsageReads = 16;
inline constexpr std::size_t kMaxUsagePageBytes = std::size_t{1024} * 1024;
/// Pages of a log that one reading takes; the next one goes on.
inline constexpr int kLogPages = 50;
/// Between two goes at removing what a deleted app has: each costs some 30 calls.
inline constexpr Millis kForgetPause{5'000};
/// How long the tasks of a service that is being removed may take to end before it is deleted by
/// force: the load balancer's drain, the most that a container may take, and the agent's start-up.
inline constexpr Millis kDrainDeadline{600'000};
/// Task definitions that one call of a removal deregisters, so that it ends soon; the next goes on.
inline constexpr std::size_t kDeregisteredAtOnce = 50;

/// How long a target may take to become healthy before it is told that traffic waits for it.
inline constexpr Millis kHealthyTargetDeadline{300'000};
/// How often the weights of an app whose traffic does not change are looked at.
inline constexpr Millis kDriftLook{300'000};
/// When the address of a load balancer could not be asked for, it is asked for again after this.
inline constexpr Millis kAddressRetry{60'000};
/// Load balancers that apps are spread over: what a region has unasked.
inline constexpr std::size_t kMaxListeners = 50;

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
/// Processors that Fargate runs On-Demand for an account in a region, and the code by which Service
/// Quotas knows it (service quotas of Fargate). It can be raised.
inline constexpr std::int64_t kQuotaVcpus = 6;
inline constexpr const char* kVcpuQuotaCode = "L-3032A538";
/// A task's `cpu` for one processor.
inline constexpr std::int64_t kUnitsOfVcpu = 1024;
/// Of a value that differs, the characters that a plan shows.
inline constexpr std::size_t kShownValue = 160;

}  // namespace pixell::engine::ecs
