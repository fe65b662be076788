#include "par/prepare/collector.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "apkg/digest.hpp"
#include "base/files.hpp"
#include "par/prepare/environment_files.hpp"
#include "par/prepare/lease.hpp"
#include "par/prepare/store_layout.hpp"

namespace pixell::prepare {

namespace fs = std::filesystem;

namespace {

struct Kept {
  std::string key;
  std::uint64_t bytes = 0;
  UnixMillis last_use = 0;
};

UnixMillis modified(const fs::path& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return 0;
  return info.st_mtim.tv_sec * UnixMillis{1000} + info.st_mtim.tv_nsec / 1'000'000;
}

std::vector<Kept> environments(const StoreLayout& store) {
  std::vector<Kept> found;
  std::error_code ignored;  // no store, nothing to collect
  for (const auto& entry : fs::directory_iterator(store.root, ignored)) {
    const std::string key = entry.path().filename().string();
    if (!apkg::is_sha256(key)) continue;
    const auto list = read_file(entry.path() / kListFile);
    found.push_back({.key = key,
                     .bytes = listed_bytes(list.value_or("")),
                     .last_use = std::max(modified(store.guard(key)), modified(entry.path()))});
  }
  std::ranges::sort(found, {}, &Kept::last_use);
  return found;
}

// True when it is gone. A lease taken between the look and the renaming brings it back.
bool remove_unused(const StoreLayout& store, const std::string& key, UnixMillis now) {
  const auto guard = lock_file(store.guard(key), 0);
  if (!guard || has_living_lease(store.leases(key), now)) return false;
  const fs::path removing = store.root / fmt::format("{}{}", kRemovingPrefix, key);
  remove_tree(removing);
  std::error_code failed;
  fs::rename(store.environment(key), removing, failed);
  if (failed) return false;
  if (has_living_lease(store.leases(key), now)) {
    fs::rename(removing, store.environment(key), failed);
    return false;
  }
  remove_tree(removing);
  fs::remove(store.leases(key), failed);
  fs::remove(store.checked(key), failed);
  return true;
}

// What was set aside is kept for a while, to be looked at; the rest goes unless it is worked on.
void remove_leftovers(const StoreLayout& store, UnixMillis now) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(store.root, ignored)) {
    const std::string name = entry.path().filename().string();
    for (const std::string_view prefix : {kBuildingPrefix, kRemovingPrefix, kDamagedPrefix}) {
      if (!name.starts_with(prefix) || name.size() < prefix.size() + kKeyBytes) continue;
      const auto guard = lock_file(store.guard(name.substr(prefix.size(), kKeyBytes)), 0);
      if (!guard) continue;
      if (prefix == kDamagedPrefix && now - modified(entry.path()) < kDamagedAge.count()) continue;
      remove_tree(entry.path());
    }
  }
  for (const auto& entry : fs::directory_iterator(store.root / ".resolved", ignored))
    if (now - modified(entry.path()) > kResolvedAge.count()) fs::remove(entry.path(), ignored);
}

}  // namespace

void collect(const fs::path& root, const StoreLimits& limits,
             const std::function<void(const Collected&)>& on_removed) {
  const StoreLayout store{root};
  const UnixMillis now = system_clock().unix_now();
  remove_leftovers(store, now);
  const std::vector<Kept> found = environments(store);
  std::uint64_t total = 0;
  for (const Kept& kept : found) total += kept.bytes;
  for (const Kept& kept : found) {
    const bool is_idle = now - kept.last_use > limits.max_idle.count();
    if (!is_idle && total <= limits.max_bytes) continue;
    if (!remove_unused(store, kept.key, now)) continue;
    total -= std::min(total, kept.bytes);
    on_removed({.key = kept.key,
                .bytes = kept.bytes,
                .reason = is_idle ? "unused" : "over the size limit"});
  }
}

}  // namespace pixell::prepare
