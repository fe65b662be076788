#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.hpp"

namespace pixell {

enum class LogLevel { Debug, Info, Warning, Error };

/// One value of a log line. Keys that name a secret are printed as [REDACTED] whatever the value.
class LogValue {
 public:
  LogValue(std::string_view text) : value_(text) {}                      // NOLINT
  LogValue(const char* text) : value_(std::string_view(text)) {}         // NOLINT
  LogValue(const std::string& text) : value_(std::string_view(text)) {}  // NOLINT
  LogValue(bool value) : value_(value) {}                                // NOLINT
  LogValue(std::floating_point auto value) : value_(double(value)) {}    // NOLINT
  LogValue(std::integral auto value) : value_(std::int64_t(value)) {}    // NOLINT
  /// A text that is JSON already and is printed as it stands.
  static LogValue raw_json(std::string_view json);

  void append_to(std::string& line) const;

 private:
  struct Raw {
    std::string_view json;
  };
  explicit LogValue(Raw raw) : value_(raw) {}
  std::variant<std::string_view, bool, double, std::int64_t, Raw> value_;
};

struct LogField {
  std::string_view key;
  LogValue value;
};

/// Writes one JSON object per line. Keys: event, level, timestamp, bound fields, free fields.
/// Cheap to copy; safe to use from several threads (each line is one write).
class Log {
 public:
  /// Lines go to `fd`, which the Log does not own. Lines below `least` are dropped.
  explicit Log(int fd = 1, LogLevel least = LogLevel::Info, const Clock& clock = system_clock());

  /// A Log that adds `key`: `value` to every line.
  Log with(std::string_view key, std::string_view value) const;

  void debug(std::string_view event, std::initializer_list<LogField> fields = {}) const;
  void info(std::string_view event, std::initializer_list<LogField> fields = {}) const;
  void warning(std::string_view event, std::initializer_list<LogField> fields = {}) const;
  void error(std::string_view event, std::initializer_list<LogField> fields = {}) const;
  /// The same with fields known only at run time (a child's events).
  void line(LogLevel level, std::string_view event, std::span<const LogField> fields) const;
  bool writes(LogLevel level) const { return level >= least_; }

  /// For writers of lines that come too often for this class.
  int fd() const { return fd_; }
  /// The fields that every line has, as `,"key":"value"` pairs.
  std::string_view bound_fields() const { return bound_; }

 private:
  void write(LogLevel level, std::string_view event, std::span<const LogField> fields) const;

  int fd_;
  LogLevel least_;
  const Clock* clock_;
  std::string bound_;  // ready-made `,"key":"value"` pairs
};

/// True when values under this key must never be printed (contract: password, token, …).
bool is_secret_key(std::string_view key);

/// Appends `text` as a JSON string with quotes; bytes that are not UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);

}  // namespace pixell
