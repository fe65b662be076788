#pragma once

#include <string>

namespace pixell::prepare {

/// A registry of npm.
struct NpmRegistry {
  std::string url;          ///< without user and password
  std::string credentials;  ///< the line of .npmrc that holds them; empty = none
};

/// Takes user and password out of a URL: everyone sees the arguments of npm in the list of
/// processes.
NpmRegistry npm_registry(const std::string& url);

}  // namespace pixell::prepare
