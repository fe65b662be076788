#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "store/sqlite/database.hpp"

namespace pixell::store {

/// The schema this program reads and writes.
int newest_schema_version();

/// Applies the migrations the file does not have yet, each in its own transaction.
/// FailedPrecondition when the file is newer than this program.
Result<void> migrate(Database& database, UnixMillis now);

/// Applies migrations up to and including `version`; for tests of later migrations.
Result<void> migrate_up_to(Database& database, int version, UnixMillis now);

}  // namespace pixell::store
