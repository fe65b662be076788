#pragma once

#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace pixell::store {

/// Lets many callers share one slow sync: whoever finds none running leads one for all who wait.
/// Safe from any thread.
class GroupSync {
 public:
  explicit GroupSync(std::function<Result<void>()> sync) : sync_(std::move(sync)) {}

  /// Returns when a sync that began after this call has ended, with its outcome.
  Result<void> wait();

 private:
  const std::function<Result<void>()> sync_;
  std::mutex mutex_;  // guards everything below
  std::condition_variable ended_;
  bool is_running_ = false;
  std::uint64_t begun_ = 0;
  std::uint64_t done_ = 0;
  Result<void> outcome_;  // of the sync number done_
};

/// A database's write-ahead log as a file of its own that can be synced. The database must be open
/// in this process for as long as this is used.
class LogFile {
 public:
  /// NotFound when there is no log.
  static Result<LogFile> open(const std::filesystem::path& database);

  /// Puts everything that was committed before this call on the disk, so that it survives a power
  /// cut. Unavailable when the disk refuses; else as verify().
  Result<void> sync() const;
  /// DataLoss when the file was removed or replaced: what is written reaches nobody then.
  Result<void> verify() const;

 private:
  LogFile(std::filesystem::path path, UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}

  std::filesystem::path path_;
  UniqueFd fd_;
};

}  // namespace pixell::store
