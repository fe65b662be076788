#pragma once

#include <optional>
#include <stop_token>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "model/routes.hpp"

namespace pixell::edge {

/// Where routes come from. The edge pulls; asking with `after` tells the source that the edge has
/// applied that generation on every loop.
class RouteSource {
 public:
  virtual ~RouteSource() = default;
  /// Blocks until there is a generation other than `after`, or `timeout` passes (nullopt then).
  virtual Result<std::optional<model::RouteSnapshot>> next(std::int64_t after, Millis timeout,
                                                           std::stop_token stop) = 0;
};

}  // namespace pixell::edge
