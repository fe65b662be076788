#pragma once

#include <string>
#include <vector>

#include "apkg/archive.hpp"

namespace pixell::apkg {

/// Judges the entries against each other: UnsafeArchive when a file is there twice, or lies where
/// a directory is. A directory listed twice is fine.
Checked<void> check_entry_names(const std::vector<ArchiveEntry>& entries);

/// The same, all at once: one UnsafeArchive for each entry that is wrong.
std::vector<model::Failure> entry_name_failures(const std::vector<ArchiveEntry>& entries);

/// One sentence for each name that differs from another one only in case.
std::vector<std::string> case_clashes(const std::vector<ArchiveEntry>& entries);

}  // namespace pixell::apkg
