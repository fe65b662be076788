#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace pixell::engine::node {

/// Every process below `pid`, without `pid` itself. One that detached itself is not found.
std::vector<pid_t> descendants(pid_t pid);

/// Sends SIGKILL to every process below `pid` (not to `pid` itself). For machines without control
/// groups; a process that detached itself before is not found.
void kill_descendants(pid_t pid);

/// "SIGKILL", "SIGSEGV", … or "signal 34".
std::string signal_name(int signal);

}  // namespace pixell::engine::node
