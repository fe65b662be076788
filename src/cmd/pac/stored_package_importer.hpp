#pragma once

#include <filesystem>

#include "apkg/package_store.hpp"
#include "reconcile/package_importer.hpp"

namespace pixell::cmd {

/// Imports packages named by file:// and https:// URLs into a PackageStore.
class StoredPackageImporter final : public reconcile::PackageImporter {
 public:
  /// `scratch` is a directory for downloads, made when absent.
  StoredPackageImporter(const apkg::PackageStore& packages, std::filesystem::path scratch)
      : packages_(packages), scratch_(std::move(scratch)) {}

  std::expected<model::Package, model::Failure> import(const model::Deployment& deployment,
                                                       std::stop_token stop) override;
  std::filesystem::path path_of(std::string_view sha256) override {
    return packages_.path_of(sha256);
  }

 private:
  apkg::Checked<apkg::StoredPackage> store_package(const model::Deployment& deployment,
                                                   std::stop_token stop);
  const apkg::PackageStore& packages_;
  std::filesystem::path scratch_;
};

}  // namespace pixell::cmd
