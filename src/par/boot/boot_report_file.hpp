#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "model/boot_report.hpp"
#include "par/phase.hpp"

namespace pixell::par {

/// The files par leaves in its instance directory for whoever watches it: state.json on every
/// change, boot_report.json once per boot, exit.json last, and crash_count between lives. Without
/// a directory every call does nothing. Files are replaced whole; a reader never sees a part.
class BootReportFile {
 public:
  /// `directory` may be empty. Otherwise it must exist, or be made by make_place().
  explicit BootReportFile(std::filesystem::path directory) : directory_(std::move(directory)) {}

  /// Makes the directory when it is not there yet.
  Result<void> make_place() const;
  /// state.json: {"phase","ready","at","restarts"} with `at` in Unix milliseconds and the restarts
  /// of the agent's worker.
  Result<void> write_state(Phase phase, bool ready, UnixMillis now, int restarts = 0) const;
  /// boot_report.json: model::BootReport.
  Result<void> write_report(const model::BootReport& report) const;
  /// exit.json: {"code","signal":0,"at","failure"?}.
  Result<void> write_exit(int code, const std::optional<model::Failure>& failure,
                          UnixMillis now) const;

  /// Boots in a row that failed before this one; 0 when the file is absent or unreadable.
  int crash_count() const;
  /// Sets the count; 0 removes the file.
  Result<void> set_crash_count(int count) const;

 private:
  bool is_off() const { return directory_.empty(); }
  std::filesystem::path directory_;
};

/// Seconds to wait before the exit of a failed boot: min(60, 2^n) for n failures in a row before
/// it, none for the first one or when the configuration is at fault (a restart tells no more).
int crash_backoff_seconds(int failures_before, model::Cause cause);

}  // namespace pixell::par
