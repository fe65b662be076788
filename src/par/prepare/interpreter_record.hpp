#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "par/prepare/interpreter.hpp"

namespace pixell::prepare {

/// What the interpreter at `path` said about itself the last time; nothing when it was never asked
/// or when the file is not the same any more (device, inode, size, time of change).
std::optional<Interpreter> recorded_interpreter(const std::filesystem::path& directory,
                                                const std::string& path);

/// Keeps what it said. Shims, which start another program depending on where they are called, are
/// not kept. A directory that cannot be written to is fine: then it is asked again.
void record_interpreter(const std::filesystem::path& directory, const std::string& path,
                        const Interpreter& interpreter);

}  // namespace pixell::prepare
