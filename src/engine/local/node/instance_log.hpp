#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace pixell::engine::node {

/// Opens a log for appending; what is written later by several processes does not mix.
Result<UniqueFd> open_log(const std::filesystem::path& path);

/// When the log is larger than `max_bytes`, copies it to `<path>.1` (replacing that) and empties
/// it. Writers keep their descriptor; what they write in the instant between is lost.
/// True when it was rotated.
Result<bool> rotate_log(const std::filesystem::path& path, std::size_t max_bytes);

/// The last `max_bytes` of the log, reaching back into `<path>.1`. Empty when there is none.
Result<std::string> log_tail(const std::filesystem::path& path, std::size_t max_bytes);

/// The last lines of a text, without empty ones.
std::vector<std::string> last_lines(const std::string& text, std::size_t max_lines);

}  // namespace pixell::engine::node
