#pragma once

#include <array>
#include <string_view>

namespace pixell::cmd {

/// Where tests of crashes may end `pac restore` (base/crash_point.hpp), in the order it gets there.
inline constexpr std::array<std::string_view, 5> kRestoreCrashPoints = {
    "restore.backup.checked",     // everything is staged, nothing is changed
    "restore.packages.moved",     // the packages are installed
    "restore.database.kept",      // the old database has its second name
    "restore.log.removed",        // it is one file
    "restore.database.replaced",  // the new one has the name
};

}  // namespace pixell::cmd
