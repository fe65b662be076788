#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace pixell::cmd {

/// A state directory that nobody else works on.
struct StateClaim {
  std::filesystem::path state_dir;  ///< its real path
  UniqueFd lock;                    ///< of <state_dir>/run/serve.lock
};

/// Makes the state directory and locks it. AlreadyExists: a `pac serve` (or restore) uses it.
Result<StateClaim> claim_state_dir(const std::filesystem::path& state_dir);

/// What only one `pac serve` at a time has: a state directory and the public ports.
struct ServeClaim {
  std::filesystem::path state_dir;  ///< its real path
  UniqueFd lock;                    ///< of <state_dir>/run/serve.lock
  std::vector<UniqueFd> listeners;  ///< bound and listening, in the order asked for
  std::string addresses;            ///< "127.0.0.1:4000, [::1]:4000", with the real ports
  std::string missed;               ///< why `also_listen` is not among them, or empty
};

/// Makes the state directory, locks it and opens the listeners ("address:port"; port 0 = any). The
/// error names the option, its value and the remedy. Waits at most half a second for the lock, and
/// a few seconds for a port that the edge of a killed `pac serve` on this directory still holds.
/// `also_listen` (empty = none) is opened too when it is free; when it is not, `missed` says why.
Result<ServeClaim> claim_state_and_ports(const std::filesystem::path& state_dir,
                                         const std::vector<std::string>& listen,
                                         const std::string& also_listen = {});

}  // namespace pixell::cmd
