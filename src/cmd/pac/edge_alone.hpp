#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "cmd/pac/control_link.hpp"
#include "cmd/pac/edge.hpp"

// How an edge begins that no `pac serve` supervises.

namespace pixell::cmd {

/// What it holds while it runs.
struct AloneClaim {
  UniqueFd lock;          ///< of the state directory
  RemoteControl control;  ///< whom it asks for its routes
  std::string addresses;  ///< where it listens, for the log
};

/// Locks the state directory of an edge with `options.alone`, opens its listeners, which become
/// those of `options`, and reads the certificates. Bad ones are refused unless the edge has routes
/// from earlier: then it had better serve them, while its log says what is wrong. Errors name the
/// option and the remedy.
Result<AloneClaim> claim_alone(EdgeOptions& options, const Log& log);

/// The id of an edge alone: `chosen`, or else the letters and digits of `host` and a part that the
/// edge of this directory keeps, so that no two are the same.
std::string alone_id(std::string_view chosen, std::string_view host, std::string_view kept);

}  // namespace pixell::cmd
