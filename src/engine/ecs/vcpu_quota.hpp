#pragma once

#include <cstdint>
#include <stop_token>
#include <string>

#include "aws/services.hpp"
#include "base/result.hpp"

namespace pixell::engine::ecs {

/// How many processors Fargate may run On-Demand in a region, and how many it runs. In units of
/// which 1024 are one.
struct VcpuUse {
  std::int64_t running = 0;     ///< by the cluster's tasks
  std::int64_t of_service = 0;  ///< of these, by the service's
  std::int64_t most = 0;        ///< of the account in the region
  std::string note{};           ///< why `most` is AWS's default; empty = it is the account's own
};

/// Counts the tasks that are to run in the cluster: what other clusters run is not known here. The
/// account's quota is asked of Service Quotas; where that does not tell it, AWS's default counts.
Result<VcpuUse> count_vcpus(aws::Services& aws, const std::string& cluster,
                            const std::string& service, const std::stop_token& stop);

}  // namespace pixell::engine::ecs
