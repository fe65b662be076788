#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pixell::cmd {

/// An option as a shell completes it.
struct OptionWords {
  std::string name;  ///< "--json", "-o"
  std::string description;
  bool has_value = false;
  std::vector<std::string> choices{};  ///< of the value; empty = any
  bool takes_file = false;             ///< the value is a path
};

/// What a shell completes behind a command: the commands below it, its options, its argument.
struct CommandWords {
  std::string name;
  std::string description;
  std::vector<OptionWords> options{};
  std::vector<CommandWords> commands{};
  std::vector<std::string> choices{};  ///< of its argument
  enum class Files { None, Packages, Directories } files = Files::None;
};

/// The completion script of a program (whose name is the root's) for "bash", "zsh" or "fish";
/// nullopt for another word. Names hold letters, digits and -._ only.
std::optional<std::string> completion_script(const CommandWords& program, std::string_view shell);

/// The shells there are scripts for.
inline constexpr std::string_view kCompletionShells[] = {"bash", "zsh", "fish"};

}  // namespace pixell::cmd
