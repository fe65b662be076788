#include "cmd/pac/backup_commands.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "cmd/pac/api_client.hpp"
#include "cmd/pac/command_arguments.hpp"
#include "cmd/pac/state_backup.hpp"
#include "cmd/pac/state_restore.hpp"

namespace pixell::cmd {

namespace {

namespace fs = std::filesystem;

struct Arguments {
  std::string state = ".pixell";
  std::string file;
  bool is_forced = false;
};

int end_of(const Result<void>& done) {
  if (done) return static_cast<int>(ExitCode::Done);
  fmt::print(stderr, "pac: {}\n", done.error().message);
  return static_cast<int>(done.error().code == ErrorCode::NotFound ? ExitCode::NotFound
                                                                   : ExitCode::Failed);
}

std::string summary(const BackupManifest& manifest) {
  std::int64_t bytes = 0;
  for (const BackupEntry& entry : manifest.entries) bytes += entry.bytes;
  std::string text = fmt::format("database with schema {} and {} packages, {} bytes",
                                 manifest.schema_version, manifest.entries.size() - 1, bytes);
  if (!manifest.ecs_installation.empty())
    text += fmt::format("; installation {} on AWS", manifest.ecs_installation);
  return text;
}

Result<void> back_up(const Arguments& arguments) {
  TRY(const BackupManifest manifest, make_backup({.state_dir = fs::absolute(arguments.state),
                                                  .file = fs::absolute(arguments.file),
                                                  .is_forced = arguments.is_forced},
                                                 system_clock()));
  fmt::print("backup written to {}: {}\n", arguments.file, summary(manifest));
  return {};
}

Result<void> restore(const Arguments& arguments) {
  TRY(const Restored restored, restore_backup({.state_dir = fs::absolute(arguments.state),
                                               .file = fs::absolute(arguments.file),
                                               .is_forced = arguments.is_forced},
                                              system_clock()));
  fmt::print("restored {} of {}: {}\n", arguments.file, iso8601(restored.manifest.created_at),
             summary(restored.manifest));
  if (!restored.moved_aside.empty())
    fmt::print("the database of before is {}\n", restored.moved_aside.string());
  return {};
}

void add_arguments(CLI::App* command, const std::string& about_force,
                   Result<void> (*run)(const Arguments&), int& exit_code) {
  auto arguments = std::make_shared<Arguments>();
  command->add_option("--state", arguments->state, "State directory of `pac serve`")
      ->capture_default_str();
  command->add_option("file", arguments->file, "The backup")->required();
  command->add_flag("--force", arguments->is_forced, about_force);
  command->callback([arguments, run, &exit_code] { exit_code = end_of(run(*arguments)); });
}

}  // namespace

void add_backup_commands(CLI::App& app, int& exit_code) {
  add_arguments(add_command(app, {"Run", "backup",
                                  "Write database and packages to one file, also while Pixell runs",
                                  "pac backup --state /var/lib/pixell pixell-backup.tar"}),
                "Replace a file that is there", back_up, exit_code);
  add_arguments(
      add_command(app, {"Run", "restore", "Put a backup into a state directory that nobody uses",
                        "pac restore --state /var/lib/pixell pixell-backup.tar"}),
      "Also when there is a database: it is moved aside", restore, exit_code);
}

}  // namespace pixell::cmd
