#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "edge/route_table.hpp"
#include "edge/router.hpp"
#include "edge/traffic_meter.hpp"
#include "net/client.hpp"
#include "net/proxy_exchange.hpp"
#include "net/stream.hpp"

namespace pixell::net {
class EventLoop;
}

namespace pixell::edge {

/// What a loop routes by, exchanged as a whole.
struct RoutesInForce {
  std::shared_ptr<const RouteTable> table;
  UnixMillis applied_at = 0;
  TrafficMeter::Cells cells;  ///< of the table's legs, for this loop
};

/// Serves the public listeners of one loop: decides, then forwards. Everything here belongs to the
/// loop's thread; the routes are exchanged by use_routes() on that thread.
class EdgeService final : public net::Service {
 public:
  EdgeService(net::EventLoop& loop, net::Address api, Log log, std::uint64_t seed);

  void use_routes(RoutesInForce routes);
  std::unique_ptr<net::StreamHandler> on_request(net::ServerStream& stream) override;

 private:
  std::unique_ptr<net::StreamHandler> forward_to_agent(net::ServerStream& stream,
                                                       const Decision& decision);
  std::unique_ptr<net::StreamHandler> forward_to_api(net::ServerStream& stream);
  std::unique_ptr<net::StreamHandler> answer_directory(net::ServerStream& stream);
  std::unique_ptr<net::StreamHandler> answer_explain(net::ServerStream& stream);
  std::unique_ptr<net::StreamHandler> refuse(net::ServerStream& stream, const Decision& decision);
  net::RequestHead upstream_head(const net::ServerStream& stream, std::string target);
  std::uint64_t next_random();

  net::EventLoop& loop_;
  net::Address api_;
  Log log_;
  net::HttpClient client_;
  RoutesInForce routes_;
  std::uint64_t random_state_;
};

}  // namespace pixell::edge
