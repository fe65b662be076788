#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/api.hpp"
#include "api/log_lines.hpp"

namespace pixell::api {

/// What a request wants of logs.
struct LogWanted {
  std::size_t bytes = 0;   ///< the most of what is there already
  std::int64_t from = -1;  ///< -1 = the end of it
  std::optional<UnixMillis> since{};
  bool is_following = false;
};

/// Reads one instance's log from where it is to begin, line by line.
class LogReader {
 public:
  LogReader(const ApiContext& context, std::string instance, const LogWanted& wanted);

  /// What is there already, as far as it is wanted. NotFound when there is no such instance.
  Result<std::vector<std::string>> begin();
  /// The lines that came since the last call.
  Result<std::vector<std::string>> more();
  /// The last line of a log to which nothing is added any more, when it has no end; else none.
  std::vector<std::string> rest();
  /// Where to read on.
  std::int64_t next() const { return next_; }

 private:
  Result<LogPiece> read(std::int64_t from, std::size_t max_bytes);
  Result<std::int64_t> begin_of_end();
  std::vector<std::string> take(std::string_view text);

  const ApiContext& context_;
  std::string instance_;
  LogWanted wanted_;
  std::int64_t next_ = 0;
  LineCutter cutter_;
  SinceFilter filter_;
};

/// True when nothing is added to the instance's log any more: it has ended, or is forgotten.
Result<bool> has_ended(const ApiContext& context, std::string_view instance);

}  // namespace pixell::api
