#include "engine/local/node/disk_watch.hpp"

#include <utility>

#include "engine/local/node/limits.hpp"

namespace pixell::engine::node {

DiskWatch::DiskWatch(net::EventLoop& loop, OnExcess on_excess)
    : loop_(loop), on_excess_(std::move(on_excess)) {}

bool DiskWatch::is_due() const { return !is_measuring_ && loop_.clock().now() >= next_; }

void DiskWatch::start_round(std::vector<DiskCheck> checks) {
  if (checks.empty()) return;
  is_measuring_ = true;
  auto job = [this, is_alive = is_alive_, &loop = loop_, checks = std::move(checks)] {
    std::vector<Excess> found;
    for (const DiskCheck& check : checks) {
      DiskUsage usage = measure_disk(check.places, check.max_bytes);
      if (!usage.excess.empty()) found.push_back({check.instance_id, std::move(usage)});
    }
    loop.post([this, is_alive, found = std::move(found)] {
      if (*is_alive) finish_round(found);
    });
  };
  // Only one round is queued at a time, so there is room; a stopping pool measures no more.
  if (!measurer_.submit(std::move(job))) is_measuring_ = false;
}

void DiskWatch::finish_round(const std::vector<Excess>& found) {
  is_measuring_ = false;
  next_ = loop_.clock().now() + kDiskCheckPause;
  for (const auto& [id, usage] : found) on_excess_(id, usage);
}

}  // namespace pixell::engine::node
