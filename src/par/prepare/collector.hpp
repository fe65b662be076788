#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "par/prepare/limits.hpp"

namespace pixell::prepare {

/// How much a store of environments may keep.
struct StoreLimits {
  std::uint64_t max_bytes = kDefaultStoreBytes;
  Millis max_idle = kDefaultStoreIdle;
};

/// An environment that was removed.
struct Collected {
  std::string key;
  std::uint64_t bytes = 0;
  std::string reason;  ///< "unused" or "over the size limit"
};

/// Removes environments that nobody has used for max_idle, then those used longest ago until the
/// rest is within max_bytes; never one with a living lease. Also what dead installers and repairs
/// left. Environments that are being worked on are passed over.
void collect(const std::filesystem::path& store, const StoreLimits& limits,
             const std::function<void(const Collected&)>& on_removed);

}  // namespace pixell::prepare
