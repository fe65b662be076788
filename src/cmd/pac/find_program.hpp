#pragma once

#include <map>
#include <optional>
#include <string>

namespace pixell::cmd {

/// The first executable of that name in the directories of PATH.
std::optional<std::string> find_program(const std::string& name,
                                        const std::map<std::string, std::string>& env);

}  // namespace pixell::cmd
