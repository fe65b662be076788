#pragma once

#include <string>
#include <vector>

#include "apkg/checked.hpp"

namespace pixell::prepare {

/// What a package-lock.json (or npm-shrinkwrap.json; `name` is for messages) pins for production:
/// "name@version sha512-…" each. DependencyFailed for a lock without `packages` (npm 6) and for one
/// with something else than hashed archives: a link, a git repository, a file of the package.
apkg::Checked<std::vector<std::string>> lines_of_lock(const std::string& name,
                                                      const std::string& text);

}  // namespace pixell::prepare
