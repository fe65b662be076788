#include "par/prepare/store_entry.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>
#include <vector>

#include "apkg/digest.hpp"
#include "base/files.hpp"
#include "base/process.hpp"
#include "par/prepare/environment_files.hpp"
#include "par/prepare/lease.hpp"
#include "par/prepare/limits.hpp"
#include "par/prepare/store_layout.hpp"

namespace pixell::prepare {

namespace fs = std::filesystem;

namespace {

using IsComplete = std::function<bool(const fs::path&)>;
using Make = std::function<apkg::Checked<void>(const fs::path&)>;

// A damaged entry is renamed, so that it can be looked at; collecting removes it.
void set_aside(const fs::path& store, const std::string& key) {
  std::error_code failed;
  if (!fs::exists(store / key, failed)) return;
  const fs::path aside = store / fmt::format("{}{}", kDamagedPrefix, key);
  remove_tree(aside);
  fs::rename(store / key, aside, failed);
  if (failed) return remove_tree(store / key);
  (void)::utimensat(AT_FDCWD, aside.c_str(), nullptr, 0);
}

// False when an agent uses it; a lease taken between the look and the renaming brings it back.
bool set_aside_unless_leased(const StoreLayout& store, const std::string& key) {
  const UnixMillis now = system_clock().unix_now();
  if (has_living_lease(store.leases(key), now)) return false;
  set_aside(store.root, key);
  if (!has_living_lease(store.leases(key), now)) return true;
  std::error_code failed;
  fs::rename(store.root / fmt::format("{}{}", kDamagedPrefix, key), store.environment(key), failed);
  return static_cast<bool>(failed);
}

/// Provides one entry.
class Entry {
 public:
  Entry(const StoreEntry& entry, const IsComplete& is_complete)
      : entry_(entry), layout_{entry.store}, is_complete_(is_complete) {}

  apkg::Checked<fs::path> provide(const Make& make) {
    // Before the look: what is leased is not removed any more.
    if (const auto leased = lease(); !leased)
      return apkg::refuse(model::Cause::Internal, "the environment cannot be reserved",
                          leased.error());
    if (is_usable()) return use();
    CHECKED_TRY(const UniqueFd guard, take_guard());
    if (is_usable()) return use();
    if (!damage_.empty() && entry_.on_damaged) entry_.on_damaged(damage_);
    remove_unfinished();
    const fs::path building =
        entry_.store / fmt::format("{}{}-{}", kBuildingPrefix, entry_.key, ::getpid());
    auto done = build(building, make);
    if (!done) {
      remove_tree(building);
      return std::unexpected(std::move(done).error());
    }
    return use();
  }

 private:
  fs::path place() const { return layout_.environment(entry_.key); }

  Result<void> lease() const {
    std::error_code failed;
    // Nothing can be removed from a store that is not there, and no lease is needed yet.
    if (!fs::is_directory(entry_.store, failed)) return {};
    return take_lease(layout_.leases(entry_.key));
  }

  bool is_usable() {
    std::error_code failed;
    damage_.clear();
    if (!fs::is_directory(place(), failed)) return false;
    if (is_known_to_be_whole() && is_complete_(place())) return true;
    const auto list = read_file(place() / kListFile);
    if (!list)
      damage_ = "its list of files cannot be read";
    else if (!is_complete_(place()))
      damage_ = "its record cannot be read";
    else
      damage_ = find_missing(place(), *list).value_or("");
    if (damage_.empty()) note_as_whole();
    return damage_.empty();
  }

  // Thousands of files are looked at once in each boot of the machine (a power cut is what leaves
  // them cut short), and whenever one of their directories has changed.
  bool is_known_to_be_whole() const {
    const auto note = read_file(layout_.checked(entry_.key));
    const auto boot = boot_id();
    if (!note || !boot || !note->starts_with(*boot + "\n")) return false;
    return are_directories_unchanged(place(), std::string_view(*note).substr(boot->size() + 1));
  }

  // Without the note, in a store that is read-only, the files are looked at each time.
  void note_as_whole() const {
    const auto boot = boot_id();
    const fs::path path = layout_.checked(entry_.key);
    if (boot && make_directories(path.parent_path()))
      (void)write_file_atomically(path, *boot + "\n" + note_directories(place()), 0600,
                                  Durability::ProcessCrash);
  }

  static Result<std::string> boot_id() {
    TRY(const ProcessIdentity self, identify_process(::getpid()));
    return self.boot_id;
  }

  // The time of the guard is that of the last use; a store that is read-only keeps none.
  fs::path use() const {
    (void)::utimensat(AT_FDCWD, layout_.guard(entry_.key).c_str(), nullptr, 0);
    return place();
  }

  apkg::Checked<UniqueFd> take_guard() const {
    // Readable by the agents' users, writable by us.
    auto made = make_directories(entry_.store, 0755);
    if (made) made = make_directories(layout_.guard(entry_.key).parent_path());
    if (!made)
      return apkg::refuse(model::Cause::Internal, "no place for environments", made.error());
    auto guard =
        lock_file(layout_.guard(entry_.key), static_cast<int>(entry_.deadline.left().count()));
    if (!guard)
      return apkg::refuse(model::Cause::DependencyTimeout,
                          "another process has been installing the same environment for too long",
                          guard.error());
    if (const auto leased = lease(); !leased)
      return apkg::refuse(model::Cause::Internal, "the environment cannot be reserved",
                          leased.error());
    return std::move(*guard);
  }

  // We hold the guard: whoever left these is gone.
  void remove_unfinished() const {
    std::vector<fs::path> left;
    std::error_code ignored;
    for (const auto& other : fs::directory_iterator(entry_.store, ignored))
      if (other.path().filename().string().starts_with(std::string(kBuildingPrefix) + entry_.key))
        left.push_back(other.path());
    for (const fs::path& path : left) remove_tree(path);
  }

  apkg::Checked<void> build(const fs::path& building, const Make& make) const {
    if (const auto made = make_directories(building); !made)
      return apkg::refuse(model::Cause::Internal, "no place to install to", made.error());
    CHECKED_TRY_VOID(make(building));
    const auto list = list_files(building);
    const auto written =
        list ? write_file_atomically(building / kListFile, *list, 0444) : Result<void>();
    if (!list || !written)
      return apkg::refuse(model::Cause::Internal, "the environment's files cannot be listed",
                          list ? written.error() : list.error());
    make_read_only(building);
    std::error_code failed;
    // The entry itself stays ours to rename and remove.
    fs::permissions(building, fs::perms(0755), failed);
    set_aside(entry_.store, entry_.key);
    fs::rename(building, place(), failed);
    if (failed)
      return apkg::refuse(model::Cause::Internal, "the environment could not be published",
                          errno_error("rename", failed.value()));
    return {};
  }

  const StoreEntry& entry_;
  StoreLayout layout_;
  const IsComplete& is_complete_;
  std::string damage_;  // why the entry that is there is not usable
};

}  // namespace

apkg::Checked<fs::path> provide_entry(const StoreEntry& entry, const IsComplete& is_complete,
                                      const Make& make) {
  return Entry(entry, is_complete).provide(make);
}

void check_entries(const fs::path& store,
                   const std::function<void(const DamagedEntry&)>& on_damaged) {
  std::vector<std::string> keys;
  std::error_code ignored;  // no store, nothing to check
  for (const auto& entry : fs::directory_iterator(store, ignored))
    if (apkg::is_sha256(entry.path().filename().string()))
      keys.push_back(entry.path().filename().string());
  for (const std::string& key : keys) {
    const auto guard = lock_file(StoreLayout{store}.guard(key), 0);
    if (!guard) continue;
    const auto list = read_file(store / key / kListFile);
    const auto changed = list ? find_changed(store / key, *list)
                              : std::optional<std::string>("its list of files cannot be read");
    if (!changed) continue;
    const bool is_in_use = !set_aside_unless_leased(StoreLayout{store}, key);
    on_damaged({.key = key, .reason = *changed, .is_in_use = is_in_use});
  }
}

}  // namespace pixell::prepare
