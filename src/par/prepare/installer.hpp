#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "apkg/checked.hpp"
#include "par/prepare/environment_store.hpp"
#include "par/prepare/requirement_files.hpp"

namespace pixell::prepare {

/// Resolves and installs with uv when there is one ($PIXELL_UV or on PATH), else with the
/// interpreter's pip. Never writes into an interpreter's own directories.
///
/// Building a source distribution runs its code. When we are root and the agent has a user, all of
/// it runs as that user, who reads `input`, writes `scratch` and a copy of the package, and gets
/// nothing of our environment but what installers need.
class Installer {
 public:
  /// `building` is where it works and what `install` fills; it must exist.
  Installer(const EnvironmentRequest& request, const std::filesystem::path& building);

  /// Makes the directories it works in. Comes before all else.
  apkg::Checked<void> open();
  /// One resolve of everything the package requires and the base names to a lock with hashes. The
  /// base pins are preferred; where they conflict with the package, the package wins.
  apkg::Checked<std::string> resolve();
  /// Installs exactly a lock and byte-compiles it; what came of it is copied to `target`.
  apkg::Checked<void> install(const std::string& lock, const std::filesystem::path& target);

  const char* name() const { return uv_.empty() ? "pip" : "uv"; }
  /// The directories it works in, which are of no use afterwards.
  std::vector<std::filesystem::path> places() const { return {input_, scratch_, project_}; }

 private:
  apkg::Checked<InstallerInput> written_input();
  apkg::Checked<std::string> resolve_with_uv(const InstallerInput& input, bool use_base_pins);
  apkg::Checked<std::string> resolve_with_pip(const InstallerInput& input, bool use_base_pins);
  apkg::Checked<void> run(std::vector<std::string> argv, const char* doing);
  apkg::Checked<void> compile(const std::filesystem::path& directory);
  std::vector<std::string> pip_install() const;
  std::vector<std::string> source_options() const;
  apkg::Checked<std::filesystem::path> write(const char* name, const std::string& text);

  const EnvironmentRequest& request_;
  std::optional<uid_t> user_;      ///< who installs; nothing = we ourselves
  std::filesystem::path input_;    ///< ours; the user may read it
  std::filesystem::path scratch_;  ///< the user's
  std::filesystem::path project_;  ///< the user's: a copy of the package for its build backend
  std::string uv_;
  std::map<std::string, std::string> env_;
  bool has_wheelhouse_ = false;
};

/// The lines of a lock as "name==version --hash=sha256:…", comments and continuations removed.
std::vector<std::string> lock_lines(const std::string& lock);

}  // namespace pixell::prepare
