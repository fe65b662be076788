#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "apkg/package_store.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "model/traffic_report.hpp"
#include "net/blocking_service.hpp"
#include "store/store.hpp"

namespace pixell::api {

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
  /// The last bytes of an instance's log.
  std::function<Result<std::string>(std::string_view instance, std::size_t max_bytes)> read_log;
  std::stop_token stop;  ///< ends long-polls
};

/// One request as a handler sees it.
struct Call {
  const net::RequestHead& head;
  net::BodyReader& body;
  std::vector<std::string> params;  ///< what the {…} of the pattern matched, percent-decoded

  /// A query parameter, percent-decoded; empty when absent.
  std::string query(std::string_view name) const;
  /// A whole number from the query, clamped to [least, most]; `fallback` when absent or no number.
  std::int64_t query_number(std::string_view name, std::int64_t fallback, std::int64_t least,
                            std::int64_t most) const;
  /// "http://host:port" as the client addressed us (the edge tells).
  std::string public_base() const;
};

struct Reply {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  net::Headers headers;
};

Reply json_reply(int status, const nlohmann::json& body);
/// RFC 9457, with `error` and, when there are any, `details` for the clients that read them.
Reply problem(int status, std::string_view detail, const std::vector<std::string>& details = {});
/// The problem of an Error; its detail is logged, not shown.
Reply problem(const ApiContext& context, const Error& error);

using Handler = Reply (*)(const ApiContext&, Call&);

struct RouteEntry {
  std::string_view method;
  std::string_view pattern;  ///< "/v1/apps/{app}"
  Handler handler;
};

/// Every route of the API, in the order it is matched.
std::span<const RouteEntry> routes();

/// Answers one request: guards, matches, calls, and turns what may be thrown into a 500.
Reply answer(const ApiContext& context, const net::RequestHead& head, net::BodyReader& body);

/// The whole API as a handler for net::make_blocking_service. `context` outlives it.
net::BlockingHandler make_api(const ApiContext& context);

}  // namespace pixell::api
