#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "apkg/package_source.hpp"
#include "apkg/package_store.hpp"
#include "reconcile/package_importer.hpp"

namespace pixell::cmd {

/// The hosts that $PACKAGE_URL_ALLOW_HOSTS, a comma list, lets have private addresses.
std::vector<std::string> private_package_hosts(
    const std::map<std::string, std::string>& environment);

/// Imports packages named by file://, https:// and s3:// URLs into a PackageStore. Safe from
/// several threads, each with another deployment.
class StoredPackageImporter final : public reconcile::PackageImporter {
 public:
  /// `scratch` is a directory for downloads, made when absent and used by nobody else;
  /// `private_hosts` may have private addresses.
  StoredPackageImporter(const apkg::PackageStore& packages, std::filesystem::path scratch,
                        std::vector<std::string> private_hosts, apkg::PackageSourceParts source)
      : packages_(packages),
        scratch_(std::move(scratch)),
        private_hosts_(std::move(private_hosts)),
        source_(std::move(source)) {}

  /// Removes what downloads of a process that was killed left. Before the first import.
  void remove_leftovers();

  std::expected<model::Package, model::Failure> import(const model::Deployment& deployment,
                                                       std::stop_token stop) override;
  std::filesystem::path path_of(std::string_view sha256) override {
    return packages_.path_of(sha256);
  }
  Result<std::string> url_of(const model::AgentApp& app, const model::Package& package) override {
    return publish_ ? publish_(app, package) : std::string();
  }
  Result<void> remove(std::string_view sha256) override {
    return remove_ ? remove_(sha256) : packages_.remove(sha256);
  }
  /// How remove() does it when others store packages too. Before the first import.
  void remove_by(std::function<Result<void>(std::string_view sha256)> remove) {
    remove_ = std::move(remove);
  }
  /// How url_of() puts a package where instances elsewhere fetch it. Before the first start.
  void publish_by(
      std::function<Result<std::string>(const model::AgentApp&, const model::Package&)> publish) {
    publish_ = std::move(publish);
  }

 private:
  apkg::Checked<apkg::StoredPackage> store_package(const model::Deployment& deployment,
                                                   std::stop_token stop);
  const apkg::PackageStore& packages_;
  const std::filesystem::path scratch_;
  const std::vector<std::string> private_hosts_;
  const apkg::PackageSourceParts source_;
  std::function<Result<void>(std::string_view)> remove_;
  std::function<Result<std::string>(const model::AgentApp&, const model::Package&)> publish_;
};

}  // namespace pixell::cmd
