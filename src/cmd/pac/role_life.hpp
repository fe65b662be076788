#pragma once

#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

#include "base/log.hpp"
#include "base/result.hpp"
#include "cmd/pac/life_line.hpp"
#include "cmd/pac/socket_handover.hpp"

namespace pixell::cmd {

/// What a supervisor gives every role beside its own options.
struct RoleOptions {
  std::filesystem::path state_dir;
  std::vector<int> held_fds;  ///< inherited, bound and listening: all public sockets
  int life_fd = -1;           ///< inherited end of the life line; -1: nobody watches
};

/// What every role does for its supervisor: records itself, holds the public sockets for the next
/// supervisor should this one be killed, and tells that it lives.
class RoleLife {
 public:
  /// Takes the descriptors. From then on the role outlives its supervisor: until it is recorded it
  /// dies with it, so that there is never one that nobody would find.
  static Result<std::unique_ptr<RoleLife>> begin(std::string_view role, const RoleOptions& options);
  ~RoleLife();

  const std::filesystem::path& state_dir() const { return state_dir_; }
  const LifeLine& line() const { return line_; }
  /// Closes the public sockets: another process holds them.
  void let_go();

 private:
  RoleLife(std::filesystem::path state_dir, UniqueFd life_fd);
  std::filesystem::path state_dir_;
  LifeLine line_;
  std::vector<UniqueFd> listeners_;
  std::unique_ptr<SocketHandover> handover_;
};

}  // namespace pixell::cmd
