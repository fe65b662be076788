#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "par/config.hpp"

namespace pixell::cmd {

/// Whom to ask.
struct HealthTarget {
  std::string address;  ///< "127.0.0.1:8080", "[::1]:80" or "unix:/path"
  std::string path;     ///< begins with '/'
  bool operator==(const HealthTarget&) const = default;
};

/// `--url http://host:port/path` (numeric host, or localhost), else `--port N`, else what par
/// itself would listen on in this environment: REST_LISTEN when it is an address, else REST_PORT.
/// InvalidArgument names what is wrong. Pure.
Result<HealthTarget> health_target(const std::vector<std::string>& arguments,
                                   const par::Environment& env);

/// GET, and success for status 200 within kHealthcheckTimeout. The error says what came instead:
/// Unavailable (another status, no listener) or DeadlineExceeded.
Result<void> ask_health(const HealthTarget& target);

}  // namespace pixell::cmd
