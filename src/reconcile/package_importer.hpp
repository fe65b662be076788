#pragma once

#include <expected>
#include <filesystem>
#include <stop_token>
#include <string>
#include <string_view>

#include "model/agent_app.hpp"
#include "model/boot_report.hpp"

namespace pixell::reconcile {

/// Brings packages into the installation's own store.
class PackageImporter {
 public:
  virtual ~PackageImporter() = default;

  /// Fetches deployment.package_url (checking expected_sha256 when given), validates it and keeps
  /// it. The package's app_id, name, version, size and manifest are filled; id and created_at are
  /// not. Blocking, with its own deadline; ends early when stop is asked. A failure is final.
  virtual std::expected<model::Package, model::Failure> import(const model::Deployment& deployment,
                                                               std::stop_token stop) = 0;

  /// The file of a package that is in the store.
  virtual std::filesystem::path path_of(std::string_view sha256) = 0;

  /// Where an instance that does not see that file fetches the package, which is there when this
  /// returns; empty when every instance sees the file. Blocking.
  virtual Result<std::string> url_of(const model::AgentApp& app, const model::Package& package) = 0;

  /// Removes a package that nothing refers to any more; one that is not there is success.
  virtual Result<void> remove(std::string_view sha256) = 0;
};

}  // namespace pixell::reconcile
