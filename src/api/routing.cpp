#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "api/conditions.hpp"
#include "api/handlers.hpp"
#include "api/lookups.hpp"
#include "api/request_fields.hpp"
#include "net/url.hpp"

namespace pixell::api {

namespace {

nlohmann::json routing_body(const model::AgentApp& app) {
  return {
      {"app", app.id}, {"generation", app.generation}, {"routing", model::to_json(app.routing)}};
}

Reply routing_reply(int status, const model::AgentApp& app) {
  Reply reply = json_reply(status, routing_body(app));
  reply.headers.add("etag", etag(app.generation));
  return reply;
}

// A host that leads to an app takes it away from the API.
void check_hosts(const ApiContext& context, const model::Routing& routing, Findings& findings) {
  for (std::size_t i = 0; i < routing.hosts.size(); ++i) {
    const std::string& host = routing.hosts[i];
    if (net::is_loopback_host(host) ||
        std::find(context.allowed_hosts.begin(), context.allowed_hosts.end(), host) !=
            context.allowed_hosts.end())
      findings.push_back({fmt::format("/hosts/{}", i),
                          fmt::format("host '{}' is one of this API: choose another", host)});
  }
}

void check_mirror(const model::AgentApp& app, const model::Routing& routing, Findings& findings) {
  const std::int64_t revision = routing.mirror.revision;
  if (revision != 0 && !model::refers_to(app.traffic, revision))
    findings.push_back({"/mirror/revision",
                        fmt::format("revision {0} has no leg in the traffic of app '{1}': give it "
                                    "one first, a tag is enough (`pac traffic {1} --tag "
                                    "mirror={0}`)",
                                    revision, app.id)});
}

// So that a service that is to move here is reached through Pixell before its first deployment.
Reply create_with(const ApiContext& context, const Call& call, const model::Routing& routing) {
  const std::string& id = call.params[0];
  if (const auto checked = model::check_app_id(id); !checked)
    return invalid_request({{"app", checked.error().message}});
  const auto created = context.store.set_routing(id, routing, 0);
  if (!created) return refused_write(context, call, created.error());
  Reply reply = routing_reply(201, *created);
  reply.headers.add("location", "/v1/apps/" + created->id);
  return reply;
}

}  // namespace

Reply get_routing(const ApiContext& context, Call& call) {
  const auto app = find_app(context, call.params[0]);
  if (!app) return app.error();
  return tagged_reply(call, routing_body(*app), etag(app->generation));
}

Reply set_routing(const ApiContext& context, Call& call) {
  const auto app = context.store.app(call.params[0]);
  if (!app && app.error().code != ErrorCode::NotFound) return problem(context, app.error());
  const auto body = read_object(call.text, R"({"limits":{"requests_per_second":20}})");
  if (!body) return body.error();
  Findings findings;
  Fields fields(*body, findings);
  const model::Routing routing = read_routing(fields);
  if (findings.empty()) {
    check_hosts(context, routing, findings);
    check_mirror(app.value_or(model::AgentApp{.id = call.params[0]}), routing, findings);
  }
  const bool has_legacy = !routing.legacy.address.empty();
  const bool is_creating = !app && has_legacy && !call.head.headers.has("if-match");
  if (!app && !is_creating)
    return problem(404, has_legacy
                            ? app.error().message
                            : app.error().message + "; one with a legacy target would be created");
  if (!findings.empty()) return invalid_request(findings);
  if (is_creating) return create_with(context, call, routing);
  if (only_creates(call))
    return problem(412, fmt::format("app '{}' is there already: read its routing first", app->id));
  const auto changed = context.store.set_routing(app->id, routing, if_match(call, app->generation));
  if (!changed) return refused_write(context, call, changed.error());
  return routing_reply(200, *changed);
}

}  // namespace pixell::api
