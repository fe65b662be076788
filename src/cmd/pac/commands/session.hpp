#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "cmd/pac/api_client.hpp"
#include "cmd/terminal/text.hpp"

namespace pixell::cmd {

/// Where the command line points a command, and how it wants to be answered.
struct CommandTarget {
  std::string url = "http://127.0.0.1:4000";
  std::string api_key;
  bool wants_json = false;  ///< the API's own objects instead of text
};

/// What each command works with.
struct Session {
  ApiClient api;
  Screen screen;  ///< standard output
  bool wants_json = false;
  const Clock& clock;
};

using Command = std::function<Outcome<void>(const Session&)>;

/// Runs a command, tells on standard error why it failed and returns the exit code. Commands read
/// answers with at(): what is not there or of another type is told as an answer that is not of
/// Pixell's API.
int run_command(const CommandTarget& target, const Command& command);

/// Prints on standard output at once. Failures of standard output are told at the end of `pac`.
void show(std::string_view text);
/// The same of a JSON document, in one line.
void show_json(const nlohmann::json& document);

}  // namespace pixell::cmd
