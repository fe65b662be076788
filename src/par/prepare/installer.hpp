#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "apkg/checked.hpp"
#include "par/prepare/environment_store.hpp"
#include "par/prepare/requirement_files.hpp"

namespace pixell::prepare {

/// Resolves and installs with uv when there is one ($PIXELL_UV or on PATH), else with the
/// interpreter's pip. Never writes into an interpreter's own directories.
class Installer {
 public:
  /// `scratch` is a directory for its files; it must exist.
  Installer(const EnvironmentRequest& request, std::filesystem::path scratch);

  /// One resolve of everything the package requires and the base names to a lock with hashes. The
  /// base pins are preferred; where they conflict with the package, the package wins.
  apkg::Checked<std::string> resolve();
  /// Installs exactly a lock into `target` and byte-compiles it.
  apkg::Checked<void> install(const std::string& lock, const std::filesystem::path& target);

  const char* name() const { return uv_.empty() ? "pip" : "uv"; }

 private:
  apkg::Checked<InstallerInput> written_input();
  apkg::Checked<std::string> resolve_with_uv(const InstallerInput& input, bool use_base_pins);
  apkg::Checked<std::string> resolve_with_pip(const InstallerInput& input, bool use_base_pins);
  apkg::Checked<std::string> run(std::vector<std::string> argv, const char* doing);
  std::vector<std::string> source_options() const;
  std::filesystem::path write(const char* name, const std::string& text);

  const EnvironmentRequest& request_;
  std::filesystem::path scratch_;
  std::filesystem::path project_;  ///< a copy of the package for its build backend, or empty
  std::string uv_;
  std::map<std::string, std::string> env_;
};

/// The lines of a lock as "name==version --hash=sha256:…", comments and continuations removed.
std::vector<std::string> lock_lines(const std::string& lock);

}  // namespace pixell::prepare
