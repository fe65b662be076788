#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "par/prepare/environment_store.hpp"

namespace pixell::prepare {

/// Who runs what may be strangers' code for an agent: when we are root and the agent has a user of
/// its own (>= 0), a user that nothing else runs as, so that what the agent left running cannot get
/// at what others will share. Where the namespace has no such user, the agent's. Else nobody but
/// us.
std::optional<uid_t> installer_user(std::int64_t worker_uid);

/// What every program that installs needs of our environment: PATH, language, proxies and
/// certificates. Nothing else is passed on: a build backend is strangers' code, and our environment
/// holds what the agent was deployed with.
std::map<std::string, std::string> common_environment(
    const std::map<std::string, std::string>& env);

/// The environment of uv and pip. `scratch` is their home, their temporary directory and, unless
/// the operator's cache is shared with them, their cache. The index goes by environment: user and
/// password in an argument would be seen by everyone in the list of processes.
std::map<std::string, std::string> installer_environment(const EnvironmentRequest& request,
                                                         const std::filesystem::path& scratch,
                                                         bool shares_cache);

/// The operator's further index (PIP_EXTRA_INDEX_URL), or empty; may hold a password.
std::string extra_index(const EnvironmentRequest& request);

/// The proxies in an environment without their passwords: who answers for an index.
std::string proxies_of(const std::map<std::string, std::string>& env);

}  // namespace pixell::prepare
