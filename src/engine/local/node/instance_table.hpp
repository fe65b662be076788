#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/thread_pool.hpp"
#include "base/unique_fd.hpp"
#include "engine/engine.hpp"
#include "engine/local/node/disk_watch.hpp"
#include "engine/local/node/instance_process.hpp"
#include "engine/local/node/kept_logs.hpp"
#include "engine/local/node/node_context.hpp"

namespace pixell::engine::node {

/// All instances of one node. Everything happens on the node's loop; only the removal of files
/// runs on a thread of its own.
class InstanceTable final : private net::FdHandler {
 public:
  explicit InstanceTable(NodeContext& node, std::vector<std::string> notes);
  ~InstanceTable() override;

  /// Makes the directories, adopts what an earlier node left and removes what nobody knows.
  Result<void> open();

  /// As Engine has them.
  Capabilities capabilities() const;
  Result<model::Instance> ensure(const InstanceSpec& spec);
  Result<void> stop(const std::string& id, Millis grace);
  Result<void> remove(const std::string& id);
  std::vector<model::Instance> list() const;
  Result<model::Instance> inspect(const std::string& id) const;
  Result<model::InstanceUsage> usage(const std::string& id) const;
  Result<LogPiece> read_log(const std::string& id, const LogRange& range) const;

  /// Grows with each observed change; starts above that of any earlier node.
  std::int64_t position() const { return position_; }
  void changed() { ++position_; }

  /// Logs, left-over groups and, when `reaps_orphans`, ended processes that came to this process
  /// as the subreaper. To be called every kTick.
  void on_tick(bool reaps_orphans);

 private:
  void on_ready(std::uint32_t events) override;
  Result<void> watch_files(const InstanceFiles& files, const std::string& id);
  void adopt_all();
  void adopt_directory(const std::string& id);
  void sweep_groups();
  void keep_log(const InstanceProcess& instance);
  void discard(const std::filesystem::path& directory, int slot);
  void delete_discarded(std::filesystem::path trash, int slot);
  void reap_orphans();
  void measure_disks();

  NodeContext& node_;
  std::vector<std::string> notes_;
  std::map<std::string, std::unique_ptr<InstanceProcess>> instances_;
  UniqueFd inotify_;
  std::map<int, std::string> watched_;  // inotify watch → instance id
  std::int64_t position_ = 0;
  std::int64_t discarded_ = 0;
  std::shared_ptr<bool> is_alive_ = std::make_shared<bool>(true);  // for jobs posted by remover_
  ThreadPool remover_{1};
  DiskWatch disks_;
  KeptLogs kept_logs_;
};

}  // namespace pixell::engine::node
