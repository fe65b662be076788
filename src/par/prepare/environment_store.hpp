#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "apkg/checked.hpp"
#include "apkg/requirements.hpp"
#include "base/clock.hpp"
#include "par/prepare/interpreter.hpp"

namespace pixell::prepare {

/// What an environment is made of; equal values give the same environment.
struct EnvironmentRequest {
  Interpreter interpreter;
  apkg::Requirements requirements;   ///< of the package; no files = the base environment itself
  std::string base_lock;             ///< text: the packages every agent may rely on, pinned, hashed
  std::string base_names;            ///< text: the same by name, one per line
  std::string index_url;             ///< empty = the installer's own; may hold a password
  std::filesystem::path wheelhouse;  ///< directory of wheels, or empty
  bool is_offline = false;           ///< only the wheelhouse
  Millis timeout{300'000};
  std::map<std::string, std::string> env;  ///< proxies, certificates, PATH of the installer
  std::filesystem::path package_root;      ///< where relative requirements are read from
};

/// An installed environment: shared, read-only, found by content.
struct Environment {
  std::filesystem::path site_packages;
  std::vector<std::string> lock;  ///< "name==version --hash=sha256:…"
  bool was_there = false;
};

/// Installed environments in `<directory>/<key>/`. Two processes that want the same one at once
/// install it once; what a dead installer left is removed.
class EnvironmentStore {
 public:
  explicit EnvironmentStore(std::filesystem::path directory) : directory_(std::move(directory)) {}

  /// The environment, installed when it is not there. `on_install` is told before the installer
  /// runs. Failures: DependencyNotFound, DependencyConflict, DependencyTimeout, DependencyFailed.
  apkg::Checked<Environment> provide(const EnvironmentRequest& request,
                                     const std::function<void(std::string_view)>& on_install);

  /// The key: SHA-256 over everything that decides what is installed.
  static std::string key_of(const EnvironmentRequest& request);

 private:
  apkg::Checked<Environment> install(const EnvironmentRequest& request, const std::string& key);
  void remove_leftovers(const std::string& key) const;
  std::filesystem::path directory_;
};

}  // namespace pixell::prepare
