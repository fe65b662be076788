#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/unique_fd.hpp"
#include "engine/engine.hpp"
#include "engine/testing/scratch_state.hpp"

namespace pixell::engine::testing {

/// What is special about a node under test.
struct NodeSetup {
  std::filesystem::path cgroup_root = "/sys/fs/cgroup";
  std::map<std::string, std::string> environment{};  ///< on top of ours
  bool may_end = false;  ///< before it is ready; else that is a failure of the test
};

/// The node as a process of its own on a state directory, with the scripted par. Its destructor
/// asks it to end; instances stay.
class RunningNode {
 public:
  /// Blocks until the node says that it is ready.
  explicit RunningNode(const std::filesystem::path& state_dir, NodeSetup setup = {});
  ~RunningNode();

  Engine& engine() { return *engine_; }
  pid_t pid() const { return pid_; }
  /// False when it ended instead, which only a NodeSetup with may_end allows.
  bool is_ready();
  /// SIGKILL; returns when it has gone.
  void kill();
  /// Waits for an instance to fulfil a condition, by the node's change signal.
  model::Instance wait_until(const std::string& id,
                             const std::function<bool(const model::Instance&)>& condition);
  model::Instance wait_for(const std::string& id, model::InstancePhase phase);
  /// What the node wrote so far.
  std::string output();

 private:
  void read_output(int fd);
  bool has_said_ready() const { return output_.find("Node ready") != std::string::npos; }

  pid_t pid_ = -1;
  std::mutex mutex_;  // guards output_ and is_closed_
  std::condition_variable more_;
  std::string output_;
  bool is_closed_ = false;
  std::jthread reader_;
  std::unique_ptr<Engine> engine_;
};

/// Ends every instance of the state directory: stops, waits, removes.
void end_all(RunningNode& node);

}  // namespace pixell::engine::testing
