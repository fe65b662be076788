#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cmd/pac/command_line.hpp"

// For tests of pac's command line.

namespace pixell::cmd::testing {

/// Remembers what the roles would have been started with.
class CommandLineTest : public ::testing::Test {
 protected:
  int pac(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "pac");
    std::vector<const char*> argv;
    for (const std::string& argument : arguments) argv.push_back(argument.c_str());
    const RoleRunners runners{.serve = remember(serve_),
                              .control = remember(control_),
                              .edge = remember(edge_),
                              .node = remember(node_)};
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    const int exit_code = run_command_line(static_cast<int>(argv.size()), argv.data(), runners);
    out_ = ::testing::internal::GetCapturedStdout();
    err_ = ::testing::internal::GetCapturedStderr();
    return exit_code;
  }
  template <class T>
  std::function<int(const T&)> remember(std::optional<T>& place) {
    return [&place](const T& given) {
      place = given;
      return 42;
    };
  }

  std::optional<ServeOptions> serve_;
  std::optional<ControlOptions> control_;
  std::optional<EdgeOptions> edge_;
  std::optional<RoleOptions> node_;
  std::string out_;
  std::string err_;
};

}  // namespace pixell::cmd::testing
