#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "apkg/checked.hpp"
#include "apkg/requirements.hpp"
#include "par/prepare/deadline.hpp"
#include "par/prepare/interpreter.hpp"
#include "par/prepare/store_entry.hpp"

namespace pixell::prepare {

class Installer;

/// What an environment is made of; equal values give the same environment.
struct EnvironmentRequest {
  Interpreter interpreter;
  apkg::Requirements requirements;   ///< of the package; empty = the base environment itself
  std::string package_sha256;        ///< decides what a build backend says
  std::string base_lock;             ///< text: the packages every agent may rely on, pinned, hashed
  std::string base_names;            ///< text: the same by name, one per line
  std::string index_url;             ///< empty = the installer's own; may hold a password
  std::filesystem::path wheelhouse;  ///< directory of wheels, or empty
  bool is_offline = false;           ///< only the wheelhouse
  std::int64_t worker_uid = -1;      ///< who runs strangers' code; -1 = we ourselves
  Deadline deadline{Millis(300'000)};
  std::map<std::string, std::string> env;  ///< proxies, certificates, PATH of the installer
  std::filesystem::path package_root;      ///< where relative requirements are read from
};

/// An installed environment: shared, read-only, found by content.
struct Environment {
  std::filesystem::path site_packages;
  std::filesystem::path lock_file;  ///< lines of "name==version --hash=sha256:…"
  bool was_there = false;
};

/// Installed environments in `<directory>/<key>/` (see store_entry.hpp). What requirements were
/// resolved to is kept beside them by the same key: an environment that has to be made again, by
/// whomever, gets exactly the locked packages.
class EnvironmentStore {
 public:
  /// `shipped` (may be empty or missing) holds entries that came with the programs, in an image: it
  /// is only read, and what vouches for its files is the image's digest.
  explicit EnvironmentStore(std::filesystem::path directory, std::filesystem::path shipped = {})
      : directory_(std::move(directory)), shipped_(std::move(shipped)) {}

  /// The environment, installed when it is neither there nor shipped. Failures: DependencyNotFound,
  /// DependencyConflict, DependencyTimeout, DependencyFailed.
  apkg::Checked<Environment> provide(const EnvironmentRequest& request, const StoreEvents& events);

  /// The key: SHA-256 over everything that decides what is installed. Credentials in the index's
  /// URL are not among it: they change, and the packages do not. Nor are, for the base environment,
  /// the places wheels come from: its lock has a hash for each.
  static std::string key_of(const EnvironmentRequest& request);

 private:
  apkg::Checked<std::string> lock_for(const EnvironmentRequest& request, const std::string& key,
                                      Installer& installer, const StoreEvents& events) const;
  apkg::Checked<void> install(const EnvironmentRequest& request, const std::string& key,
                              const std::filesystem::path& building,
                              const StoreEvents& events) const;
  std::filesystem::path directory_;
  std::filesystem::path shipped_;
};

}  // namespace pixell::prepare
