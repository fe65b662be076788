#include "net/stream.hpp"

#include <cerrno>

namespace pixell::net {

std::string_view to_string(AbortReason reason) {
  switch (reason) {
    case AbortReason::PeerClosed:
      return "peer_closed";
    case AbortReason::Refused:
      return "refused";
    case AbortReason::UnusedClosed:
      return "unused_closed";
    case AbortReason::Timeout:
      return "timeout";
    case AbortReason::ProtocolError:
      return "protocol_error";
    case AbortReason::TooLarge:
      return "too_large";
    case AbortReason::Shutdown:
      return "shutdown";
  }
  return "unknown";
}

ssize_t ServerStream::send_file(int, std::int64_t, std::size_t) {
  errno = EOPNOTSUPP;
  return -1;
}

}  // namespace pixell::net
