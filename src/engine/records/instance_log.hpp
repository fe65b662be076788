#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "engine/engine.hpp"

namespace pixell::engine {

/// The log of one instance: `path`, where its processes append, and `<path>.1`, the part before it.
/// What came before that is gone, but positions go on counting: `<path>.position` records where
/// `path` begins, from before a rotation on, so that the next node knows it too.
///
///     position   0 … dropped … ┃ <path>.1 ┃ path ┃
///                                          ▲ start()
class InstanceLog {
 public:
  explicit InstanceLog(std::filesystem::path path) : path_(std::move(path)) {}

  /// Opens the log for appending; what is written later by several processes does not mix.
  Result<UniqueFd> open() const;

  /// Reads where the log begins and finishes a rotation that an earlier node began. Once, before
  /// anything else; a fresh log needs it not.
  Result<void> recover();

  /// When the log is larger than `max_bytes`, copies it to `<path>.1` (replacing that) and empties
  /// it. Writers keep their descriptor; what they write in the instant between is lost, without a
  /// position. Of a log that grew to more than twice as much, only whole lines of its last
  /// 2 * max_bytes are kept. True when it was rotated.
  Result<bool> rotate(std::size_t max_bytes);

  /// As Engine::read_log has it. `is_complete`: nobody writes any more, so that a last line
  /// without its end is given too.
  Result<LogPiece> read(const LogRange& range, bool is_complete) const;

  /// Position of the first byte of `path`.
  std::int64_t start() const { return start_; }

 private:
  std::filesystem::path older() const { return path_.string() + ".1"; }
  std::filesystem::path copy() const { return path_.string() + ".1.part"; }
  std::filesystem::path position_file() const { return path_.string() + ".position"; }
  Result<void> record(std::int64_t start, std::int64_t moving) const;
  Result<void> make_copy(int log, std::int64_t size, std::size_t max_bytes) const;
  Result<bool> is_emptied(std::int64_t moved) const;

  std::filesystem::path path_;
  std::int64_t start_ = 0;
};

/// The last lines of a text, without empty ones.
std::vector<std::string> last_lines(const std::string& text, std::size_t max_lines);

}  // namespace pixell::engine
