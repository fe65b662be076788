#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/process.hpp"
#include "base/unique_fd.hpp"
#include "engine/local/node/disk_usage.hpp"
#include "engine/local/node/health_probe.hpp"
#include "engine/local/node/node_context.hpp"
#include "engine/records/instance_files.hpp"
#include "engine/records/instance_log.hpp"
#include "model/agent_app.hpp"
#include "model/instance_usage.hpp"
#include "net/event_loop.hpp"

namespace pixell::engine::node {

/// One instance: its directory, its par, and what is known about both.
///
///     NeverStarted ──start──▶ Running ──par ends──▶ Ended
///          ▲                     │ ▲
///          └── start failed      └─┘ state.json changes; stop asked (SIGTERM, SIGKILL later)
///
/// A node that starts again comes to Running by adopt() and to Ended by finding the process gone.
/// Everything happens on the node's loop.
class InstanceProcess final : private net::FdHandler {
 public:
  InstanceProcess(NodeContext& node, SpecRecord record);
  ~InstanceProcess() override;
  InstanceProcess(const InstanceProcess&) = delete;
  InstanceProcess& operator=(const InstanceProcess&) = delete;

  /// Starts par. Only from NeverStarted; an error leaves it there, to be tried again.
  Result<void> start();

  /// Finds out what an earlier node left: a par that runs (adopted), one that ended, or nothing.
  void adopt();

  /// Records the stop, sends SIGTERM and sets the deadline for force. A second stop can only
  /// bring the deadline nearer. No effect unless running.
  Result<void> stop(Millis grace);

  /// Reads state.json and boot_report.json again.
  void refresh();

  /// A child of the node ended and was reaped elsewhere. True when it was this instance's.
  bool on_reaped(pid_t pid, ExitStatus status);

  /// Where its agent's files may be; nothing unless it runs and its disk is limited.
  std::optional<DiskPlaces> disk_places() const;

  /// The agent has more on disk than it may: it is ended at once and what it wrote is removed
  /// with the instance. No effect unless running.
  void on_disk_excess(const DiskUsage& usage);

  /// par answers no more although it runs: it is ended at once. No effect unless running.
  void on_lost_contact(const LostContact& lost);

  /// Looks after the log and a group that could not be removed at once.
  void on_tick();

  bool is_running() const { return life_ == Life::Running; }
  bool was_never_started() const { return life_ == Life::NeverStarted; }
  const SpecRecord& record() const { return record_; }
  const InstanceFiles& files() const { return files_; }
  const model::Instance& observed() const { return observed_; }
  /// As Engine::read_log has it.
  Result<LogPiece> read_log(const LogRange& range) const {
    return output_.read(range, life_ != Life::Running);
  }
  /// As Engine::usage has it. Of processes that have ended the time only counts where the machine's
  /// control groups are of version 2.
  Result<model::InstanceUsage> usage() const;
  /// Why the node does not hold the listening socket, or empty.
  const std::string& adoption_note() const { return adoption_note_; }
  /// Removes the control group. FailedPrecondition while processes are inside.
  Result<void> remove_cgroup() const { return cgroup_.remove(); }

 private:
  enum class Life { NeverStarted, Running, Ended };

  void on_ready(std::uint32_t events) override;
  Result<void> prepare();
  Result<pid_t> start_par();
  void probe_once_bound();
  void watch(ProcessIdentity identity, UniqueFd pidfd, UnixMillis started_at);
  void arm_deadline(UnixMillis deadline);
  void force_end();
  void send_signal(int signal) const;
  void note_machine_restart(const ProcessIdentity& identity) const;
  void on_ended(std::optional<ExitStatus> status);
  void clean_up_after_end();
  ExitRecord exit_record(std::optional<ExitStatus> status);
  model::Failure failure_of(const ExitRecord& exit) const;
  void show_end(const ExitRecord& exit);
  void show(model::InstancePhase phase);
  std::vector<std::string> log_evidence() const;

  NodeContext& node_;
  SpecRecord record_;
  InstanceFiles files_;
  InstanceLog output_;
  Log log_;
  Cgroup cgroup_;
  model::Instance observed_;
  Life life_ = Life::NeverStarted;
  ProcessIdentity identity_;
  UniqueFd pidfd_;
  UniqueFd listener_;
  std::optional<StopRecord> stop_;
  bool is_watched_ = false;  // by its pidfd, on the loop
  bool was_forced_ = false;
  HealthProbe probe_;                             // from its first phase to the stop or the end
  std::optional<model::Failure> forced_failure_;  // why, when it was not a stop
  bool has_group_left_ = false;
  net::Timer deadline_timer_;
  std::string adoption_note_;
};

}  // namespace pixell::engine::node
