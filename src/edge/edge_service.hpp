#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "edge/edge_loop.hpp"
#include "edge/explain.hpp"
#include "edge/router.hpp"
#include "net/client.hpp"
#include "net/stream.hpp"

namespace pixell::net {
class EventLoop;
}

namespace pixell::edge {

/// Serves the public listeners of one loop: decides, then forwards. Everything here belongs to the
/// loop's thread; the routes are exchanged by use_routes() on that thread.
class EdgeService final : public net::Service {
 public:
  struct Parts {
    net::Address api;  ///< empty = elsewhere: what is for the API is refused
    std::uint64_t seed = 1;
    TrustedProxies trusted{};
    std::unique_ptr<Overload> overload;
    const AppStates* apps = nullptr;  ///< outlives the service
    ParkingLimits parking{};
    std::unique_ptr<AccessLog> access_log{};
    std::unique_ptr<net::Service> metrics{};  ///< answers GET /v1/edge/metrics
  };
  EdgeService(net::EventLoop& loop, Log log, Parts parts);

  /// `gone` are the targets that the former routes had and these do not have.
  void use_routes(std::shared_ptr<RoutesInForce> routes, const std::vector<net::Address>& gone);
  std::unique_ptr<net::StreamHandler> on_request(net::ServerStream& stream) override;
  /// Any thread.
  ParkingFigures parked() const { return parking_.figures(); }
  /// The loop's thread, or any when the loop does not run.
  AccessLog& access_log() { return *access_log_; }

 private:
  std::unique_ptr<net::StreamHandler> serve_agent(net::ServerStream& stream, Decision decision);
  std::unique_ptr<net::StreamHandler> serve_api(net::ServerStream& stream);
  std::unique_ptr<net::StreamHandler> answer_directory(net::ServerStream& stream);
  std::unique_ptr<net::StreamHandler> answer_explain(net::ServerStream& stream);
  std::unique_ptr<net::StreamHandler> answer_operator(net::ServerStream& stream,
                                                      const Decision& decision);
  void write_refused(const net::ServerStream& stream, const Decision& decision, int status);
  std::unique_ptr<net::StreamHandler> refuse(net::ServerStream& stream, const Decision& decision);
  void tell_parked(const RouteTable& before);
  LoopView view() const;

  net::Address api_;
  Log log_;
  const AppStates* apps_;
  std::unique_ptr<Overload> overload_;
  std::unique_ptr<AccessLog> access_log_;
  std::unique_ptr<net::Service> metrics_;
  net::HttpClient client_;
  Mirrors mirrors_;
  ParkingLot parking_;
  EdgeLoop edge_;
};

}  // namespace pixell::edge
