#include "cmd/pac/commands/session.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/process.hpp"

namespace pixell::cmd {

using nlohmann::json;

int run_command(const CommandTarget& target, const Command& command) {
  const Session session{.api = ApiClient(target.url, Secret<std::string>(target.api_key)),
                        .screen = look_at_screen(STDOUT_FILENO, own_environment()),
                        .wants_json = target.wants_json,
                        .clock = system_clock()};
  CommandFailure failed;
  try {
    const auto done = command(session);
    if (done) return static_cast<int>(ExitCode::Done);
    failed = done.error();
  } catch (const json::exception& wrong) {
    failed.lines = {
        fmt::format("the answer is not one of Pixell's API ({}); check --url and that "
                    "pac and Pixell have the same version",
                    wrong.what())};
  }
  std::fflush(stdout);  // what went well comes first
  for (const std::string& line : failed.lines) fmt::print(stderr, "pac: {}\n", line);
  return static_cast<int>(failed.code);
}

void show(std::string_view text) {
  fmt::print("{}", text);
  std::fflush(stdout);  // shows at once where it goes to a pipe
}

void show_json(const json& document) {
  show(document.dump(-1, ' ', false, json::error_handler_t::replace) + "\n");
}

}  // namespace pixell::cmd
