#include <nlohmann/json.hpp>

#include "api/deploying.hpp"
#include "api/deployment_body.hpp"
#include "api/handlers.hpp"
#include "api/lookups.hpp"
#include "api/package_upload.hpp"
#include "api/request_fields.hpp"

namespace pixell::api {

namespace {

// The parts that are JSON texts, as members of one object.
nlohmann::json json_parts(const Upload& upload, Findings& findings) {
  nlohmann::json parts = nlohmann::json::object();
  for (const char* name : {"environment", "limits", "strategy"}) {
    const std::string text = upload.value(name);
    if (text.empty()) continue;
    auto part = read_object(text, "{}");
    if (part)
      parts[name] = std::move(*part);
    else
      findings.push_back({std::string("/") + name,
                          std::string("the part ") + name + " must be a JSON object as text"});
  }
  return parts;
}

}  // namespace

Reply deploy_package(const ApiContext& context, Call& call) {
  const auto app_id = id_for_upload(context, call.params[0]);
  if (!app_id) return app_id.error();
  auto upload = receive_upload(context, call);
  if (!upload) return std::move(upload).error();
  Findings findings;
  const nlohmann::json parts = json_parts(*upload, findings);
  Fields fields(parts, findings);
  store::NewDeployment wanted{.app_id = *app_id};
  wanted.environment = fields.environment("environment");
  wanted.limits = fields.limits("limits");
  wanted.strategy = read_strategy(fields);
  wanted.time_allowed = read_time_allowed(fields, "deadline_seconds", wanted.strategy);
  wanted.refuse_existing_version = upload->value("force_overwrite") != "true";
  wanted.release_notes = upload->value("release_notes");
  if (!findings.empty()) return invalid_request(findings, kUploadNotValid);

  return record_upload(context, call, *upload, [&](const apkg::StoredPackage& stored) -> Reply {
    auto package = check_upload(context, *upload, stored, *app_id);
    if (!package) return std::move(package).error();
    wanted.version = package->version;
    wanted.package = std::move(*package);
    const auto accepted = accept(context, call, std::move(wanted));
    if (!accepted) return accepted.error();
    return accepted_reply(call, *accepted);
  });
}

}  // namespace pixell::api
