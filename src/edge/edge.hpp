#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/log_writer.hpp"
#include "base/result.hpp"
#include "base/thread_pool.hpp"
#include "base/unique_fd.hpp"
#include "edge/access_log.hpp"
#include "edge/app_states.hpp"
#include "edge/limits.hpp"
#include "edge/overload.hpp"
#include "edge/parking.hpp"
#include "edge/route_table.hpp"
#include "edge/target.hpp"
#include "edge/traffic_meter.hpp"
#include "edge/trusted_proxies.hpp"
#include "net/client.hpp"
#include "net/server.hpp"
#include "net/transport.hpp"

namespace pixell::edge {

/// Where an edge is reached. Each loop gets a duplicate of each descriptor.
struct EdgeListeners {
  std::vector<UniqueFd> plain;
  std::vector<UniqueFd> encrypted;
  net::TransportMaker* transports = nullptr;  ///< of `encrypted`; outlives the edge
  std::vector<UniqueFd> redirects;            ///< lead every request to its https:// address
  std::uint16_t https_port = kHttpsPort;      ///< of that address
};

/// The edge: one loop per thread, all accepting from the same listening sockets.
class Edge {
 public:
  struct Settings {
    int threads = 1;           ///< loops, 1 to kMaxThreads
    TrustedProxies trusted{};  ///< who may say for whom they ask
    OverloadOptions overload{};
    ParkingLimits parking{};  ///< of each loop
    AccessLogChoice access_log{};
    net::ServerOptions server{.send_stall_timeout = kClientStallTimeout};
  };

  /// Starts the loops for `listeners`. Nobody is accepted yet. `api` is where everything but agents
  /// goes; empty when that is elsewhere: then it is answered 404, and GET /healthz by the edge.
  static Result<std::unique_ptr<Edge>> start(EdgeListeners listeners, net::Address api,
                                             const Settings& settings, Log log);
  ~Edge();

  /// Begins to accept, on every loop. Once, after the first publish(): who is accepted earlier is
  /// told that there are no agents.
  Result<void> accept();

  /// Calls `job(loop)` on each loop's thread every `period`, with the loop's number from 0, until
  /// the edge ends. Once.
  void repeat(Millis period, std::function<void(int loop)> job);

  /// Puts a table in force on every loop and returns when all use it: from then on no new request
  /// goes to a target that is not in it. DeadlineExceeded when a loop does not take it in time. One
  /// caller at a time.
  Result<void> publish(std::shared_ptr<const RouteTable> table);

  /// The page of GET /v1/edge/metrics. Waits for what each loop tells of itself, for at most
  /// kLoopAnswerTimeout: any thread but those of the loops.
  std::string metrics();

  /// What was counted of the agents' requests; lives as long as the edge.
  TrafficMeter& traffic() { return traffic_; }

  /// What is known of the targets, and of requests that wait for one, on all loops. Any thread.
  TargetFigures targets() const { return targets_.figures(); }
  ParkingFigures parked() const;

  /// Stops accepting and lets exchanges end; `done` is called, on any thread, when none is left.
  /// May be called again, to hurry: the earlier `done` is then not called any more.
  void drain(net::IdleConnections idle, std::function<void()> done);

  /// Cuts what is left and joins the threads.
  void stop();

 private:
  struct Worker;
  Edge(int threads, EdgeListeners listeners, Log log);
  static Result<void> listen(const EdgeListeners& listeners, Worker& worker);
  Result<std::unique_ptr<Worker>> make_worker(const net::Address& api, const Settings& settings,
                                              std::uint64_t seed);

  EdgeListeners listeners_;  // their sockets until accept()
  Log log_;
  LogWriter access_log_writer_;  // the loops hand their lines to it
  TrafficMeter traffic_;         // and count in this
  AppStates apps_;               // and in this
  TargetRegistry targets_;
  std::vector<std::unique_ptr<Worker>> workers_;
  ThreadPool metrics_pool_{1};  // the page is long, and no loop's work

  std::mutex routes_mutex_;  // guards the two below
  std::shared_ptr<const RouteTable> table_;
  Instant applied_at_{};
};

}  // namespace pixell::edge
