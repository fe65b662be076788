#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/boot_report.hpp"

namespace pixell::par {

/// A TCP socket that listens in our network namespace.
struct Listener {
  std::string address;  ///< "127.0.0.1", "0.0.0.0", "::"
  std::uint16_t port = 0;
  uid_t user = 0;  ///< of whoever made it
  std::uint64_t inode = 0;
  bool takes_loopback = false;  ///< connections to 127.0.0.1 may come to it
};

/// The listeners in the text of /proc/net/tcp or /proc/net/tcp6; lines of another form are skipped.
/// Pure.
std::vector<Listener> parse_listeners(std::string_view text);

/// Users that get what is sent to 127.0.0.1:`port`, in no order: sockets of IPv6 count when there
/// is none of IPv4. Pure.
std::vector<uid_t> users_of_loopback_port(const std::vector<Listener>& listeners,
                                          std::uint16_t port);

/// What is wrong with a loopback port that is said to be served by processes of `user`: somebody
/// else listens on it and would get the agent's requests. Nothing when it is theirs, or when /proc
/// does not tell.
std::optional<model::Failure> check_listener(std::uint16_t port, uid_t user);

/// "listens on 0.0.0.0:3000" for each TCP socket of the processes of a group.
std::vector<std::string> listening_places(pid_t group);

}  // namespace pixell::par
