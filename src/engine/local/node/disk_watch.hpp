#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/thread_pool.hpp"
#include "engine/local/node/disk_usage.hpp"
#include "net/event_loop.hpp"

namespace pixell::engine::node {

/// What is measured for one instance.
struct DiskCheck {
  std::string instance_id;
  DiskPlaces places;
  std::int64_t max_bytes = 0;
};

/// Measures what agents have on disk, in rounds on a thread of its own: kDiskCheckPause after the
/// end of one round the next may begin.
class DiskWatch {
 public:
  /// `on_excess` is called on the loop for each instance that is over its limit.
  using OnExcess = std::function<void(const std::string& instance_id, const DiskUsage& usage)>;
  DiskWatch(net::EventLoop& loop, OnExcess on_excess);
  DiskWatch(const DiskWatch&) = delete;
  DiskWatch& operator=(const DiskWatch&) = delete;
  ~DiskWatch() { *is_alive_ = false; }

  /// Whether a round may begin now.
  bool is_due() const;
  /// Begins a round. Only when is_due().
  void start_round(std::vector<DiskCheck> checks);

 private:
  struct Excess {
    std::string instance_id;
    DiskUsage usage;
  };
  void finish_round(const std::vector<Excess>& found);

  net::EventLoop& loop_;
  OnExcess on_excess_;
  bool is_measuring_ = false;
  Instant next_{};
  std::shared_ptr<bool> is_alive_ = std::make_shared<bool>(true);  // for what the thread posts
  ThreadPool measurer_{1};  // last: its thread ends before the rest is gone
};

}  // namespace pixell::engine::node
