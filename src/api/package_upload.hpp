#pragma once

#include <functional>
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

/// Keeps the file of an upload under its digest and calls `record` with it, which makes its row,
/// once for an Idempotency-Key. The file goes away again when that is refused and nobody else needs
/// it.
Reply record_upload(const ApiContext& context, Call& call, Upload& upload,
                    const std::function<Reply(const apkg::StoredPackage&)>& record);

/// Opens the stored file as `par` will, so that what cannot run is refused now (400); the row to
/// record of it.
OrReply<model::Package> check_upload(const ApiContext& context, const Upload& upload,
                                     const apkg::StoredPackage& stored, const std::string& app_id);

/// What a refused upload is answered with, beside its findings.
inline constexpr std::string_view kUploadNotValid = "the package upload is not valid";

}  // namespace pixell::api
