#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.hpp"
#include "base/process.hpp"
#include "base/result.hpp"
#include "model/boot_report.hpp"
#include "model/manifest.hpp"
#include "net/event_loop.hpp"
#include "par/children.hpp"
#include "par/line_reader.hpp"
#include "par/phase.hpp"

namespace pixell::par {

struct Config;

/// Programs and directories par uses; cmd/par finds them.
struct Programs {
  std::string prepare;       ///< par-prepare
  std::string telemetry;     ///< par-telemetry; may be absent, it is needed for the export of spans
  std::string worker_dir;    ///< workers/python
  std::string environments;  ///< installed dependencies that came with par; may be absent
};

/// What par-prepare answers when the package is there and its dependencies are installed.
struct Prepared {
  model::Manifest manifest;
  std::string root;            ///< the unpacked package
  std::string package_sha256;  ///< lower-case hex; empty for a directory, which may change
  std::string interpreter;     ///< realpath; empty when no interpreter is needed
  std::string interpreter_version;
  std::string venv_python;           ///< Python: what the worker is started with
  std::string module_root;           ///< Node: the package where its modules are found
  std::vector<std::string> command;  ///< Executable: absolute path and arguments
  std::vector<std::string> dependency_lock;
  std::map<std::string, std::string> dotenv;  ///< the package's .env; never logged
};

/// Told how the preparation goes. Exactly one of the last two is called, at most once.
class PrepareOwner {
 public:
  virtual ~PrepareOwner() = default;
  virtual void preparation_entered(Phase phase) = 0;
  virtual void package_prepared(Prepared prepared) = 0;
  virtual void preparation_failed(model::Failure failure) = 0;
};

/// Where par-prepare is and what it works on.
struct PrepareCommand {
  std::string program;                     ///< path of par-prepare
  std::map<std::string, std::string> env;  ///< its environment (credentials, proxies, PATH)
  std::string spec_json;                   ///< one JSON object for its stdin
  /// The agent's user, when no other agent has it: what it or its installer left is killed with us.
  std::optional<uid_t> own_user{};
};

/// Builds the JSON object par-prepare reads. `work_dir` is where it may write; of `programs` it
/// needs the lock of the packages every agent may rely on and the environments that came with par.
std::string prepare_spec_json(const Config& config, const std::string& work_dir,
                              const Programs& programs);

/// One run of par-prepare: a child of its own group that answers in JSON lines and exits.
class PrepareProcess {
 public:
  PrepareProcess(net::EventLoop& loop, Children& children, PrepareOwner& owner, Log log);
  /// Kills what still runs.
  ~PrepareProcess();

  /// Starts the child. An error means that nothing runs.
  Result<void> start(const PrepareCommand& command);

  /// Ends the child's group: SIGTERM, then SIGKILL. The owner is not called any more.
  void stop();
  bool is_running() const { return pid_ > 0; }
  /// The last lines of its stderr.
  std::vector<std::string> evidence() const { return {stderr_.begin(), stderr_.end()}; }

 private:
  void take_line(std::string_view line);
  void take_stderr(std::string_view line);
  void ended(ExitStatus status);
  void finish(model::Failure failure);

  net::EventLoop& loop_;
  Children& children_;
  PrepareOwner& owner_;
  Log log_;
  pid_t pid_ = 0;
  std::optional<uid_t> own_user_;
  std::int64_t oom_kills_at_start_ = 0;
  bool is_over_ = false;  // the owner knows the outcome, or does not want it
  std::unique_ptr<LineReader> stdout_reader_;
  std::unique_ptr<LineReader> stderr_reader_;
  std::deque<std::string> stderr_;
  net::Timer kill_timer_;
};

}  // namespace pixell::par
