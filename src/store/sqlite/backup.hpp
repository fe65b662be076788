#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace pixell::store {

/// What a database holds, as those want to know who back it up or put it back.
struct DatabaseFacts {
  int schema_version = 0;
  std::vector<std::string> packages;  ///< SHA-256 of every package it refers to, sorted
};

/// Copies a database that may be in use by other processes to a new file, as it is at one moment;
/// nobody waits for that. The copy is checked as by check_database(). NotFound: there is none.
Result<DatabaseFacts> copy_database(const std::filesystem::path& from,
                                    const std::filesystem::path& to);

/// Looks at every page and row of a database that nobody uses. DataLoss: it is damaged or none.
/// FailedPrecondition: a newer program wrote it, or its schema is not Pixell's.
Result<DatabaseFacts> check_database(const std::filesystem::path& path);

/// Moves all that the log of a database holds into its file, so that the file alone is complete.
/// Nobody may use it. DataLoss when it is damaged.
Result<void> fold_log(const std::filesystem::path& path);

}  // namespace pixell::store
