#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"

// Log lines as pure text: when they were written, and whose they are.

namespace pixell::api {

/// When a line says it was written (its "timestamp"); none when it does not.
std::optional<UnixMillis> time_of_line(std::string_view line);

/// Keeps the lines since a moment. A line without a time belongs to the one before it.
class SinceFilter {
 public:
  explicit SinceFilter(std::optional<UnixMillis> since) : since_(since), keeps_(!since) {}
  bool keeps(std::string_view line);

 private:
  std::optional<UnixMillis> since_;
  bool keeps_;  // the line before was kept; one that is young is followed by younger ones
};

/// Cuts a log that comes in pieces into lines.
class LineCutter {
 public:
  /// The lines that are complete now, without their end.
  std::vector<std::string> add(std::string_view text);
  /// How much of a line is there that has no end yet.
  std::size_t open_bytes() const { return open_.size(); }
  /// The last line, which never got its end; empty when there is none.
  std::string rest() { return std::exchange(open_, {}); }

 private:
  std::string open_;
};

/// The line as a JSON object that names its instance and revision; one that is no object becomes
/// its "message".
std::string with_instance(std::string_view line, std::string_view instance, std::int64_t revision);

}  // namespace pixell::api
