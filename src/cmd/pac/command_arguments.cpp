#include "cmd/pac/command_arguments.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <memory>

#include "cmd/terminal/completion.hpp"

namespace pixell::cmd {

namespace {

// "TEXT:{a,b}" names the values there are.
std::vector<std::string> choices_of(const std::string& type) {
  const std::size_t open = type.find('{');
  const std::size_t close = type.find('}', std::min(open, type.size()));
  if (open == std::string::npos || close == std::string::npos) return {};
  return CLI::detail::split(type.substr(open + 1, close - open - 1), ',');
}

OptionWords option_words(const CLI::Option& option, const std::string& name) {
  const std::string type = option.get_type_name();
  return {.name = name,
          .description = option.get_description(),
          .has_value = option.get_items_expected_max() > 0,
          .choices = choices_of(type),
          .takes_file =
              type.find("FILE") != std::string::npos || type.find("DIR") != std::string::npos};
}

CommandWords words_of(const CLI::App& app) {
  CommandWords words{.name = app.get_name(), .description = app.get_description()};
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty()) continue;  // hidden
    for (const std::string& name : option->get_lnames())
      words.options.push_back(option_words(*option, "--" + name));
    if (option->get_lnames().empty())
      for (const std::string& name : option->get_snames())
        words.options.push_back(option_words(*option, "-" + name));
    if (!option->get_positional()) continue;
    const std::string type = option->get_type_name();
    for (const std::string& choice : choices_of(type)) words.choices.push_back(choice);
    if (type.find("FILE") != std::string::npos) words.files = CommandWords::Files::Packages;
  }
  for (const CLI::App* below : app.get_subcommands({}))
    if (!below->get_group().empty()) words.commands.push_back(words_of(*below));
  return words;
}

}  // namespace

CLI::App* add_command(CLI::App& parent, const CommandText& text) {
  CLI::App* command = parent.add_subcommand(text.name, text.description);
  command->group(text.group);
  command->footer(std::string("Example: ") + text.example);
  return command;
}

void run_when_parsed(CLI::App* command, int& exit_code, Command run) {
  const auto target = std::make_shared<CommandTarget>();
  command->add_option("--url", target->url, "Where Pixell listens")
      ->envname("PIXELL_URL")
      ->capture_default_str();
  command->add_option("--api-key", target->api_key, "Sent as a bearer token; never shown")
      ->envname("PIXELL_API_KEY");
  command->add_flag("--json", target->wants_json, "The API's own objects instead of text");
  command->callback([command, target, run = std::move(run), &exit_code] {
    // A command below this one was run already.
    if (command->get_subcommands().empty()) exit_code = run_command(*target, run);
  });
}

void add_place(CLI::App& command, EcsPlace& place) {
  command.add_option("--state", place.state, "State directory of `pac serve`")
      ->capture_default_str()
      ->type_name("DIR");
  command.add_option("--installation", place.installation,
                     "Value of the tag pixell:installation, where there is no state directory");
}

int wrong_usage(const std::string& what) {
  fmt::print(stderr, "pac: {}\n", what);
  return static_cast<int>(ExitCode::WrongUsage);
}

Result<std::filesystem::path> absolute_directory(std::string_view option, const std::string& text) {
  if (text.empty())
    return make_error(ErrorCode::InvalidArgument, fmt::format("{} must name a directory", option));
  std::error_code failed;
  const std::filesystem::path path = std::filesystem::absolute(text, failed);
  if (failed)
    return make_error(
        ErrorCode::InvalidArgument,
        fmt::format("{} {}: the current directory is gone ({}); give an absolute path", option,
                    text, failed.message()));
  return path.lexically_normal();
}

CLI::Validator not_empty() {
  return CLI::Validator(
      [](const std::string& text) { return text.empty() ? "must not be empty" : ""; }, "");
}

void add_completion_command(CLI::App& app, int& exit_code) {
  CLI::App* command = add_command(app, {"Other", "completion", "Print a shell's completion script",
                                        "source <(pac completion bash)"});
  const auto shell = std::make_shared<std::string>();
  command->add_option("shell", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->callback([&app, shell, &exit_code] {
    CommandWords words = words_of(app);
    words.name = "pac";
    fmt::print("{}", completion_script(words, *shell).value());
    exit_code = 0;
  });
}

}  // namespace pixell::cmd
