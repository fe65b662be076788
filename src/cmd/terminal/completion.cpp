#include "cmd/terminal/completion.hpp"

#include <fmt/format.h>

#include <functional>

namespace pixell::cmd {

namespace {

using Files = CommandWords::Files;

// The command with its path (" packages push"; empty for the program itself) and all below it.
using Visit = std::function<void(const std::string& path, const CommandWords&)>;

void visit_all(const std::string& path, const CommandWords& command, const Visit& visit) {
  visit(path, command);
  for (const CommandWords& below : command.commands)
    visit_all(path + " " + below.name, below, visit);
}

std::string joined(const std::vector<std::string>& words, std::string_view between = " ") {
  return fmt::format("{}", fmt::join(words, between));
}

std::vector<std::string> command_names(const CommandWords& command) {
  std::vector<std::string> names;
  for (const CommandWords& below : command.commands) names.push_back(below.name);
  return names;
}

std::string option_names(const CommandWords& command) {
  std::vector<std::string> names;
  for (const OptionWords& option : command.options) names.push_back(option.name);
  return joined(names);
}

// For between single quotes of any of the shells.
std::string quoted(std::string_view text) {
  std::string safe;
  for (const char c : text)
    if (c != '\'' && c != ':' && c != '\\' && c != '[' && c != ']') safe += c;
  return safe;
}

// "case … in" lines that follow the commands of the line typed so far.
std::string known_paths(const CommandWords& program) {
  std::vector<std::string> paths;
  visit_all("", program, [&](const std::string& path, const CommandWords&) {
    if (!path.empty()) paths.push_back("\"" + path + "\"");
  });
  return joined(paths, "|");
}

// ---------------------------------------------------------------------------------------- bash

std::string bash_value(const OptionWords& option) {
  if (!option.choices.empty())
    return fmt::format(R"(COMPREPLY=($(compgen -W "{}" -- "$current")); )", joined(option.choices));
  return option.takes_file ? R"(COMPREPLY=($(compgen -f -- "$current")); )" : "";
}

std::string bash_argument(const CommandWords& command) {
  std::vector<std::string> words = command_names(command);
  words.insert(words.end(), command.choices.begin(), command.choices.end());
  std::string offered;
  if (!words.empty()) offered += fmt::format(R"( $(compgen -W "{}" -- "$current"))", joined(words));
  if (command.files != Files::None) offered += R"( $(compgen -d -- "$current"))";
  if (command.files == Files::Packages) offered += R"( $(compgen -f -X '!*.apkg' -- "$current"))";
  return offered;
}

std::string bash_script(const CommandWords& program) {
  std::string values;
  std::string arguments;
  visit_all("", program, [&](const std::string& path, const CommandWords& command) {
    for (const OptionWords& option : command.options)
      if (option.has_value)
        values +=
            fmt::format("    \"{} {}\") {}return ;;\n", path, option.name, bash_value(option));
    arguments += fmt::format("    \"{}\") options=\"{}\"; COMPREPLY=({} ) ;;\n", path,
                             option_names(command), bash_argument(command));
  });
  return fmt::format(R"(# Load it with: source <({0} completion bash)
_{0}() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}}
  local command="" options="" at
  for ((at = 1; at < COMP_CWORD; at++)); do
    case "$command ${{COMP_WORDS[at]}}" in
      {1}) command="$command ${{COMP_WORDS[at]}}" ;;
    esac
  done
  COMPREPLY=()
  case "$command $previous" in
{2}  esac
  case "$command" in
{3}  esac
  if [[ "$current" == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$current"))
  fi
}}
complete -o filenames -F _{0} {0}
)",
                     program.name, known_paths(program), values, arguments);
}

// ----------------------------------------------------------------------------------------- zsh

std::string zsh_value(const OptionWords& option) {
  if (!option.choices.empty()) return fmt::format("compadd -- {}; ", joined(option.choices));
  return option.takes_file ? "_files; " : "";
}

std::string zsh_argument(const CommandWords& command) {
  std::string offered;
  for (const CommandWords& below : command.commands)
    offered += fmt::format(" '{}:{}'", below.name, quoted(below.description));
  if (!offered.empty()) offered = fmt::format("commands=({} ); ", offered);
  if (!command.choices.empty()) offered += fmt::format("compadd -- {}; ", joined(command.choices));
  if (command.files == Files::Packages) offered += "_files -g '*.apkg(-.)'; ";
  if (command.files == Files::Directories) offered += "_files -/; ";
  return offered;
}

std::string zsh_script(const CommandWords& program) {
  std::string values;
  std::string arguments;
  visit_all("", program, [&](const std::string& path, const CommandWords& command) {
    std::string options;
    for (const OptionWords& option : command.options) {
      options += fmt::format(" '{}:{}'", option.name, quoted(option.description));
      if (option.has_value)
        values += fmt::format("    \"{} {}\") {}return ;;\n", path, option.name, zsh_value(option));
    }
    arguments +=
        fmt::format("    \"{}\") options=({} ); {};;\n", path, options, zsh_argument(command));
  });
  return fmt::format(R"(#compdef {0}
# Load it with: source <({0} completion zsh)
_{0}() {{
  local -a commands options
  local command="" at
  for (( at = 2; at < CURRENT; at++ )); do
    case "$command ${{words[at]}}" in
      {1}) command="$command ${{words[at]}}" ;;
    esac
  done
  case "$command ${{words[CURRENT-1]}}" in
{2}  esac
  case "$command" in
{3}  esac
  (( ${{#commands}} )) && _describe 'command' commands
  [[ "${{words[CURRENT]}}" == -* ]] && _describe -o 'option' options
}}
compdef _{0} {0}
)",
                     program.name, known_paths(program), values, arguments);
}

// ---------------------------------------------------------------------------------------- fish

std::string fish_option(const OptionWords& option) {
  const bool is_long = option.name.starts_with("--");
  std::string words =
      fmt::format(" {} {}", is_long ? "-l" : "-s", option.name.substr(is_long ? 2 : 1));
  if (option.has_value) words += option.takes_file ? " -r -F" : " -x";
  if (!option.choices.empty()) words += fmt::format(" -a '{}'", joined(option.choices));
  return fmt::format("{} -d '{}'", words, quoted(option.description));
}

// True behind the words of `path`, and behind none of the commands below.
std::string fish_condition(const std::string& path, const CommandWords& command) {
  if (path.empty()) return "__fish_use_subcommand";
  std::string condition;
  for (std::size_t at = 0; at < path.size();) {
    const std::size_t end = std::min(path.find(' ', at + 1), path.size());
    condition += fmt::format("{}__fish_seen_subcommand_from{}", condition.empty() ? "" : "; and ",
                             path.substr(at, end - at));
    at = end;
  }
  if (!command.commands.empty())
    condition +=
        fmt::format("; and not __fish_seen_subcommand_from {}", joined(command_names(command)));
  return condition;
}

std::string fish_script(const CommandWords& program) {
  std::string lines;
  visit_all("", program, [&](const std::string& path, const CommandWords& command) {
    const std::string start =
        fmt::format("complete -c {} -n '{}'", program.name, fish_condition(path, command));
    for (const CommandWords& below : command.commands)
      lines += fmt::format("{} -a {} -d '{}'\n", start, below.name, quoted(below.description));
    for (const OptionWords& option : command.options)
      lines += fmt::format("{}{}\n", start, fish_option(option));
    if (!command.choices.empty())
      lines += fmt::format("{} -a '{}'\n", start, joined(command.choices));
    if (command.files != Files::None) lines += fmt::format("{} -F\n", start);
  });
  return fmt::format("# Load it with: {0} completion fish | source\ncomplete -c {0} -f\n{1}",
                     program.name, lines);
}

}  // namespace

std::optional<std::string> completion_script(const CommandWords& program, std::string_view shell) {
  if (shell == "bash") return bash_script(program);
  if (shell == "zsh") return zsh_script(program);
  if (shell == "fish") return fish_script(program);
  return std::nullopt;
}

}  // namespace pixell::cmd
