#pragma once

#include <map>
#include <optional>
#include <string>

#include "api/api.hpp"
#include "apkg/package_store.hpp"
#include "model/agent_app.hpp"
#include "model/boot_report.hpp"

namespace pixell::api {

/// What an upload consists of; the file goes to the package store as it comes in.
struct Upload {
  std::optional<apkg::PackageImport> file{};
  std::map<std::string, std::string> values{};
  std::optional<model::Failure> failure{};  ///< why the store refused a piece of the file

  /// The value of a part; empty when there is none.
  std::string value(const std::string& name) const;
};

/// Reads a multipart/form-data body that has the part `file`.
OrReply<Upload> receive_upload(const ApiContext& context, Call& call);

/// Keeps the file under its digest.
OrReply<apkg::StoredPackage> store_upload(const ApiContext& context, Upload& upload);

/// What an Idempotency-Key stands for: the file and the other parts.
std::string digest_of(const Upload& upload, const apkg::StoredPackage& stored);

/// Opens the stored file as `par` will, so that what cannot run is refused now (400, and the file
/// goes away again); the row to record of it.
OrReply<model::Package> check_upload(const ApiContext& context, const Upload& upload,
                                     const apkg::StoredPackage& stored, const std::string& app_id);

/// Parts that are JSON texts.
inline constexpr std::string_view kUploadNotValid = "the package upload is not valid";

}  // namespace pixell::api
