#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>

#include "aws/transport.hpp"
#include "base/result.hpp"
#include "model/instance_usage.hpp"

namespace pixell::engine::ecs {

/// What par tells of itself and of the agent's processes on its page of metrics
/// (docs/observability.md), all together. DataLoss when that is no such page.
Result<model::InstanceUsage> usage_of_page(std::string_view page);

/// Asks the par of an instance for that page: ECS itself tells it to Container Insights only. Each
/// answer has a deadline, and no more than kUsageReads are asked for at once, the others wait for
/// as long. Safe from several threads; blocks.
class UsageReader {
 public:
  explicit UsageReader(aws::Transport fetch) : fetch_(std::move(fetch)) {}

  /// `address` is where its REST surface answers, "host:port". Unavailable (retry later) when it
  /// does not, or too many are asked for.
  Result<model::InstanceUsage> read(const std::string& address);

 private:
  bool wait_for_turn();

  const aws::Transport fetch_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable ended_;
  std::size_t running_ = 0;
};

}  // namespace pixell::engine::ecs
