#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/control_group.hpp"
#include "base/log.hpp"
#include "base/process.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "net/event_loop.hpp"
#include "par/children.hpp"
#include "par/line_reader.hpp"
#include "par/worker/sandbox.hpp"

namespace pixell::par {

/// How the agent's worker is started and what it is told first.
struct WorkerPlan {
  std::vector<std::string> argv;
  std::map<std::string, std::string> env;  ///< the whole environment; never logged
  std::string directory;                   ///< working directory
  Sandbox sandbox;
  std::string
      load_header;  ///< the `load` frame; empty for a program that is no shim, only a server
  std::string rest_socket, http_socket, grpc_socket;  ///< paths; empty = not asked for
  std::uint16_t http_port = 0;  ///< where an own server may listen instead of on http_socket
};

/// How the worker ended.
struct WorkerExit {
  ExitStatus status;
  bool out_of_memory = false;  ///< killed while the cgroup counted a kill for want of memory
};

/// The worker's process: its own group and environment, no new privileges, the link on descriptor
/// 3, its output passed on as log lines (`stream`: stdout or stderr) and the last lines kept.
class AgentProcess {
 public:
  using OnExit = std::function<void(WorkerExit)>;

  /// `on_exit` is called once per started process, after its last output was taken. It must not
  /// destroy the AgentProcess.
  AgentProcess(net::EventLoop& loop, Children& children, OomKills& oom_kills, Log log,
               OnExit on_exit);
  /// Kills the group of what still runs.
  ~AgentProcess();

  /// Starts the program; returns our end of the link, which only a shim gets. Nothing runs after an
  /// error.
  Result<UniqueFd> start(const WorkerPlan& plan);

  /// Sends a signal to the whole group.
  void signal(int number) { signal_group(pid_, number); }
  pid_t pid() const { return pid_; }
  bool is_running() const { return pid_ > 0; }
  /// The last lines of this process' output, stderr when it wrote some, else stdout.
  std::vector<std::string> evidence() const;

 private:
  using Lines = std::deque<std::string>;
  std::unique_ptr<LineReader> make_reader(UniqueFd fd, const char* stream, Lines& kept);
  void ended(ExitStatus status);

  net::EventLoop& loop_;
  Children& children_;
  OomKills& oom_kills_;
  Log log_;
  OnExit on_exit_;
  pid_t pid_ = 0;
  std::unique_ptr<LineReader> stdout_reader_;
  std::unique_ptr<LineReader> stderr_reader_;
  Lines stdout_lines_;
  Lines stderr_lines_;
};

}  // namespace pixell::par
