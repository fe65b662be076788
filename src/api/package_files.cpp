#include "api/package_files.hpp"

#include <algorithm>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace pixell::api {

namespace {

constexpr std::size_t kAppsAtOnce = 500;

Result<bool> is_needed(store::Store& store, std::string_view sha256) {
  TRY(const auto open, store.deployments({.only_open = true}));
  const bool is_importing = std::any_of(open.begin(), open.end(), [](const auto& deployment) {
    return !deployment.package_url.empty() && deployment.package_sha256.empty();
  });
  if (is_importing) return true;
  return any_app(store, [&](const model::AgentApp& app) -> Result<bool> {
    const auto package = store.package(app.id, sha256);
    if (!package && package.error().code != ErrorCode::NotFound) return package.error();
    return package.has_value();
  });
}

}  // namespace

Result<bool> any_app(store::Store& store,
                     const std::function<Result<bool>(const model::AgentApp&)>& each) {
  std::string after;
  while (true) {
    TRY(const auto apps, store.apps({.after_id = after, .limit = kAppsAtOnce}));
    if (apps.empty()) return false;
    for (const model::AgentApp& app : apps) {
      TRY(const bool is_found, each(app));
      if (is_found) return true;
    }
    after = apps.back().id;
  }
}

Result<void> remove_package_file(const PackageFiles& all, std::string_view sha256) {
  const std::unique_lock alone(all.files);
  TRY(const bool needed, is_needed(all.store, sha256));
  if (needed) return {};
  return all.packages.remove(sha256);
}

Result<std::size_t> sweep_package_files(const PackageFiles& all) {
  const std::unique_lock alone(all.files);
  // A database without any app is one that was put aside: its packages wait for its return.
  TRY(const auto first, all.store.apps({.limit = 1}));
  if (first.empty()) return 0;
  std::set<std::string> needed;
  TRY_VOID(any_app(all.store, [&](const model::AgentApp& app) -> Result<bool> {
    TRY(const auto packages, all.store.packages({.app_id = app.id}));
    for (const model::Package& package : packages) needed.insert(package.sha256);
    // More than one listing holds: what is not known is not touched.
    if (packages.size() < store::kMaxListedRows) return false;
    return make_error(ErrorCode::ResourceExhausted,
                      "app '" + app.id + "' has too many packages to list them");
  }));
  TRY(const auto files, all.packages.list());
  std::size_t removed = 0;
  for (const std::string& sha256 : files) {
    if (needed.contains(sha256)) continue;
    TRY_VOID(all.packages.remove(sha256));
    ++removed;
  }
  return removed;
}

}  // namespace pixell::api
