#include "engine/local/node/user_ids.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include "engine/local/node/limits.hpp"
#include "engine/records/installation_mark.hpp"

namespace pixell::engine::node {

namespace fs = std::filesystem;

UserIdChoice choose_user_ids(const fs::path& state_dir, uid_t own_user) {
  if (own_user != 0)
    return {.first = {},
            .note =
                "agents share the user of the node: only root can give each its own; start "
                "pac as root to isolate agents from each other"};
  for (fs::path path = state_dir;; path = path.parent_path()) {
    struct stat found {};
    if (::stat(path.c_str(), &found) != 0)
      return {.first = {},
              .note = fmt::format("agents run as root: cannot look at {}", path.string())};
    if ((found.st_mode & S_IXOTH) == 0)
      return {.first = {},
              .note = fmt::format("agents run as root: other users cannot get through {}; use a "
                                  "state directory elsewhere (--state) or chmod o+x it",
                                  path.string())};
    if (path == path.root_path() || path.empty()) break;
  }
  const auto block = unsigned(installation_mark(state_dir).number % kUserIdBlocks);
  return {.first = kFirstUserId + block * unsigned(kMaxInstances), .note = {}};
}

Result<int> UserIds::take() {
  int slot = 0;
  for (const int taken : taken_) {
    if (taken != slot) break;
    ++slot;
  }
  if (slot >= kMaxInstances)
    return make_error(ErrorCode::ResourceExhausted,
                      fmt::format("this node holds {} instances, its limit", kMaxInstances));
  taken_.insert(slot);
  return slot;
}

std::optional<uid_t> UserIds::user_of(int slot) const {
  if (!first_) return {};
  return *first_ + static_cast<uid_t>(slot);
}

}  // namespace pixell::engine::node
