#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <set>
#include <string>

#include "base/result.hpp"

namespace pixell::engine::node {

/// Whether instances can run under users of their own, and why not.
struct UserIdChoice {
  std::optional<uid_t> first;  ///< the first user id of this installation; none = no own users
  std::string note;            ///< one sentence when there is none
};

/// Own users need root and a state directory that other users can get through to.
UserIdChoice choose_user_ids(const std::filesystem::path& state_dir, uid_t own_user);

/// Hands out slots (small numbers) so that each instance has a user id of its own. A slot is free
/// again only when every file of its user is gone.
class UserIds {
 public:
  explicit UserIds(std::optional<uid_t> first) : first_(first) {}

  /// The lowest free slot. ResourceExhausted when kMaxInstances are taken.
  Result<int> take();
  /// Marks the slot of an instance that was found at the start.
  void mark_taken(int slot) { taken_.insert(slot); }
  void release(int slot) { taken_.erase(slot); }
  /// The user id of a slot, or none without own users.
  std::optional<uid_t> user_of(int slot) const;

 private:
  std::optional<uid_t> first_;
  std::set<int> taken_;
};

}  // namespace pixell::engine::node
