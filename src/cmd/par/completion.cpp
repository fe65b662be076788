#include "cmd/par/completion.hpp"

namespace pixell::cmd {

CommandWords par_words() {
  using Files = CommandWords::Files;
  const OptionWords json{.name = "--json", .description = "JSON"};
  return {
      .name = "par",
      .description = "runs one agent package",
      .options = {{.name = "--version", .description = "the version"},
                  {.name = "--help", .description = "the commands"}},
      .commands = {
          {.name = "run",
           .description = "run a local package",
           .options = {json},
           .files = Files::Packages},
          {.name = "validate",
           .description = "all that is wrong with a package",
           .options = {json},
           .files = Files::Packages},
          {.name = "inspect",
           .description = "what a package is and holds",
           .options = {json},
           .files = Files::Packages},
          {.name = "routes",
           .description = "which paths go where",
           .options = {json, {.name = "--base-path", .description = "prefix", .has_value = true}},
           .files = Files::Packages},
          {.name = "pack",
           .description = "make a package of a directory",
           .options =
               {json,
                {.name = "-o", .description = "output", .has_value = true, .takes_file = true}},
           .files = Files::Directories},
          {.name = "healthcheck",
           .description = "ask a running par",
           .options = {{.name = "--port", .description = "port", .has_value = true},
                       {.name = "--url", .description = "address", .has_value = true}}},
          {.name = "completion",
           .description = "a completion script",
           .choices = {std::begin(kCompletionShells), std::end(kCompletionShells)}}}};
}

}  // namespace pixell::cmd
