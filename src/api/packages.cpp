#include <nlohmann/json.hpp>

#include "api/conditions.hpp"
#include "api/handlers.hpp"
#include "api/limits.hpp"
#include "api/lookups.hpp"
#include "api/package_files.hpp"
#include "api/package_upload.hpp"
#include "api/parameters.hpp"
#include "api/resource_bodies.hpp"

namespace pixell::api {

namespace {

nlohmann::json cli_package_body(const model::Package& package) {
  return {{"id", package.id},         {"version", package.version},
          {"s3_url", package.source}, {"size", package.size_bytes},
          {"sha256", package.sha256}, {"created_at", iso8601(package.created_at)}};
}

using PackageBody = nlohmann::json (*)(const model::Package&);

// Keeps an uploaded package without deploying it.
Reply upload(const ApiContext& context, Call& call, PackageBody body) {
  const auto app_id = id_for_upload(context, call.params[0]);
  if (!app_id) return app_id.error();
  auto received = receive_upload(context, call);
  if (!received) return std::move(received).error();
  return record_upload(context, call, *received, [&](const apkg::StoredPackage& stored) -> Reply {
    const auto package = check_upload(context, *received, stored, *app_id);
    if (!package) return package.error();
    const auto added =
        context.store.add_package(*package, received->value("force_overwrite") != "true");
    if (!added) return refused_write(context, call, added.error());
    Reply reply = json_reply(201, {{"package", body(*added)}});
    reply.headers.add("location", "/v1/apps/" + *app_id + "/packages/" + added->id);
    return reply;
  });
}

// Takes away the row, then the file when nobody else needs it; none when that went well.
std::optional<Reply> remove(const ApiContext& context, const Call& call) {
  const auto app = find_app(context, call.params[0]);
  if (!app) return app.error();
  const auto package = context.store.package(app->id, call.params[1]);
  if (!package) return problem(context, package.error());
  const auto is_last = context.store.remove_package(app->id, package->id);
  if (!is_last) return refused_write(context, call, is_last.error());
  if (!*is_last) return std::nullopt;
  const PackageFiles files{context.store, context.packages, context.waits.package_files};
  // The package is gone for everybody; a file that stays goes with the next sweep.
  if (const auto removed = remove_package_file(files, package->sha256); !removed)
    context.log.warning("A package's file was not removed", {{"error", removed.error().message}});
  return std::nullopt;
}

}  // namespace

Reply list_packages(const ApiContext& context, Call& call) {
  Parameters parameters(call);
  const std::size_t limit = parameters.limit();
  store::PackageFilter filter{.before_id = parameters.cursor(), .limit = limit + 1};
  if (auto wrong = parameters.wrong()) return std::move(*wrong);
  const auto app = find_app(context, call.params[0]);
  if (!app) return app.error();
  filter.app_id = app->id;
  auto packages = context.store.packages(filter);
  if (!packages) return problem(context, packages.error());
  const std::string next = next_page(*packages, limit, [](const auto& each) { return each.id; });
  return page_reply("packages", list_body(*packages, package_body), next);
}

Reply upload_package(const ApiContext& context, Call& call) {
  return upload(context, call, package_body);
}

Reply get_package(const ApiContext& context, Call& call) {
  const auto app = find_app(context, call.params[0]);
  if (!app) return app.error();
  const auto package = context.store.package(app->id, call.params[1]);
  if (!package) return problem(context, package.error());
  auto manifest = nlohmann::json::parse(package->manifest_json, nullptr, false);
  if (!manifest.is_object()) manifest = nlohmann::json::object();
  return json_reply(200, {{"package", package_body(*package)}, {"manifest", std::move(manifest)}});
}

Reply delete_package(const ApiContext& context, Call& call) {
  if (auto refused = remove(context, call)) return std::move(*refused);
  return {.status = 204};
}

Reply list_packages_for_cli(const ApiContext& context, Call& call) {
  const auto app = find_app(context, call.params[0]);
  if (!app) return app.error();
  const auto packages = context.store.packages({.app_id = app->id, .limit = kListedForCli});
  if (!packages) return problem(context, packages.error());
  return json_reply(200, {{"packages", list_body(*packages, cli_package_body)}});
}

Reply upload_package_for_cli(const ApiContext& context, Call& call) {
  return upload(context, call, cli_package_body);
}

Reply delete_package_for_cli(const ApiContext& context, Call& call) {
  if (auto refused = remove(context, call)) return std::move(*refused);
  return json_reply(200, {{"message", "the package is deleted"}});
}

}  // namespace pixell::api
