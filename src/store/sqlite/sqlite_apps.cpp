#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/ids.hpp"
#include "store/columns.hpp"
#include "store/sqlite/sqlite_store_impl.hpp"

#define APP_COLUMNS                                                                        \
  "id, org, short_id, generation, traffic_json, instances, warm_revisions, warm_seconds, " \
  "is_deleting, created_at, routing_json, scaling_json"

namespace pixell::store {

namespace {

constexpr int kShortIdTries = 16;

Result<model::AgentApp> app_of(const Query& row) {
  TRY(auto traffic, traffic_from_text(row.text(4)));
  TRY(auto routing, routing_from_text(row.text(10)));
  TRY(auto scaling, scaling_from_text(row.text(11)));
  return model::AgentApp{.id = row.text(0),
                         .org = row.text(1),
                         .short_id = row.text(2),
                         .generation = row.number(3),
                         .traffic = std::move(traffic),
                         .settings = {.instances = int(row.number(5)),
                                      .warm_revisions = int(row.number(6)),
                                      .warm_seconds = row.number(7),
                                      .scaling = scaling},
                         .routing = std::move(routing),
                         .is_deleting = row.number(8) != 0,
                         .created_at = row.number(9)};
}

}  // namespace

Result<model::AgentApp> read_app(Database& database, std::string_view id) {
  // A full id wins over a short id of the same text.
  Query query = database.query("SELECT " APP_COLUMNS
                               " FROM agent_apps WHERE id = ?1 OR short_id = ?1"
                               " ORDER BY id = ?1 DESC LIMIT 1");
  query.bind(id);
  TRY(const bool has_row, query.next());
  if (!has_row)
    return make_error(ErrorCode::NotFound, fmt::format("there is no agent app '{}'", id));
  return app_of(query);
}

Result<model::AgentApp> SqliteStore::ensure_app(std::string_view app_id, std::string_view org) {
  auto found = read_app(*writer_, app_id);
  if (found && found->id == app_id && found->is_deleting)
    return make_error(ErrorCode::FailedPrecondition,
                      fmt::format("app '{}' is being deleted: try again when it is gone", app_id));
  if (found && found->id == app_id) return found;
  if (!found && found.error().code != ErrorCode::NotFound) return found;
  // No name leads to two apps: neither the new id nor the short id may be known already.
  TRY(const auto owner, owner_of(app_id));
  if (owner)
    return make_error(ErrorCode::AlreadyExists,
                      fmt::format("'{}' is {} of app '{}': choose another agentAppId", app_id,
                                  owner->name_is, owner->app_id));
  model::AgentApp app{.id = std::string(app_id),
                      .org = std::string(org),
                      .short_id = {},
                      .generation = 1,
                      .created_at = clock_.unix_now()};
  for (int i = 0; i < kShortIdTries && app.short_id.empty(); ++i) {
    std::string candidate = new_short_id();
    TRY(const auto taken, owner_of(candidate));
    if (!taken && candidate != app.id) app.short_id = std::move(candidate);
  }
  if (app.short_id.empty())
    return make_error(ErrorCode::Internal, "no free short id was found; try again");
  TRY_VOID(writer_
               ->query("INSERT INTO agent_apps(id, org, short_id, generation, created_at)"
                       " VALUES (?, ?, ?, ?, ?)")
               .bind(app.id)
               .bind(app.org)
               .bind(app.short_id)
               .bind(app.generation)
               .bind(app.created_at)
               .run());
  TRY_VOID(
      append_event(app.id, "app_created", fmt::format(R"({{"short_id":"{}"}})", app.short_id)));
  return app;
}

Result<std::vector<model::AgentApp>> SqliteStore::apps(const AppFilter& filter) {
  std::lock_guard lock(read_mutex_);
  Query query = reader_->query("SELECT " APP_COLUMNS
                               " FROM agent_apps WHERE id > ?1 AND (?2 = '' OR org = ?2)"
                               " ORDER BY id LIMIT ?3");
  query.bind(filter.after_id)
      .bind(filter.org)
      .bind(std::int64_t(std::min(filter.limit, kMaxListedRows)));
  std::vector<model::AgentApp> apps;
  while (true) {
    TRY(const bool has_row, query.next());
    if (!has_row) return apps;
    TRY(model::AgentApp app, app_of(query));
    apps.push_back(std::move(app));
  }
}

Result<model::AgentApp> SqliteStore::app(std::string_view id) {
  std::lock_guard lock(read_mutex_);
  return read_app(*reader_, id);
}

Result<model::AgentApp> SqliteStore::app_to_change(std::string_view app_id,
                                                   IfGeneration if_generation) {
  TRY(model::AgentApp app, read_app(*writer_, app_id));
  if (if_generation && *if_generation != app.generation)
    return make_error(
        ErrorCode::Aborted,
        fmt::format("app '{}' has generation {} by now: read it again", app.id, app.generation));
  return app;
}

Result<void> SqliteStore::write_app(const model::AgentApp& changed, FencingToken token) {
  TRY(const model::AgentApp before, read_app(*writer_, changed.id));
  model::Routing routing = changed.routing;
  if (!model::refers_to(changed.traffic, routing.mirror.revision)) routing.mirror = {};
  TRY(const std::int64_t rows,
      writer_
          ->query("UPDATE agent_apps SET traffic_json = ?2, instances = ?3, warm_revisions = ?4,"
                  " warm_seconds = ?5, is_deleting = ?6, routing_json = ?8, scaling_json = ?9,"
                  " generation = generation + 1, fence = MAX(fence, ?7)"
                  " WHERE id = ?1 AND (?7 = 0 OR fence <= ?7)")
          .bind(changed.id)
          .bind(traffic_to_text(changed.traffic))
          .bind(changed.settings.instances)
          .bind(changed.settings.warm_revisions)
          .bind(changed.settings.warm_seconds)
          .bind(changed.is_deleting)
          .bind(token)
          .bind(routing_to_text(routing))
          .bind(scaling_to_text(changed.settings.scaling))
          .run());
  if (rows == 0)
    return make_error(ErrorCode::Aborted,
                      fmt::format("app '{}' belongs to a newer writer", changed.id));
  nlohmann::json detail = {{"traffic", model::to_json(changed.traffic)},
                           {"instances", changed.settings.instances},
                           {"deleting", changed.is_deleting}};
  if (changed.settings.scaling) detail["scaling"] = model::to_json(*changed.settings.scaling);
  // Names fill pages: they are told only when they change.
  if (before.routing != routing) detail["routing"] = model::to_json(routing);
  return append_event(changed.id, "app_changed", detail.dump());
}

Result<model::AgentApp> SqliteStore::update_app(std::string_view app_id,
                                                const model::Traffic* traffic,
                                                const model::AppSettings* settings,
                                                IfGeneration if_generation) {
  return write([&]() -> Result<model::AgentApp> {
    TRY(model::AgentApp app, app_to_change(app_id, if_generation));
    if (app.is_deleting)
      return make_error(ErrorCode::FailedPrecondition,
                        fmt::format("app '{}' is being deleted", app.id));
    if (traffic != nullptr) {
      TRY(const bool is_rolling_out, has_open_deployment(app.id));
      if (is_rolling_out)
        return make_error(
            ErrorCode::FailedPrecondition,
            fmt::format("a rollout of app '{}' is open: wait for its end or abort it", app.id));
      for (const model::TrafficLeg& leg : traffic->legs) {
        TRY(const std::int64_t known,
            first_number(
                writer_->query("SELECT COUNT(*) FROM revisions WHERE app_id = ?1 AND number = ?2")
                    .bind(app.id)
                    .bind(leg.revision)));
        if (known == 0)
          return make_error(ErrorCode::NotFound,
                            fmt::format("app '{}' has no revision {}", app.id, leg.revision));
      }
      TRY_VOID(retire_revisions(app, *traffic));
      app.traffic = *traffic;
    }
    if (settings != nullptr) app.settings = *settings;
    TRY_VOID(write_app(app, 0));
    return read_app(*writer_, app.id);
  });
}

Result<model::AgentApp> SqliteStore::delete_app(std::string_view app_id,
                                                IfGeneration if_generation) {
  return write([&]() -> Result<model::AgentApp> {
    TRY(model::AgentApp app, app_to_change(app_id, if_generation));
    if (app.is_deleting) return app;
    app.is_deleting = true;
    TRY_VOID(write_app(app, 0));
    return read_app(*writer_, app.id);
  });
}

Result<std::vector<std::string>> SqliteStore::remove_app(std::string_view app_id,
                                                         FencingToken token) {
  // The files of packages are removed after it.
  return write(Durability::PowerCut, [&]() -> Result<std::vector<std::string>> {
    const auto app = read_app(*writer_, app_id);
    if (!app && app.error().code == ErrorCode::NotFound) return std::vector<std::string>();
    if (!app) return app.error();
    TRY(const std::int64_t instances,
        first_number(
            writer_->query("SELECT COUNT(*) FROM instances WHERE app_id = ?1").bind(app_id)));
    if (!app->is_deleting || instances > 0)
      return make_error(ErrorCode::FailedPrecondition,
                        fmt::format("app '{}' cannot be removed: it is not being deleted, or has "
                                    "instances",
                                    app_id));
    std::vector<std::string> alone;
    {
      Query query = writer_->query(
          "SELECT sha256 FROM packages WHERE app_id = ?1 AND NOT EXISTS"
          " (SELECT 1 FROM packages AS other WHERE other.sha256 = packages.sha256"
          "  AND other.app_id <> ?1)");
      query.bind(app_id);
      while (true) {
        TRY(const bool has_row, query.next());
        if (!has_row) break;
        alone.push_back(query.text(0));
      }
    }
    for (const std::string_view statement :
         {"DELETE FROM idempotency_keys WHERE deployment_id IN"
          " (SELECT id FROM deployments WHERE app_id = ?)",
          "DELETE FROM deployments WHERE app_id = ?", "DELETE FROM revisions WHERE app_id = ?",
          "DELETE FROM packages WHERE app_id = ?", "DELETE FROM routes WHERE app_id = ?",
          "DELETE FROM reserved_names WHERE app_id = ?",
          "DELETE FROM rule_places WHERE app_id = ?"})
      TRY_VOID(writer_->query(statement).bind(app_id).run());
    TRY(const std::int64_t rows,
        writer_->query("DELETE FROM agent_apps WHERE id = ? AND fence <= ?")
            .bind(app_id)
            .bind(token)
            .run());
    if (rows == 0)
      return make_error(ErrorCode::Aborted,
                        fmt::format("app '{}' belongs to a newer writer", app_id));
    TRY_VOID(append_event(app_id, "app_removed", "{}"));
    return alone;
  });
}

}  // namespace pixell::store
