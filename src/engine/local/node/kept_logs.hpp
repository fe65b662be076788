#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "engine/engine.hpp"

namespace pixell::engine::node {

/// The ends of the logs of failed instances that were removed: a failed deployment's instance goes
/// at once, and whoever deployed it wants to read why. At most kMaxKeptLogs of kMaxLogReplyBytes
/// each, for kKeptLogLife; the oldest goes first. One file each, `<id>.<position>.<time>`.
class KeptLogs {
 public:
  explicit KeptLogs(std::filesystem::path directory) : directory_(std::move(directory)) {}

  /// Makes the directory (0700) and finds what earlier nodes kept.
  Result<void> open(UnixMillis now);

  /// Keeps the end of a log, in the place of one that was kept under the same id.
  Result<void> keep(const std::string& id, const LogPiece& end, UnixMillis now);

  /// As Engine::read_log has it. NotFound when none is kept.
  Result<LogPiece> read(const std::string& id, const LogRange& range) const;

 private:
  struct Kept {
    std::filesystem::path path;
    std::int64_t start = 0;
    UnixMillis at = 0;
  };
  void make_room(UnixMillis now, std::size_t max_logs);

  std::filesystem::path directory_;
  std::map<std::string, Kept, std::less<>> kept_;
};

}  // namespace pixell::engine::node
