#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>

#include "apkg/checked.hpp"
#include "par/prepare/prepare.hpp"

namespace pixell::prepare {

/// Takes in what strangers wrote. Phases and events go to the Report it is given.
using Read = std::function<apkg::Checked<nlohmann::json>(const Report& report)>;

/// Runs `read` in a child that can do nothing but read and write files (system_call_filter.hpp),
/// with limits and descriptors of its own; passes on what it reports and returns what it returned.
/// Nothing that `read` changes in memory comes back. UnsafeArchive when it tried more than that,
/// PackageTooLarge when it ran out of memory, Internal when it crashed.
apkg::Checked<nlohmann::json> read_apart(const Read& read, const Report& report);

}  // namespace pixell::prepare
