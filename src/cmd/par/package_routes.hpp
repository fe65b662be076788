#pragma once

#include <string>
#include <vector>

#include "model/manifest.hpp"

namespace pixell::cmd {

/// Where one request goes.
struct RouteLine {
  std::string method;
  std::string path;     ///< a '*' stands for anything
  std::string route;    ///< "health", "rest", "ui_file", …
  std::string goes_to;  ///< in words: "rest: src.api:mount", "file of ui/dist", …
};

/// Asks the match code of the runtime about the paths that matter for a package under `base`
/// ("/agents/x", or empty), or about `paths` ("/x" or "POST /x") when there are any. Pure.
std::vector<RouteLine> package_routes(const model::Manifest& manifest, const std::string& base,
                                      const std::vector<std::string>& paths);

}  // namespace pixell::cmd
