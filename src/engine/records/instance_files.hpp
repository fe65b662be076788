#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/process.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "engine/instance_spec.hpp"
#include "model/boot_report.hpp"

namespace pixell::engine {

/// spec.json: what was asked and which slot (user id) it got. Written before the start.
struct SpecRecord {
  InstanceSpec spec;
  int slot = 0;
  UnixMillis recorded_at = 0;
};

/// process.json: which process runs (or ran) the instance. Written right after the start.
struct ProcessRecord {
  ProcessIdentity identity;
  UnixMillis started_at = 0;
};

/// stop.json: a stop that was asked. Written before the first signal.
struct StopRecord {
  UnixMillis requested_at = 0;
  UnixMillis deadline = 0;  ///< force follows then
};

/// state.json as par writes it at each change.
struct ParState {
  std::string phase;
  bool ready = false;
  int restarts = 0;  ///< of the agent's worker
};

/// exit.json: how the instance ended, written by par, or by the node when par could not.
struct ExitRecord {
  int code = 0;
  int signal = 0;  ///< 0 = it exited by itself
  UnixMillis at = 0;
  std::optional<model::Failure> failure{};
};

/// The files of one instance, `<state>/instances/<id>/`. Reading an absent file is nullopt; a file
/// that cannot be understood is DataLoss.
class InstanceFiles {
 public:
  explicit InstanceFiles(std::filesystem::path directory) : directory_(std::move(directory)) {}

  /// Makes the directory (0710, group of `user`; 0700 without) with `work` (0700) inside,
  /// which belongs to `user` when there is one. Existing ones are put right.
  Result<void> make_directories(std::optional<uid_t> user) const;

  const std::filesystem::path& directory() const { return directory_; }
  /// What the agent may write to, as par lays it out.
  std::vector<std::filesystem::path> agent_directories() const {
    return {directory_ / "work" / "home", directory_ / "work" / "tmp", directory_ / "work" / "run"};
  }
  std::filesystem::path socket() const { return directory_ / "par.sock"; }
  std::filesystem::path log() const { return directory_ / "par.log"; }

  Result<void> write_spec(const SpecRecord& record) const;
  Result<std::optional<SpecRecord>> read_spec() const;
  Result<void> write_process(const ProcessRecord& record) const;
  Result<std::optional<ProcessRecord>> read_process() const;
  Result<void> write_stop(const StopRecord& record) const;
  Result<std::optional<StopRecord>> read_stop() const;
  Result<void> write_exit(const ExitRecord& record) const;
  Result<std::optional<ExitRecord>> read_exit() const;
  Result<std::optional<ParState>> read_state() const;
  Result<std::optional<model::BootReport>> read_boot_report() const;

  /// Removes what an earlier start of the same instance left (state, reports, exit, stop).
  void forget_last_run() const;

 private:
  std::filesystem::path directory_;
};

/// What a record says, or nothing with one log line when it cannot be understood.
template <class T>
std::optional<T> or_logged(Result<std::optional<T>> record, const Log& log) {
  if (record) return std::move(*record);
  log.error("Instance record cannot be read", {{"error", record.error().message}});
  return {};
}

}  // namespace pixell::engine
