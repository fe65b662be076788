#pragma once

#include <cstddef>
#include <functional>
#include <shared_mutex>
#include <string_view>

#include "apkg/package_store.hpp"
#include "base/result.hpp"
#include "store/store.hpp"

namespace pixell::api {

/// The files of packages and who may need them. Whoever keeps a file and records its row holds
/// `files` shared meanwhile, so that a file is never taken away in between.
struct PackageFiles {
  store::Store& store;
  const apkg::PackageStore& packages;
  std::shared_mutex& files;
};

/// Calls `each` with every app until it returns true or fails; whether it returned true.
Result<bool> any_app(store::Store& store,
                     const std::function<Result<bool>(const model::AgentApp&)>& each);

/// Removes the file of a package whose row is gone, unless another app has the same content, or a
/// deployment is importing one of which nobody knows the content yet: then a sweep finds it.
Result<void> remove_package_file(const PackageFiles& all, std::string_view sha256);

/// Removes every file that no app's package is. Only while nothing is deployed: before control
/// serves, and when there is an app at all. Returns how many there were.
Result<std::size_t> sweep_package_files(const PackageFiles& all);

}  // namespace pixell::api
