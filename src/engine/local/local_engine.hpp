#pragma once

#include <filesystem>
#include <memory>

#include "base/result.hpp"
#include "engine/engine.hpp"

namespace pixell::engine {

/// The engine of this machine: speaks HTTP and JSON to `pac node` over its Unix socket. Makes no
/// connection by itself; while the node is away calls fail with Unavailable (retry later).
Result<std::unique_ptr<Engine>> make_local_engine(std::filesystem::path node_socket);

}  // namespace pixell::engine
