#pragma once

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <string>

#include "engine/docker/docker_api.hpp"
#include "engine/engine.hpp"
#include "engine/records/instance_log.hpp"

namespace pixell::engine::docker {

/// Up to where a container's log was read: entries stamped at or after `since`, and how many of
/// those were taken, in the order of the log.
struct LogMark {
  std::int64_t since = 0;     ///< nanoseconds since 1970
  std::int64_t taken = 0;     ///< entries
  std::int64_t position = 0;  ///< where our copy ended then
};

/// Our copy of a container's log. Docker drops old parts and counts no bytes; here positions stay
/// valid. It is filled when somebody reads.
class LogCopy {
 public:
  explicit LogCopy(std::filesystem::path directory);

  /// Takes what has come since, then reads as Engine::read_log has it. `has_ended`: nothing more
  /// comes. Safe from any thread.
  Result<LogPiece> read(DockerApi& api, const std::string& container, bool has_ended,
                        const LogRange& range);

 private:
  Result<void> recover();
  Result<void> take_news(DockerApi& api, const std::string& container);
  Result<std::int64_t> end() const;

  std::filesystem::path directory_;
  std::mutex mutex_;  // guards everything below
  InstanceLog log_;
  LogMark mark_;
  bool is_recovered_ = false;
  bool is_complete_ = false;  // the container had ended when it was read last
};

}  // namespace pixell::engine::docker
