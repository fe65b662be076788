#include "cmd/pac/stored_package_importer.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "api/package_location.hpp"
#include "apkg/archive.hpp"
#include "apkg/limits.hpp"
#include "apkg/manifest_parser.hpp"
#include "apkg/package_source.hpp"
#include "base/files.hpp"

namespace pixell::cmd {

namespace fs = std::filesystem;

std::vector<std::string> private_package_hosts(
    const std::map<std::string, std::string>& environment) {
  std::vector<std::string> hosts;
  const auto list = environment.find("PACKAGE_URL_ALLOW_HOSTS");
  if (list == environment.end()) return hosts;
  std::string_view rest = list->second;
  while (!rest.empty()) {
    std::string_view host = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(host.size() + 1, rest.size()));
    while (host.starts_with(' ')) host.remove_prefix(1);
    while (host.ends_with(' ')) host.remove_suffix(1);
    if (!host.empty()) hosts.emplace_back(host);
  }
  return hosts;
}

void StoredPackageImporter::remove_leftovers() {
  std::error_code ignored;  // what cannot be removed costs space, not correctness
  fs::remove_all(scratch_, ignored);
}

apkg::Checked<apkg::StoredPackage> StoredPackageImporter::store_package(
    const model::Deployment& deployment, std::stop_token stop) {
  if (deployment.package_url.starts_with("file://"))
    return packages_.import_file(api::path_of_file_url(deployment.package_url),
                                 deployment.expected_sha256);
  if (const auto made = make_directories(scratch_); !made)
    return apkg::refuse(model::Cause::Internal, "no place to download to", made.error());
  const fs::path download = scratch_ / (deployment.id + ".apkg");
  const auto fetched = apkg::fetch_package({.url = deployment.package_url,
                                            .sha256 = deployment.expected_sha256,
                                            .allow_hosts = private_hosts_,
                                            .stop = stop},
                                           download, source_);
  if (!fetched) return std::unexpected(fetched.error());
  auto stored = packages_.import_file(download, fetched->sha256);
  std::error_code ignored;  // a download that stays behind costs space, not correctness
  fs::remove(download, ignored);
  return stored;
}

std::expected<model::Package, model::Failure> StoredPackageImporter::import(
    const model::Deployment& deployment, std::stop_token stop) {
  CHECKED_TRY(const apkg::StoredPackage stored, store_package(deployment, stop));
  if (auto listing = apkg::inspect_archive(stored.path); !listing)
    return std::unexpected(std::move(listing).error());
  CHECKED_TRY(const std::string yaml,
              apkg::read_archive_file(stored.path, "agent.yaml", apkg::kMaxManifestBytes));
  CHECKED_TRY(const model::Manifest manifest, apkg::parse_manifest(yaml));
  return model::Package{
      .sha256 = stored.sha256,
      .app_id = deployment.app_id,
      .name = manifest.name,
      .version = deployment.version.empty() ? manifest.version : deployment.version,
      .size_bytes = static_cast<std::int64_t>(stored.bytes),
      .manifest_json = model::to_json(manifest).dump(),
      .source = deployment.package_url};
}

}  // namespace pixell::cmd
