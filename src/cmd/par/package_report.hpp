#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cmd/par/package_check.hpp"
#include "cmd/par/package_routes.hpp"

namespace pixell::cmd {

/// What `par validate` prints: one paragraph for each finding, errors first, and a line that sums
/// up. Control characters of the package are escaped. Pure, as all of this header.
std::string validation_text(const CheckedPackage& package);
nlohmann::json validation_json(const CheckedPackage& package);

/// What `par inspect` prints. Environment variables by name, never by value.
std::string inspection_text(const CheckedPackage& package);
nlohmann::json inspection_json(const CheckedPackage& package);

/// What `par routes` prints.
std::string routes_text(const std::vector<RouteLine>& routes);
nlohmann::json routes_json(const std::vector<RouteLine>& routes);

/// A text for a terminal: control characters but line ends are shown as \xNN.
std::string printable(std::string_view text);

}  // namespace pixell::cmd
