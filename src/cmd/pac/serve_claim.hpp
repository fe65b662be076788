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

/// Makes the state directory and locks it, or takes the lock that is already held. AlreadyExists: a
/// `pac serve` (or restore) uses it.
Result<StateClaim> claim_state_dir(const std::filesystem::path& state_dir, UniqueFd held_lock = {});

/// What a `pac serve` hands to the program that it becomes; empty for one that starts anew.
struct ServeHandover {
  UniqueFd lock;
  std::vector<UniqueFd> sockets;  ///< listening
};

/// Addresses ("address:port"; port 0 = any) to be listened on, by what is spoken there.
struct PublicAddresses {
  std::vector<std::string> plain;
  std::string also;  ///< plain, when it is free; empty = none
  std::vector<std::string> tls;
  std::vector<std::string> redirect;
  std::vector<std::string> edges;  ///< for edges of other machines
};

/// The same as sockets, bound and listening, in the order asked for.
struct PublicListeners {
  std::vector<UniqueFd> plain;
  std::vector<UniqueFd> tls;
  std::vector<UniqueFd> redirect;
  std::vector<UniqueFd> edges;

  /// The descriptors of all, in this order.
  std::vector<int> all() const;
};

/// What only one `pac serve` at a time has: a state directory and the public ports.
struct ServeClaim {
  std::filesystem::path state_dir;  ///< its real path
  UniqueFd lock;                    ///< of <state_dir>/run/serve.lock
  PublicListeners listeners;
  std::string addresses;           ///< "127.0.0.1:4000, [::1]:4000", with the real ports
  std::string tls_addresses;       ///< of the encrypted ones
  std::string redirect_addresses;  ///< of those that lead there
  std::string edge_addresses;      ///< of those for edges of other machines
  std::string missed;              ///< why `also` is not among them, or empty
};

/// Makes the state directory, locks it and opens the listeners. Sockets that were handed over, or
/// that the roles of a killed `pac serve` on this directory still hold, are taken for the addresses
/// they are bound to, so that what waits in their backlogs is served. The error names the option,
/// its value and the remedy. Waits at most half a second for the lock, and a few seconds for a port
/// that a killed edge still holds. When `also` is not free, `missed` says why.
Result<ServeClaim> claim_state_and_ports(const std::filesystem::path& state_dir,
                                         const PublicAddresses& addresses,
                                         ServeHandover handover = {});

}  // namespace pixell::cmd
