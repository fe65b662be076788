#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace pixell::cmd {

/// The completion script of par for "bash", "zsh" or "fish"; nullopt for another word.
std::optional<std::string> completion_script(std::string_view shell);

}  // namespace pixell::cmd
