#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "net/event_loop.hpp"
#include "par/worker/worker_channel.hpp"

namespace pixell::par {

/// Where a program may serve.
struct ServerPlaces {
  std::string socket_path;
  std::uint16_t port = 0;     ///< of 127.0.0.1
  std::optional<uid_t> user;  ///< the program's; none = ours
};

/// A program that only serves HTTP: it is up when it accepts connections on the socket or the
/// loopback port it was given, has no handlers to call, and is drained by SIGTERM.
class ServerChannel final : public WorkerChannel {
 public:
  /// `signal` sends a signal to the program's group.
  ServerChannel(net::EventLoop& loop, ServerPlaces places, std::function<void(int)> signal,
                WorkerChannelOwner& owner);

  Result<void> start() override;
  Result<void> tell_ready() override { return {}; }
  /// Always Unavailable.
  Result<void> execute(std::uint64_t id, const AgentCall& call) override;
  void give_credit(std::uint64_t, int) override {}
  void cancel(std::uint64_t) override {}
  void drain(Millis grace) override;
  void read_rest() override { timer_.cancel(); }

 private:
  void look();
  void up(std::uint16_t port);

  net::EventLoop& loop_;
  ServerPlaces places_;
  std::function<void(int)> signal_;
  WorkerChannelOwner& owner_;
  Millis pause_;
  net::Timer timer_;
};

}  // namespace pixell::par
