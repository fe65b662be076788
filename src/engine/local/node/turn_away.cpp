#include "engine/local/node/turn_away.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <array>
#include <string>
#include <string_view>

#include "base/unique_fd.hpp"
#include "engine/local/node/limits.hpp"
#include "model/health.hpp"

namespace pixell::engine::node {

namespace {

using std::string_view_literals::operator""sv;

// How a client of HTTP/2 begins (RFC 9113 3.4); no request of HTTP/1.1 does.
constexpr std::string_view kHttp2Begin = "PRI * HTTP/2.0\r\n";

// SETTINGS without a setting, then GOAWAY: last stream 0, NO_ERROR (RFC 9113 4.1, 6.5, 6.8).
constexpr std::string_view kGoAway =
    "\0\0\0\4\0\0\0\0\0"
    "\0\0\x8\7\0\0\0\0\0"
    "\0\0\0\0\0\0\0\0"sv;

std::string refusal() {
  return fmt::format(
      "HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n"
      "retry-after: 1\r\n{}: ended\r\n\r\n",
      model::kNotReadyHeader);
}

}  // namespace

int turn_away_waiting(int listener) {
  int answered = 0;
  const std::string http1 = refusal();
  // From here on a connect is refused, and what was taken into the backlog can still be accepted.
  ::shutdown(listener, SHUT_RD);
  for (int i = 0; i < kMaxTurnedAway; ++i) {
    const UniqueFd peer(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!peer) break;
    // What has not come by now never does: its sender is told that nothing was sent (EPIPE), so
    // that no request is lost between the look at it and the close.
    ::shutdown(peer.get(), SHUT_RD);
    std::array<char, kHttp2Begin.size()> begin{};
    const ssize_t got = ::recv(peer.get(), begin.data(), begin.size(), MSG_PEEK);
    if (got <= 0) continue;
    const std::string_view said(begin.data(), static_cast<std::size_t>(got));
    const std::string_view answer = said == kHttp2Begin ? kGoAway : http1;
    // A new connection's buffer takes so little at once, or its client is gone.
    if (::send(peer.get(), answer.data(), answer.size(), MSG_NOSIGNAL) > 0) ++answered;
  }
  return answered;
}

}  // namespace pixell::engine::node
