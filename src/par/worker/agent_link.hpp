#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "net/event_loop.hpp"
#include "par/limits.hpp"
#include "par/worker/frame.hpp"

namespace pixell::par {

/// Told what comes over the link.
class AgentLinkOwner {
 public:
  virtual ~AgentLinkOwner() = default;
  virtual void frame_received(const Frame& frame) = 0;
  /// The other end closed, or sent what is no frame; `reason` says which. Called once, last.
  virtual void link_closed(const std::string& reason) = 0;
};

/// Our end of the socket to the agent's worker: frames both ways, never blocking.
class AgentLink final : public net::FdHandler {
 public:
  AgentLink(net::EventLoop& loop, UniqueFd socket, AgentLinkOwner& owner);
  ~AgentLink() override;

  /// Makes the socket non-blocking and registers it.
  Result<void> start();

  /// Queues one message. ResourceExhausted when it is too large, or the worker does not read and
  /// kMaxLinkQueuedBytes wait already; Unavailable when the link is closed. Nothing of a message
  /// that is not taken reaches the worker.
  Result<void> send(std::string_view header, std::string_view body = {});

  /// Takes what has arrived. Called when the worker has ended, so that its last frames come before
  /// the news of its death.
  void read_rest() { (void)read_frames(kMaxFrameBytes); }

  void on_ready(std::uint32_t events) override;

 private:
  /// Reads up to `most` bytes; true when there may be more.
  bool read_frames(std::size_t most);
  void read_on();
  /// False when the other end takes no more.
  bool write_queue();
  void close(const std::string& reason);

  net::EventLoop& loop_;
  UniqueFd socket_;
  AgentLinkOwner& owner_;
  FrameDecoder decoder_;
  std::string queue_;  // what the socket has not taken yet
  net::Timer more_;    // a talkative worker goes on in the next turn, after everybody else
};

}  // namespace pixell::par
