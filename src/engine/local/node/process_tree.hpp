#pragma once

#include <sys/types.h>

#include <string>

namespace pixell::engine::node {

/// Sends SIGKILL to every process below `pid` (not to `pid` itself). For machines without control
/// groups; a process that detached itself before is not found.
void kill_descendants(pid_t pid);

/// "SIGKILL", "SIGSEGV", … or "signal 34".
std::string signal_name(int signal);

}  // namespace pixell::engine::node
