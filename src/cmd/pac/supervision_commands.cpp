#include "cmd/pac/supervision_commands.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "base/ids.hpp"
#include "cmd/pac/api_client.hpp"
#include "cmd/pac/command_arguments.hpp"
#include "cmd/pac/limits.hpp"
#include "cmd/pac/running_serve.hpp"

namespace pixell::cmd {

namespace {

namespace fs = std::filesystem;

struct Arguments {
  std::string state = ".pixell";
  std::string program;
  int drain_s = static_cast<int>(kUpgradeDrain.count() / 1000);
  int timeout_s = 0;
};

int end_of(const Result<void>& done, const char* success) {
  if (done) {
    fmt::print("{}\n", success);
    return static_cast<int>(ExitCode::Done);
  }
  fmt::print(stderr, "pac: {}\n", done.error().message);
  return static_cast<int>(done.error().code == ErrorCode::NotFound ? ExitCode::NotFound
                                                                   : ExitCode::Failed);
}

// As `pac serve` knows the state directory: by its real path.
Result<fs::path> real_state_dir(const std::string& text) {
  std::error_code failed;
  fs::path path = fs::canonical(text, failed);
  if (!failed) return path;
  return make_error(
      ErrorCode::NotFound,
      fmt::format("--state {}: {}; give the directory of `pac serve`", text, failed.message()));
}

Result<void> upgrade(const Arguments& arguments) {
  TRY(const fs::path state_dir, real_state_dir(arguments.state));
  UpgradeRequest request{.id = new_ulid(system_clock().unix_now()),
                         .program = {},
                         .drain = std::chrono::seconds(arguments.drain_s)};
  if (!arguments.program.empty()) request.program = fs::absolute(arguments.program);
  return upgrade_serve(state_dir, request, std::chrono::seconds(arguments.timeout_s));
}

Result<void> stop(const Arguments& arguments) {
  TRY(const fs::path state_dir, real_state_dir(arguments.state));
  return stop_serve(state_dir, std::chrono::seconds(arguments.timeout_s));
}

std::shared_ptr<Arguments> add_common(CLI::App* command, Millis timeout) {
  auto arguments = std::make_shared<Arguments>();
  arguments->timeout_s = static_cast<int>(timeout.count() / 1000);
  command->add_option("--state", arguments->state, "State directory of `pac serve`")
      ->capture_default_str();
  command->add_option("--timeout", arguments->timeout_s, "Seconds to wait until it is done")
      ->capture_default_str()
      ->check(CLI::Range(1, 86'400));
  return arguments;
}

}  // namespace

void add_supervision_commands(CLI::App& app, int& exit_code) {
  CLI::App* up = add_command(
      app, {"Run", "upgrade", "Replace a running `pac serve` by a new program; no request is lost",
            "pac upgrade --state /var/lib/pixell"});
  auto arguments = add_common(up, kUpgradeTimeout);
  up->add_option("--program", arguments->program,
                 "The new program. Default: what is now at the path `pac serve` was started by");
  up->add_option("--drain", arguments->drain_s,
                 "Seconds that running requests and streams may go on at the replaced edge")
      ->capture_default_str()
      ->check(CLI::Range(0, static_cast<int>(kMaxUpgradeDrain.count() / 1000)));
  up->callback([arguments, &exit_code] { exit_code = end_of(upgrade(*arguments), "upgraded"); });

  CLI::App* down =
      add_command(app, {"Run", "stop", "Stop a `pac serve`, or the roles of one that was killed",
                        "pac stop --state /var/lib/pixell"});
  auto stop_arguments = add_common(down, kStopTimeout);
  down->callback([arguments = stop_arguments, &exit_code] {
    exit_code = end_of(stop(*arguments), "stopped");
  });
}

}  // namespace pixell::cmd
