#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "api/conditions.hpp"
#include "api/deploying.hpp"
#include "api/deployment_body.hpp"
#include "api/handlers.hpp"
#include "api/limits.hpp"
#include "api/lookups.hpp"
#include "api/request_fields.hpp"

namespace pixell::api {

namespace {

std::optional<model::RolloutCommand> parse_command(std::string_view name) {
  using model::RolloutCommand;
  for (const auto command : {RolloutCommand::Pause, RolloutCommand::Resume, RolloutCommand::Promote,
                             RolloutCommand::Abort})
    if (to_string(command) == name) return command;
  return std::nullopt;
}

// A revision that its own deployment retired never took over: there is nothing to go back to.
bool ever_took_over(const model::Revision& revision,
                    const std::vector<model::Deployment>& deployments) {
  return std::none_of(deployments.begin(), deployments.end(), [&](const auto& deployment) {
    return deployment.kind == model::DeploymentKind::Deploy &&
           deployment.revision == revision.number && deployment.completed_at == revision.retired_at;
  });
}

// The revision that served last before the present ones; 0 when there is none.
Result<std::int64_t> former_revision(const ApiContext& context, const model::AgentApp& app) {
  TRY(const auto revisions,
      context.store.revisions({.app_id = app.id, .only_retired = true, .limit = kRollbackSearch}));
  TRY(const auto deployments,
      context.store.deployments({.app_id = app.id, .limit = kRollbackSearch}));
  const model::Revision* former = nullptr;
  for (const model::Revision& revision : revisions) {
    if (model::weight_of(app.traffic, revision.number) > 0) continue;
    if (!ever_took_over(revision, deployments)) continue;
    if (former == nullptr || revision.retired_at > former->retired_at) former = &revision;
  }
  return former == nullptr ? 0 : former->number;
}

Reply abort_rollout(const ApiContext& context, const Call& call,
                    const model::Deployment& deployment) {
  const auto aborted =
      context.store.command_rollout(deployment.id, model::RolloutCommand::Abort, std::nullopt);
  if (!aborted) return refused_write(context, call, aborted.error());
  return deployment_accepted(context, *aborted);
}

}  // namespace

Reply roll_back(const ApiContext& context, Call& call) {
  Findings findings;
  std::int64_t revision = 0;
  if (!call.text.empty()) {
    const auto body = read_object(call.text, R"({"revision":1})");
    if (!body) return body.error();
    Fields fields(*body, findings);
    revision = fields.number("revision", 0, 1, kMaxWireNumber);
    fields.refuse_unknown();
  }
  if (!findings.empty()) return invalid_request(findings);
  const auto app = find_app(context, call.params[0]);
  if (!app) return app.error();
  if (revision == 0) {
    const auto open = open_rollout(context, app->id);
    if (!open) return open.error();
    if (*open) return abort_rollout(context, call, **open);
    const auto former = former_revision(context, *app);
    if (!former) return problem(context, former.error());
    revision = *former;
  }
  if (revision == 0)
    return problem(409, fmt::format("app '{}' has no revision that served before: name a "
                                    "revision, or deploy",
                                    app->id));
  const auto accepted = accept(context, call,
                               {.app_id = app->id,
                                .kind = model::DeploymentKind::Rollback,
                                .revision = revision,
                                .time_allowed = kUsualDeploymentTime});
  if (!accepted) return accepted.error();
  return deployment_accepted(context, accepted->deployment);
}

Reply command_rollout(const ApiContext& context, Call& call) {
  const auto command = parse_command(call.params[1]);
  if (!command)
    return problem(404, fmt::format("there is no command '{}' for a rollout: use pause, resume, "
                                    "promote or abort",
                                    call.params[1].substr(0, 80)));
  const auto deployment = find_deployment(context, call.params[0]);
  if (!deployment) return deployment.error();
  const auto changed = context.store.command_rollout(deployment->id, *command,
                                                     if_match(call, deployment->generation));
  if (!changed) return refused_write(context, call, changed.error());
  Reply reply =
      json_reply(200, {{"deployment", deployment_body(*changed, context.clock.unix_now())}});
  reply.headers.add("etag", etag(changed->generation));
  return reply;
}

}  // namespace pixell::api
