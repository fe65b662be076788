#pragma once

#include <string>

#include "apkg/requirements.hpp"

namespace pixell::prepare {

/// The lock with the hashes that the package's own requirements name (`--hash=sha256:…`) in place
/// of those the index gave, line by line; the same lock when they name none. Pure.
std::string with_declared_hashes(const std::string& lock, const apkg::Requirements& requirements);

}  // namespace pixell::prepare
