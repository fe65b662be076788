#pragma once

#include <string>

#include "cmd/pac/commands/session.hpp"

namespace pixell::cmd {

struct PackageUpload {
  std::string file;
  std::string app;
  bool replaces = false;  ///< also when the app has another package of that version
};

/// True for an address (https://…, s3://…), false for a path.
bool is_address(std::string_view package);

/// Uploads a package file; the API's Package. Failed when it is no file, or too large.
Outcome<nlohmann::json> upload_package(const Session& session, const PackageUpload& upload);

/// `pac packages …`
Outcome<void> list_packages(const Session& session, const std::string& app);
Outcome<void> push_package(const Session& session, const PackageUpload& upload);
Outcome<void> show_package(const Session& session, const std::string& app,
                           const std::string& package);
Outcome<void> delete_package(const Session& session, const std::string& app,
                             const std::string& package);

}  // namespace pixell::cmd
