#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "apkg/checked.hpp"
#include "base/clock.hpp"

namespace pixell::prepare {

/// One directory of the environment store, found by the digest of what it is made of.
struct StoreEntry {
  std::filesystem::path store;
  std::string key;
  Millis timeout{300'000};  ///< of whoever makes it; waiting for another maker takes a bit longer
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

/// Compares every file of every entry with its digest and sets aside what differs; the next use
/// makes it again. `on_damaged` is told key and reason. Entries being worked on are passed over.
void check_entries(
    const std::filesystem::path& store,
    const std::function<void(const std::string& key, const std::string& reason)>& on_damaged);

}  // namespace pixell::prepare
