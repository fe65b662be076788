#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "api/reply.hpp"
#include "api/waits.hpp"
#include "apkg/package_store.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "model/instance_usage.hpp"
#include "model/rule_place.hpp"
#include "model/traffic_report.hpp"
#include "net/blocking_service.hpp"
#include "store/store.hpp"

namespace pixell::api {

/// Which part of an instance's log to read, and what was read: as an engine has it.
struct LogRange {
  std::int64_t from = -1;  ///< position in bytes since the first line; -1 = the last `max_bytes`
  std::size_t max_bytes = 64 * 1024;
};
struct LogPiece {
  std::string text;  ///< whole lines where possible
  std::int64_t from = 0;
  std::int64_t next = 0;  ///< where to go on; equals `from` when there is nothing more yet
};

/// What handlers work with. References outlive the API.
struct ApiContext {
  store::Store& store;
  const apkg::PackageStore& packages;
  const Clock& clock;
  Log log;
  std::vector<std::filesystem::path> allow_file_dirs;  ///< where file:// packages may lie
  std::vector<std::string> allowed_hosts;  ///< Host names besides loopback, without port
  /// Told that an edge asked for routes after a generation: it has that one in force.
  std::function<void(std::string_view edge, std::int64_t generation)> on_edge_poll;
  /// Takes what an edge measured; since when this control has been listening.
  std::function<UnixMillis(std::string_view edge, const model::TrafficReport& report)>
      on_edge_measurements;
  /// What this installation is: roles, engine, capabilities.
  std::function<Result<nlohmann::json>()> describe_system;
  /// A part of an instance's log; NotFound when there is none.
  std::function<Result<LogPiece>(std::string_view instance, const LogRange& range)> read_log;
  /// What an instance uses; NotFound when there is none, FailedPrecondition when it does not run.
  std::function<Result<model::InstanceUsage>(std::string_view instance)> read_usage;
  /// How an app is reached through a load balancer; nothing when it is not. Null = no app is.
  std::function<Result<std::optional<model::BalancerView>>(const std::string& app)> find_balancer{};
  /// Why `scaling` of an app is refused, with the remedy; empty = it is not.
  std::string cannot_scale{};
  Waits& waits;          ///< bounds the requests that hold a thread for long
  std::stop_token stop;  ///< ends long-polls, watches and followers
};

/// One request as a handler sees it.
struct Call {
  const net::RequestHead& head;
  net::BodyReader& body;
  std::vector<std::string> params;  ///< what the {…} of the pattern matched, percent-decoded
  std::string text{};               ///< the whole body, for routes with BodyUse::Text
  std::string idempotency_key{};    ///< scoped by method and path; empty = none was given
  std::string request_digest{};     ///< of what the key stands for

  /// A query parameter, percent-decoded; empty when absent.
  std::string query(std::string_view name) const;
  /// A whole number from the query, clamped to [least, most]; `fallback` when absent or no number.
  /// For our own roles; what users send is read by Parameters.
  std::int64_t query_number(std::string_view name, std::int64_t fallback, std::int64_t least,
                            std::int64_t most) const;
  /// "http://host:port" as the client addressed us (the edge tells).
  std::string public_base() const;
};

using Handler = Reply (*)(const ApiContext&, Call&);

/// Text: it is read into Call::text first, and an Idempotency-Key is honoured. Streamed: the
/// handler reads the body, if there is any.
enum class BodyUse { Streamed, Text };

struct RouteEntry {
  std::string_view method;
  std::string_view pattern;  ///< "/v1/apps/{app}"
  Handler handler;
  BodyUse body = BodyUse::Streamed;
};

/// Every route of the API, in the order it is matched.
std::span<const RouteEntry> routes();

/// The problem of an Error; its detail is logged, not shown.
Reply problem(const ApiContext& context, const Error& error);

/// Answers one request: guards, matches, calls, and turns what may be thrown into a 500.
Reply answer(const ApiContext& context, const net::RequestHead& head, net::BodyReader& body);

/// The same for an edge of another machine, which has shown its certificate: routes below
/// /internal/ and nothing else, whatever the Host.
Reply answer_edge(const ApiContext& context, const net::RequestHead& head, net::BodyReader& body);

/// The whole API as a handler for net::make_blocking_service. `context` outlives it.
net::BlockingHandler make_api(const ApiContext& context);

/// What answer_edge() answers, as such a handler.
net::BlockingHandler make_edge_api(const ApiContext& context);

}  // namespace pixell::api
