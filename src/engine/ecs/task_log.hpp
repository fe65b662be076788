#pragma once

#include <filesystem>
#include <mutex>
#include <string>

#include "aws/services.hpp"
#include "engine/engine.hpp"
#include "engine/records/instance_log.hpp"

namespace pixell::engine::ecs {

/// Where a task's log is in CloudWatch.
struct LogStream {
  std::string group;
  std::string name;
};

/// Our copy of a task's log. CloudWatch has events and no positions in bytes; here positions stay
/// valid, and a line is an event and its end. It is filled when somebody reads.
class TaskLog {
 public:
  explicit TaskLog(const std::filesystem::path& directory);

  /// Takes what has come since, then reads as Engine::read_log has it. `is_complete`: nothing more
  /// comes, so that CloudWatch is asked once more and then never again. An empty stream name: there
  /// is no task yet. Safe from any thread.
  Result<LogPiece> read(aws::Services& aws, const LogStream& stream, bool is_complete,
                        const LogRange& range);

 private:
  struct Mark {
    std::string token;          ///< of the page that comes next; empty = the first
    std::int64_t position = 0;  ///< where our copy ended before that page
    bool operator==(const Mark&) const = default;
  };
  Result<void> recover();
  Result<void> take_news(aws::Services& aws, const LogStream& stream);
  Result<bool> take_page(aws::Services& aws, const LogStream& stream);
  Result<void> append(const nlohmann::json& events);
  Result<void> keep(const Mark& mark);
  Result<std::int64_t> end() const;

  const std::filesystem::path directory_;
  std::mutex mutex_;  // guards everything below
  InstanceLog log_;
  Mark mark_{};
  bool is_recovered_ = false;
  bool has_all_ = false;
};

}  // namespace pixell::engine::ecs
