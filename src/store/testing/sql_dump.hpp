#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace pixell::store {

/// Every schema and row of a database file as a script that makes it again; equal databases give
/// equal texts. Internal with SQLite's words.
Result<std::string> dump_sql(const std::filesystem::path& path);

/// "table.column type notnull" of every column, sorted.
Result<std::vector<std::string>> list_columns(const std::filesystem::path& path);

}  // namespace pixell::store
