#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "model/resources.hpp"

namespace pixell::api {

/// Reads the members of a JSON object and collects everything that is wrong with them, so that a
/// caller is told all findings at once. Each finding names the member, the value and the remedy.
class Fields {
 public:
  explicit Fields(const nlohmann::json& object) : object_(object) {}

  /// A text; a finding when it is required and absent, or not a text.
  std::string text(std::string_view name, bool is_required = false);
  std::int64_t number(std::string_view name, std::int64_t fallback, std::int64_t least,
                      std::int64_t most);
  bool flag(std::string_view name, bool fallback);
  /// An object of texts; see read_environment().
  std::map<std::string, std::string> environment(std::string_view name);
  /// An object of limits; see read_limits().
  model::LimitsAsked limits(std::string_view name);

  void add(std::string finding) { findings_.push_back(std::move(finding)); }
  const std::vector<std::string>& findings() const { return findings_; }

 private:
  const nlohmann::json* find(std::string_view name) const;
  const nlohmann::json& object_;
  std::vector<std::string> findings_;
};

/// Reads a JSON object of environment variables; what is wrong is added to `findings` by key name,
/// never with a value.
std::map<std::string, std::string> read_environment(const nlohmann::json& object,
                                                    std::string_view name,
                                                    std::vector<std::string>& findings);

/// Reads a JSON object of limits: memory_mb, cpus, processes, disk_mb, each a number.
model::LimitsAsked read_limits(const nlohmann::json& object, std::string_view name,
                               std::vector<std::string>& findings);

}  // namespace pixell::api
