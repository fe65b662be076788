#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/log.hpp"
#include "par/worker/agent_link.hpp"
#include "par/worker/worker_channel.hpp"

namespace pixell::par {

/// The conversation of docs/par_worker.md with the shim of a language.
class FrameChannel final : public WorkerChannel, private AgentLinkOwner {
 public:
  /// `socket` is our end of the worker's descriptor 3; `load_header` the frame it waits for.
  FrameChannel(net::EventLoop& loop, UniqueFd socket, std::string load_header, Log log,
               WorkerChannelOwner& owner);

  Result<void> start() override;
  Result<void> tell_ready() override;
  Result<void> execute(std::uint64_t id, const AgentCall& call) override;
  void give_credit(std::uint64_t id, int events) override;
  void cancel(std::uint64_t id) override;
  void drain(Millis grace) override;
  void read_rest() override { link_.read_rest(); }

 private:
  void frame_received(const Frame& frame) override;
  void refuse_depth(const std::string& type, const nlohmann::ordered_json& json);
  void link_closed(const std::string& reason) override;

  std::string load_header_;
  Log log_;
  WorkerChannelOwner& owner_;
  AgentLink link_;
};

}  // namespace pixell::par
