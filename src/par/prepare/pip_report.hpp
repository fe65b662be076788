#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "apkg/checked.hpp"

namespace pixell::prepare {

/// pip's resolution report as a lock
/// (https://pip.pypa.io/en/stable/reference/installation-report/). An archive of a folder, for
/// which pip gives no hash, is read when it is in one of `folders`: a build may have written the
/// report. DependencyFailed when it is no report, or when an archive in it has no hash.
apkg::Checked<std::string> lock_of_report(const std::string& text,
                                          const std::vector<std::filesystem::path>& folders);

}  // namespace pixell::prepare
