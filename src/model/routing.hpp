#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace pixell::model {

/// How long a reply's head may take, by surface, in milliseconds; 0 = as long as it takes. A gRPC
/// call's own deadline (grpc-timeout) holds besides.
struct SurfaceTimeouts {
  std::int64_t rest_ms = 0;
  std::int64_t a2a_ms = 0;
  std::int64_t ui_ms = 0;
  std::int64_t idle_ms = 0;  ///< no byte either way for so long ends an exchange; 0 = never
  bool operator==(const SurfaceTimeouts&) const = default;
};

/// What one app's requests may take of the edge. Each edge counts for itself; 0 = no limit.
struct RoutingLimits {
  int max_concurrent = 0;           ///< exchanges under way; more are 429
  int requests_per_second = 0;      ///< more are 429, with Retry-After
  int burst = 0;                    ///< above the rate at once; 0 = requests_per_second
  std::int64_t max_body_bytes = 0;  ///< of a request; more is 413
  SurfaceTimeouts timeouts{};
  bool operator==(const RoutingLimits&) const = default;
};

/// A share of the requests is sent to a second revision as well, whose replies are compared and
/// dropped. The revision must have a leg in the app's traffic (a tag is enough).
struct Mirror {
  std::int64_t revision = 0;                ///< 0 = no mirror
  int permille = 0;                         ///< of the requests, 1 to 1000
  std::int64_t max_body_bytes = 64 * 1024;  ///< requests with a longer body are not mirrored
  bool operator==(const Mirror&) const = default;
};

/// A service outside of Pixell that answers a share of an app's requests while it moves here.
struct LegacyTarget {
  std::string address{};      ///< "10.0.0.7:8080"; empty = none
  std::string path_prefix{};  ///< takes the place of /agents/{id}; "" = the path behind it alone
  int weight_permille = 0;    ///< of the requests without a tag
  bool operator==(const LegacyTarget&) const = default;
};

/// How an app is reached beside its traffic: limits, other names, a mirror, a legacy target.
struct Routing {
  RoutingLimits limits{};
  std::vector<std::string> aliases{};  ///< other ids, for example a legacy deployment id
  std::vector<std::string> hosts{};    ///< names in Host or :authority, lower case, no port
  Mirror mirror{};
  LegacyTarget legacy{};
  bool operator==(const Routing&) const = default;
};

inline constexpr int kMaxConcurrentLimit = 1'000'000;
inline constexpr int kMaxRateLimit = 1'000'000;
inline constexpr std::int64_t kMaxTimeoutMs = 24LL * 3'600 * 1'000;
inline constexpr std::int64_t kMaxBodyLimit = 1LL << 40;
inline constexpr std::int64_t kMaxMirroredBody = 1024 * 1024;
inline constexpr std::size_t kMaxAliases = 64;
inline constexpr std::size_t kMaxAliasBytes = 128;
inline constexpr std::size_t kMaxHosts = 64;

/// Everything that is wrong with it, each finding with the JSON pointer of its place in the form of
/// to_json(). That aliases and hosts are nobody else's is the store's to say.
struct RoutingFinding {
  std::string pointer;
  std::string message;
};
std::vector<RoutingFinding> check_routing(const Routing& routing);

/// {"limits": {"max_concurrent", "requests_per_second", "burst", "max_body_bytes",
///             "timeouts": {"rest_ms", "a2a_ms", "ui_ms", "idle_ms"}},
///  "aliases": […], "hosts": […], "mirror": {"revision", "permille", "max_body_bytes"} | null,
///  "legacy": {"address", "path_prefix", "weight_permille"} | null}
nlohmann::json to_json(const Routing& routing);
/// InvalidArgument when it is not of that form. A member that is not there has its default.
Result<Routing> routing_from_json(const nlohmann::json& json);

}  // namespace pixell::model
