#pragma once

#include <string_view>

namespace pixell {

/// Variable that names the one point at which the process is to end, and the file by which the
/// process that comes after it knows that it happened: `<name>@<marker path>`.
inline constexpr const char* kCrashPointVariable = "PIXELL_CRASH_POINT";

/// A place where tests of crashes may end this process. When PIXELL_CRASH_POINT names it exactly
/// and the marker file does not exist, makes the marker (O_EXCL) and ends the process by SIGKILL;
/// otherwise has no effect. The variable is read once, at the first point reached; without it a
/// point costs the test of one flag. A variable or a marker that cannot be used is logged and has
/// no effect. Names are `<room>.<step>.<where>`, listed in the room's crash_points.hpp. Safe from
/// any thread.
void crash_point(std::string_view name);

}  // namespace pixell
