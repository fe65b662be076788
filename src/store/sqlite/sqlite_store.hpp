#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "store/limits.hpp"
#include "store/store.hpp"

namespace pixell::store {

struct SqliteOptions {
  std::int64_t max_bytes = kMaxDatabaseBytes;  ///< the file's upper bound
  Millis busy_timeout = kBusyTimeout;
};

/// Opens (or makes) the database file, mode 0600 in a directory of mode 0700, and brings it to the
/// newest schema. The clock must outlive the store. DataLoss: not a database, or damaged (files of
/// up to kMaxCheckedBytes are looked at as a whole); PermissionDenied: not writable;
/// FailedPrecondition: written by a newer version; else as every call of the Store.
Result<std::unique_ptr<Store>> make_sqlite_store(const std::filesystem::path& path,
                                                 const Clock& clock,
                                                 const SqliteOptions& options = {});

}  // namespace pixell::store
