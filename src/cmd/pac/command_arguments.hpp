#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "cmd/pac/commands/ecs_account.hpp"
#include "cmd/pac/commands/session.hpp"

// How the user's commands are put on the command line. The only files that know CLI11 beside
// command_line.cpp: it compiles slowly.

namespace pixell::cmd {

/// What --help says of a command.
struct CommandText {
  const char* group;
  const char* name;
  const char* description;
  const char* example;
};

/// Adds a command; its help ends with the example.
CLI::App* add_command(CLI::App& parent, const CommandText& text);

/// Adds --url, --api-key and --json and runs the command when it was parsed.
void run_when_parsed(CLI::App* command, int& exit_code, Command run);

/// Tells on standard error how the command is to be used; returns the exit code for it.
int wrong_usage(const std::string& what);

/// Adds --state and --installation.
void add_place(CLI::App& command, EcsPlace& place);

/// A directory as an absolute path: roles and API compare whole paths. InvalidArgument names the
/// option and the remedy.
Result<std::filesystem::path> absolute_directory(std::string_view option, const std::string& text);

/// An argument that must say something.
CLI::Validator not_empty();

/// An argument that a function of arguments.hpp reads.
template <class Parse>
CLI::Validator read_by(Parse parse) {
  return CLI::Validator(
      [parse](const std::string& text) {
        const auto read = parse(text);
        return read ? std::string() : read.error().message;
      },
      "");
}

/// deploy, rollback, rollout, traffic, routing, scale, packages, delete.
void add_deploy_commands(CLI::App& app, int& exit_code);
/// status, apps, revisions, deployments, logs, events, open, doctor.
void add_look_commands(CLI::App& app, int& exit_code);
/// `explain` below the command `edge`.
void add_explain_command(CLI::App& edge, int& exit_code);
/// completion, of everything that `app` has when it is run.
void add_completion_command(CLI::App& app, int& exit_code);

}  // namespace pixell::cmd
