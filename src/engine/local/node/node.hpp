#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/result.hpp"

namespace pixell::net {
class EventLoop;
}

namespace pixell::engine::node {

struct NodeOptions {
  std::filesystem::path state_dir;
  std::filesystem::path par_program;
  /// The node's own: its settings are taken from it, and an allow-list is passed on.
  std::map<std::string, std::string> environment;
  /// True when this process is the subreaper: it then reaps every ended child it is given.
  bool reaps_orphans = false;
  /// Hierarchies are looked for here; a test may name a place without any.
  std::filesystem::path cgroup_root = "/sys/fs/cgroup";
  /// run_node only. Called once when it serves, and every kTick on its loop.
  std::function<void()> on_ready = [] {};
  std::function<void()> on_tick = [] {};
};

/// The socket of the node of a state directory.
std::filesystem::path node_socket(const std::filesystem::path& state_dir);

/// The local engine's daemon on one event loop: parent of every `par`, owner of instance sockets,
/// logs, control groups and exit records. Ending it leaves the instances running; the next one on
/// the same state directory adopts them.
class Node {
 public:
  /// Takes the state directory's node lock, adopts what runs and starts to listen.
  /// DeadlineExceeded when another node holds the lock; InvalidArgument for a wrong setting in the
  /// environment.
  static Result<std::unique_ptr<Node>> start(NodeOptions options, net::EventLoop& loop, Log log);
  ~Node();

 private:
  struct Impl;
  explicit Node(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// The program `pac node`: becomes the subreaper, runs a Node until SIGTERM or SIGINT. Returns the
/// exit code.
int run_node(NodeOptions options, const Log& log);

/// $PIXELL_PAR, or `par` beside the program `pac` (empty = the one that runs). NotFound names both
/// when it is not there.
Result<std::filesystem::path> find_par_program(
    const std::map<std::string, std::string>& environment, const std::filesystem::path& pac = {});

}  // namespace pixell::engine::node
