#pragma once

#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace pixell::net {
struct FetchRequest;
struct FetchReply;
}  // namespace pixell::net

namespace pixell::aws {

/// One HTTP exchange; net::fetch, or what a test answers.
using Transport = std::function<Result<net::FetchReply>(const net::FetchRequest&)>;

/// Environment variables.
using Environment = std::map<std::string, std::string>;

/// What calls need from outside.
struct Outside {
  const Clock& clock;
  Transport fetch;
  /// Waits; returns at once when stopped.
  std::function<void(Millis, const std::stop_token&)> sleep;
  /// A number of [0, 1), each time another.
  std::function<double()> random;
};

/// The real clock, net::fetch, a real wait, random numbers of the system.
Outside real_outside();

/// The value of a variable; empty when it is not set.
std::string value_of(const Environment& env, std::string_view name);

}  // namespace pixell::aws
