#pragma once

#include "par/prepare/prepare.hpp"

namespace pixell::prepare {

/// Closes this process in before it does anything: no new privileges, no core file, memory that
/// other processes of the user cannot read, and the filter of system calls (the installers inherit
/// all but the third). What the kernel does not have is one warning in `report`; work goes on.
void confine_preparation(const Report& report);

}  // namespace pixell::prepare
