#include <nlohmann/json.hpp>
#include <optional>

#include "api/conditions.hpp"
#include "api/deployment_body.hpp"
#include "api/handlers.hpp"
#include "api/limits.hpp"
#include "api/lookups.hpp"
#include "api/parameters.hpp"
#include "api/request_fields.hpp"
#include "api/resource_bodies.hpp"

namespace pixell::api {

Reply list_apps(const ApiContext& context, Call& call) {
  Parameters parameters(call);
  const std::size_t limit = parameters.limit();
  const store::AppFilter filter{
      .org = parameters.text("org"), .after_id = parameters.cursor(), .limit = limit + 1};
  if (auto wrong = parameters.wrong()) return std::move(*wrong);
  auto apps = context.store.apps(filter);
  if (!apps) return problem(context, apps.error());
  const std::string next = next_page(*apps, limit, [](const auto& app) { return app.id; });
  return page_reply("apps", list_body(*apps, app_body), next);
}

Reply get_app(const ApiContext& context, Call& call) {
  const auto app = find_app(context, call.params[0]);
  if (!app) return app.error();
  const auto revisions = context.store.revisions({.app_id = app->id, .limit = kShownRevisions});
  if (!revisions) return problem(context, revisions.error());
  const auto instances = context.store.instances({.app_id = app->id});
  if (!instances) return problem(context, instances.error());
  const auto route = context.store.route(app->id);
  if (!route) return problem(context, route.error());
  const auto rollout = open_rollout(context, app->id);
  if (!rollout) return rollout.error();

  nlohmann::json body = {
      {"app", app_body(*app)},
      {"route", route_body(*route)},
      {"revisions",
       list_body(*revisions, [&](const auto& each) { return revision_body(each, app->traffic); })},
      {"instances", list_body(*instances, instance_body)}};
  if (context.find_balancer) {
    const auto balancer = context.find_balancer(app->id);
    if (!balancer) return problem(context, balancer.error());
    if (*balancer) body["balancer"] = balancer_body(**balancer);
  }
  // What time alone changes must not change the tag.
  std::string tag = etag(app->generation, json_reply(200, body).body);
  if (*rollout) {
    tag = etag(app->generation, tag + etag((*rollout)->generation));
    body["rollout"] = deployment_body(**rollout, context.clock.unix_now());
  }
  return tagged_reply(call, body, tag);
}

Reply update_app(const ApiContext& context, Call& call) {
  const auto app = find_app(context, call.params[0]);
  if (!app) return app.error();
  const auto body = read_object(call.text, R"({"instances":2})");
  if (!body) return body.error();
  Findings findings;
  Fields fields(*body, findings);
  const model::AppSettings settings = read_settings(fields, app->settings);
  if (!findings.empty()) return invalid_request(findings);
  if (fields.has("scaling") && !context.cannot_scale.empty())
    return problem(422, context.cannot_scale, {{fields.pointer("scaling"), context.cannot_scale}});
  const auto changed =
      context.store.update_app(app->id, nullptr, &settings, if_match(call, app->generation));
  if (!changed) return refused_write(context, call, changed.error());
  Reply reply = json_reply(200, {{"app", app_body(*changed)}});
  reply.headers.add("etag", etag(changed->generation));
  return reply;
}

Reply delete_app(const ApiContext& context, Call& call) {
  const auto app = find_app(context, call.params[0]);
  if (!app) return app.error();
  const auto deleted = context.store.delete_app(app->id, if_match(call, app->generation));
  if (!deleted) return refused_write(context, call, deleted.error());
  return json_reply(202, {{"app", app_body(*deleted)}});
}

}  // namespace pixell::api
