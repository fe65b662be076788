#pragma once

#include "base/result.hpp"

namespace pixell::prepare {

/// Takes from this process, and from all it starts, the system calls that neither an installer nor
/// a build needs: tracing others, mounts and namespaces, modules, clocks, keys, bpf, io_uring, raw
/// and exotic sockets, devices (docs/decisions/018-system-calls-of-preparation.md has the list).
/// They fail with EPERM; a call of another architecture ends the process with SIGSYS. Also sets
/// no-new-privileges. Call it while there is one thread. FailedPrecondition when the kernel has no
/// filters.
Result<void> filter_preparation();

/// Leaves this process only what reading a package and writing its files takes: no program, no
/// socket, no executable memory. Everything else ends it with SIGSYS. Threads can still be made.
/// Call it while there is one thread. FailedPrecondition when the kernel has no filters.
Result<void> filter_reading();

}  // namespace pixell::prepare
