#pragma once

#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "store/sqlite/database.hpp"

namespace pixell::store {

/// The schema this program reads and writes.
int newest_schema_version();

/// Applies the migrations the file does not have yet, each in its own transaction.
/// FailedPrecondition when the file is newer than this program.
Result<void> migrate(Database& database, UnixMillis now);

/// One step forward: makes `version` of the one before.
struct Migration {
  int version = 0;
  std::string script;
};

/// The script that makes `version` (1 to newest_schema_version()) of the one before.
std::string migration_script(int version);

/// Applies one migration in a transaction: all of it, or the database stays as it was.
Result<void> apply_migration(Database& database, const Migration& migration, UnixMillis now);

/// The schema version of a file that is only looked at; 0 when it has none.
Result<int> read_schema_version(Database& database);

/// Applies migrations up to and including `version`; for tests of later migrations.
Result<void> migrate_up_to(Database& database, int version, UnixMillis now);

}  // namespace pixell::store
