#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cmd/pac/commands/session.hpp"

namespace pixell::cmd {

/// `pac logs APP|INSTANCE`
struct LogOptions {
  std::string name;  ///< an app, or an instance by its id or the end of it
  bool follow = false;
  std::string since;  ///< as the API takes it: 15m, or a moment
  std::optional<std::int64_t> revision;
  std::string instance;  ///< only of this one of the app
  bool raw = false;      ///< lines as they came
};

/// Prints the log of an app or of one instance. Following goes on while the control plane is away
/// for a moment, and ends with the instance, or with the program for an app.
Outcome<void> print_logs(const Session& session, const LogOptions& options);

}  // namespace pixell::cmd
