#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "apkg/checked.hpp"
#include "base/clock.hpp"
#include "par/prepare/limits.hpp"

namespace pixell::prepare {

/// What par asks for: one JSON object on stdin.
struct Spec {
  std::string package_path;  ///< an .apkg or a directory; empty = package_url
  std::string package_url;
  std::string package_sha256;
  std::string package_credentials;  ///< "container" = not those of the agent
  std::int64_t max_package_size_mb = 100;
  std::vector<std::string> allow_hosts;
  std::filesystem::path work_dir;
  std::filesystem::path env_store;
  std::filesystem::path shipped_store;  ///< of environments that came with the programs; or empty
  std::string python;
  std::int64_t worker_uid = -1;
  std::filesystem::path base_lock;
  std::filesystem::path wheelhouse;
  bool is_offline = false;
  std::string index_url;
  std::int64_t install_timeout_s = 300;
  std::int64_t env_store_max_mb = static_cast<std::int64_t>(kDefaultStoreBytes >> 20);
  std::int64_t env_store_max_idle_days = kDefaultStoreIdle.count() / kMillisOfDay;
};

/// InvalidArgument names the member that is wrong.
Result<Spec> spec_from_json(const nlohmann::json& json);

/// Where the answer goes, line by line.
using Report = std::function<void(const nlohmann::json& line)>;

/// Does the whole preparation and reports phases, log lines and the result. When something was
/// installed the store is collected after that (see collector.hpp): the agent starts meanwhile, and
/// what is removed follows as log lines. `env` is this process's environment.
void prepare(const Spec& spec, const std::map<std::string, std::string>& env, const Report& report);

/// Installs the base environment only; the result line has its lock.
void warm(const Spec& spec, const std::map<std::string, std::string>& env, const Report& report);

/// Compares everything in the store of environments with its digests, sets aside what is damaged,
/// and collects (see collector.hpp); the result line has the keys of both.
void check(const Spec& spec, const Report& report);

}  // namespace pixell::prepare
