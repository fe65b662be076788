#include "par/worker/server_channel.hpp"

#include <signal.h>

#include <algorithm>
#include <utility>

#include "par/limits.hpp"
#include "par/worker/connect_probe.hpp"

namespace pixell::par {

ServerChannel::ServerChannel(net::EventLoop& loop, ServerPlaces places,
                             std::function<void(int)> signal, WorkerChannelOwner& owner)
    : loop_(loop),
      places_(std::move(places)),
      signal_(std::move(signal)),
      owner_(owner),
      pause_(kServerLookFirst) {}

Result<void> ServerChannel::start() {
  timer_ = loop_.after(pause_, [this] { look(); });
  return {};
}

// How long it may go on is the boot's deadline, which the owner keeps.
void ServerChannel::look() {
  if (accepts_on_socket(places_.socket_path, places_.user)) return up(0);
  if (accepts_on_loopback(places_.port)) return up(places_.port);
  pause_ = std::min(pause_ * 2, kServerLookMost);
  timer_ = loop_.after(pause_, [this] { look(); });
}

void ServerChannel::up(std::uint16_t port) {
  Hello hello;
  hello.language = "executable";
  hello.http_server = true;
  hello.http_server_port = port;
  owner_.worker_up(std::move(hello));
}

Result<void> ServerChannel::execute(std::uint64_t, const AgentCall&) {
  return make_error(ErrorCode::Unavailable, "an executable has no handlers to call");
}

void ServerChannel::drain(Millis) {
  timer_.cancel();
  signal_(SIGTERM);
}

}  // namespace pixell::par
