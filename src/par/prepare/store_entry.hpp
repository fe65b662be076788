#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "apkg/checked.hpp"
#include "par/prepare/deadline.hpp"

namespace pixell::prepare {

/// Told what happens to a store.
struct StoreEvents {
  std::function<void(std::string_view key)> on_resolve;  ///< before dependencies are resolved
  std::function<void(std::string_view key)> on_install;  ///< before the installer runs
  std::function<void(std::string_view reason)> on_damaged;
};

/// One directory of the environment store, found by the digest of what it is made of.
struct StoreEntry {
  std::filesystem::path store;
  std::string key;
  Deadline deadline{Millis(300'000)};  ///< for waiting for another maker
  /// Told why an entry that is there cannot be used and is made again; may be empty.
  std::function<void(std::string_view reason)> on_damaged{};
};

/// Returns `<store>/<key>`, made by `make` when it is not there, when `is_complete` denies it, or
/// when one of its files is missing or has another size than it was made with (a damaged entry is
/// set aside). Processes that want the same entry at once make it once; what a dead maker left is
/// removed; readers see the whole entry or none, read-only. The process that started this one has
/// a lease on the entry from now on.
apkg::Checked<std::filesystem::path> provide_entry(
    const StoreEntry& entry,
    const std::function<bool(const std::filesystem::path& directory)>& is_complete,
    const std::function<apkg::Checked<void>(const std::filesystem::path& building)>& make);

/// An entry that differs from what was made.
struct DamagedEntry {
  std::string key;
  std::string reason;
  bool is_in_use = false;  ///< leased: it stays, a running agent may still load from it
};

/// Compares every file of every entry with its digest and sets aside what differs; the next use
/// makes it again. One with a living lease is only told. Entries being worked on are passed over.
void check_entries(const std::filesystem::path& store,
                   const std::function<void(const DamagedEntry&)>& on_damaged);

}  // namespace pixell::prepare
