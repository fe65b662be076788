#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "store/columns.hpp"
#include "store/sqlite/sqlite_store_impl.hpp"

// Rollouts: what ends them, and what their operator asks of them.

namespace pixell::store {

Result<model::Deployment> SqliteStore::complete_deployment(const model::Deployment& changed,
                                                           const model::Traffic& traffic,
                                                           FencingToken token) {
  return write(Durability::ProcessCrash, [&]() -> Result<model::Deployment> {
    TRY_VOID(write_deployment(changed, token));
    TRY(model::AgentApp app, read_app(*writer_, changed.app_id));
    TRY_VOID(retire_revisions(app, traffic));
    // The same moment tells that it was this deployment that retired it: it never took over.
    const UnixMillis ended = changed.completed_at > 0 ? changed.completed_at : clock_.unix_now();
    if (model::weight_of(traffic, changed.revision) == 0)
      TRY_VOID(writer_
                   ->query("UPDATE revisions SET retired_at = ? WHERE app_id = ? AND number = ?"
                           " AND retired_at = 0")
                   .bind(ended)
                   .bind(changed.app_id)
                   .bind(changed.revision)
                   .run());
    app.traffic = traffic;
    TRY_VOID(write_app(app, token));
    return read_deployment(*writer_, changed.id);
  });
}

Result<model::Deployment> SqliteStore::command_rollout(std::string_view id,
                                                       model::RolloutCommand command,
                                                       IfGeneration if_generation) {
  return write([&]() -> Result<model::Deployment> {
    TRY(model::Deployment deployment, read_deployment(*writer_, id));
    if (if_generation && *if_generation != deployment.generation)
      return make_error(ErrorCode::Aborted,
                        fmt::format("deployment '{}' has generation {} by now: read it again",
                                    deployment.id, deployment.generation));
    if (model::is_final(deployment.state))
      return make_error(ErrorCode::FailedPrecondition,
                        fmt::format("deployment '{}' is {}: there is nothing to {}", deployment.id,
                                    to_string(deployment.state), to_string(command)));
    const model::RolloutProgress changed =
        model::after(deployment.rollout, command, clock_.unix_now());
    if (changed == deployment.rollout) return deployment;
    TRY_VOID(writer_
                 ->query("UPDATE deployments SET rollout_json = ?, changed_at = ?,"
                         " generation = generation + 1 WHERE id = ?")
                 .bind(progress_to_text(changed))
                 .bind(clock_.unix_now())
                 .bind(deployment.id)
                 .run());
    TRY_VOID(append_event(
        deployment.app_id, "rollout_commanded",
        nlohmann::json({{"deployment", deployment.id}, {"command", to_string(command)}}).dump()));
    return read_deployment(*writer_, id);
  });
}

// A revision that loses its last share is retired; one that gets a share is not any more.
Result<void> SqliteStore::retire_revisions(const model::AgentApp& before,
                                           const model::Traffic& after) {
  for (const model::TrafficLeg& leg : before.traffic.legs)
    if (model::weight_of(before.traffic, leg.revision) > 0 &&
        model::weight_of(after, leg.revision) == 0)
      TRY_VOID(writer_->query("UPDATE revisions SET retired_at = ? WHERE app_id = ? AND number = ?")
                   .bind(clock_.unix_now())
                   .bind(before.id)
                   .bind(leg.revision)
                   .run());
  for (const model::TrafficLeg& leg : after.legs)
    if (leg.weight_permille > 0)
      TRY_VOID(writer_->query("UPDATE revisions SET retired_at = 0 WHERE app_id = ? AND number = ?")
                   .bind(before.id)
                   .bind(leg.revision)
                   .run());
  return {};
}

Result<bool> SqliteStore::has_open_deployment(std::string_view app_id) {
  TRY(const std::int64_t open,
      first_number(writer_
                       ->query("SELECT COUNT(*) FROM deployments WHERE app_id = ?1"
                               " AND state IN ('queued', 'processing')")
                       .bind(app_id)));
  return open > 0;
}

}  // namespace pixell::store
