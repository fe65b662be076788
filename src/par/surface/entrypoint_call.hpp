#pragma once

#include <expected>
#include <string>
#include <string_view>

namespace pixell::par {

// POST B/invoke: {"action": text, "data": {}} goes to the manifest's entrypoint as it is; the
// answer is {"status":"success","data":…} or {"status":"error","error":text}, both with status 200.

/// The argument for the entrypoint: the body when it is a JSON object, else what is wrong with it.
/// Pure.
std::expected<std::string, std::string> entrypoint_argument(std::string_view body);

/// The answer for what the entrypoint returned, which is JSON text. Pure.
std::string entrypoint_result(std::string_view result_json);
/// The answer for what it raised. Pure.
std::string entrypoint_error(std::string_view message);

}  // namespace pixell::par
