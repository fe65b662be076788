#pragma once

#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "apkg/checked.hpp"
#include "model/manifest.hpp"
#include "par/prepare/deadline.hpp"
#include "par/prepare/prepare.hpp"
#include "par/prepare/store_entry.hpp"

namespace pixell::prepare {

/// What preparing an agent that is not Python works with.
struct OtherLanguage {
  const Spec& spec;
  const std::map<std::string, std::string>& env;
  const std::filesystem::path& root;
  const model::Manifest& manifest;
  const Deadline& deadline;
  const StoreEvents& events;
  /// Tells a log line: event, level, fields.
  std::function<void(const char* event, const char* level, const nlohmann::json& fields)> log;
};

/// Finds Node.js, installs the dependencies and puts them beside the package; adds `interpreter`,
/// `interpreter_version`, `module_root` and `lock` to `result`.
apkg::Checked<void> prepare_node(const OtherLanguage& given, nlohmann::json& result);

/// Checks the program of an `exec:` entrypoint; adds `command` to `result`.
apkg::Checked<void> prepare_executable(const OtherLanguage& given, nlohmann::json& result);

}  // namespace pixell::prepare
