#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "api/conditions.hpp"
#include "api/handlers.hpp"
#include "api/lookups.hpp"
#include "api/request_fields.hpp"
#include "api/resource_bodies.hpp"

namespace pixell::api {

namespace {

/// An app's wanted traffic and the route in force, with the tag of both.
struct TrafficView {
  nlohmann::json body;
  std::string tag;
};
OrReply<TrafficView> traffic_view(const ApiContext& context, const model::AgentApp& app) {
  const auto route = context.store.route(app.id);
  if (!route) return std::unexpected(problem(context, route.error()));
  const nlohmann::json shown = route_body(*route);
  return TrafficView{.body = {{"generation", app.generation},
                              {"traffic", model::to_json(app.traffic)},
                              {"route", shown}},
                     .tag = etag(app.generation, shown.dump())};
}

void check_revisions(const ApiContext& context, const model::AgentApp& app,
                     const model::Traffic& traffic, Findings& findings) {
  for (std::size_t i = 0; i < traffic.legs.size(); ++i) {
    const auto known = context.store.revision(app.id, traffic.legs[i].revision);
    if (!known && known.error().code == ErrorCode::NotFound)
      findings.push_back({fmt::format("/legs/{}/revision", i),
                          known.error().message + ": choose one that it has"});
  }
}

}  // namespace

Reply get_traffic(const ApiContext& context, Call& call) {
  const auto app = find_app(context, call.params[0]);
  if (!app) return app.error();
  const auto view = traffic_view(context, *app);
  if (!view) return view.error();
  return tagged_reply(call, view->body, view->tag);
}

Reply set_traffic(const ApiContext& context, Call& call) {
  const auto app = find_app(context, call.params[0]);
  if (!app) return app.error();
  const auto body = read_object(call.text, R"({"legs":[{"revision":1,"weight_permille":1000}]})");
  if (!body) return body.error();
  Findings findings;
  Fields fields(*body, findings);
  const model::Traffic traffic = read_traffic(fields);
  if (findings.empty()) check_revisions(context, *app, traffic, findings);
  if (!findings.empty()) return invalid_request(findings);
  const auto changed =
      context.store.update_app(app->id, &traffic, nullptr, if_match(call, app->generation));
  if (!changed) return refused_write(context, call, changed.error());
  const auto view = traffic_view(context, *changed);
  if (!view) return view.error();
  Reply reply = json_reply(200, view->body);
  reply.headers.add("etag", view->tag);
  return reply;
}

}  // namespace pixell::api
