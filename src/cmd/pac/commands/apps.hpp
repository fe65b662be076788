#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cmd/pac/commands/session.hpp"

namespace pixell::cmd {

/// `pac apps`
Outcome<void> list_apps(const Session& session);
/// `pac revisions APP`
Outcome<void> list_revisions(const Session& session, const std::string& app);

/// What `pac scale APP` changes; what is not given stays.
struct ScaleChange {
  std::optional<std::int64_t> instances;
  std::optional<std::int64_t> warm_revisions;
  std::string warm;                   ///< a duration of arguments.hpp, checked already
  std::optional<std::int64_t> least;  ///< with `most` and one of the targets, or none of the four
  std::optional<std::int64_t> most;
  std::optional<std::int64_t> cpu_percent;
  std::optional<std::int64_t> memory_percent;
  bool no_scaling = false;
  bool has_scaling() const { return least || most || cpu_percent || memory_percent; }
  bool is_empty() const {
    return !instances && !warm_revisions && warm.empty() && !has_scaling() && !no_scaling;
  }
};
Outcome<void> scale(const Session& session, const std::string& app, const ScaleChange& change);

/// `pac delete APP`: asks on standard input when it is a terminal, unless `yes`. WrongUsage when
/// nobody can be asked.
Outcome<void> delete_app(const Session& session, const std::string& app, bool yes);

/// `pac open APP`: prints where its surfaces answer, and opens its UI in a browser when there is a
/// display.
Outcome<void> open_app(const Session& session, const std::string& app);

}  // namespace pixell::cmd
