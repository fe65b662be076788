#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "edge/route_table.hpp"
#include "edge/router.hpp"
#include "net/client.hpp"
#include "net/proxy_exchange.hpp"
#include "net/stream.hpp"

namespace pixell::net {
class EventLoop;
}

namespace pixell::edge {

/// Serves the public listeners of one loop: decides, then forwards. Everything here belongs to the
/// loop's thread; the table is exchanged by use_table() on that thread.
class EdgeService final : public net::Service {
 public:
  EdgeService(net::EventLoop& loop, net::Address api, Log log, std::uint64_t seed);

  void use_table(std::shared_ptr<const RouteTable> table);
  std::unique_ptr<net::StreamHandler> on_request(net::ServerStream& stream) override;

 private:
  std::unique_ptr<net::StreamHandler> forward_to_agent(net::ServerStream& stream,
                                                       const Decision& decision);
  std::unique_ptr<net::StreamHandler> forward_to_api(net::ServerStream& stream);
  std::unique_ptr<net::StreamHandler> answer_directory(net::ServerStream& stream);
  std::unique_ptr<net::StreamHandler> refuse(net::ServerStream& stream, const Decision& decision);
  net::RequestHead upstream_head(const net::ServerStream& stream, std::string target);
  std::uint32_t next_random();

  net::EventLoop& loop_;
  net::Address api_;
  Log log_;
  net::HttpClient client_;
  std::shared_ptr<const RouteTable> table_;
  std::uint64_t random_state_;
};

}  // namespace pixell::edge
