#include <fmt/format.h>

#include "store/columns.hpp"
#include "store/sqlite/sqlite_store_impl.hpp"

// How apps are reached: their limits, other names, mirror and legacy target.

namespace pixell::store {

namespace {

Error taken(std::string_view kind, std::string_view name, std::string_view is,
            std::string_view app_id) {
  return make_error(ErrorCode::AlreadyExists,
                    fmt::format("{} '{}' is {} of app '{}' already: take it away there, or choose "
                                "another",
                                kind, name, is, app_id));
}

}  // namespace

Result<std::optional<SqliteStore::NameOwner>> SqliteStore::owner_of(std::string_view name) {
  Query query = writer_->query(
      "SELECT id, CASE WHEN id = ?1 THEN 'the id' ELSE 'the short id' END FROM agent_apps"
      " WHERE id = ?1 OR short_id = ?1"
      " UNION ALL SELECT app_id, 'an alias' FROM reserved_names WHERE kind = 'alias' AND name = "
      "?1");
  query.bind(name);
  TRY(const bool has_row, query.next());
  if (!has_row) return std::optional<NameOwner>();
  return std::optional(NameOwner{.app_id = query.text(0), .name_is = query.text(1)});
}

Result<std::optional<SqliteStore::NameOwner>> SqliteStore::owner_of_host(std::string_view host) {
  Query query =
      writer_->query("SELECT app_id FROM reserved_names WHERE kind = 'host' AND name = ?1");
  query.bind(host);
  TRY(const bool has_row, query.next());
  if (!has_row) return std::optional<NameOwner>();
  return std::optional(NameOwner{.app_id = query.text(0), .name_is = "a host"});
}

// Gives the app the names of its routing, and frees those it had before.
Result<void> SqliteStore::reserve_names(const model::AgentApp& app) {
  TRY_VOID(writer_->query("DELETE FROM reserved_names WHERE app_id = ?").bind(app.id).run());
  const auto reserve = [&](std::string_view kind, const std::string& name,
                           const std::optional<NameOwner>& owner) -> Result<void> {
    if (owner) return taken(kind, name, owner->name_is, owner->app_id);
    TRY_VOID(writer_->query("INSERT INTO reserved_names(kind, name, app_id) VALUES (?, ?, ?)")
                 .bind(kind)
                 .bind(name)
                 .bind(app.id)
                 .run());
    return {};
  };
  for (const std::string& alias : app.routing.aliases) {
    TRY(const auto owner, owner_of(alias));
    TRY_VOID(reserve("alias", alias, owner));
  }
  for (const std::string& host : app.routing.hosts) {
    TRY(const auto owner, owner_of_host(host));
    TRY_VOID(reserve("host", host, owner));
  }
  return {};
}

Result<model::AgentApp> SqliteStore::set_routing(std::string_view app_id,
                                                 const model::Routing& routing,
                                                 IfGeneration if_generation) {
  return write([&]() -> Result<model::AgentApp> {
    auto found = app_to_change(app_id, if_generation);
    const bool is_new = !found && found.error().code == ErrorCode::NotFound &&
                        if_generation.value_or(0) == 0 && !routing.legacy.address.empty();
    if (is_new) found = ensure_app(app_id, "default");
    if (!found) return found;
    model::AgentApp& app = *found;
    if (app.is_deleting)
      return make_error(ErrorCode::FailedPrecondition,
                        fmt::format("app '{}' is being deleted", app.id));
    const std::int64_t mirror = routing.mirror.revision;
    if (mirror != 0 && !model::refers_to(app.traffic, mirror))
      return make_error(ErrorCode::FailedPrecondition,
                        fmt::format("revision {} has no leg in the traffic of app '{}': give it a "
                                    "share or a tag first",
                                    mirror, app.id));
    app.routing = routing;
    TRY_VOID(reserve_names(app));
    TRY_VOID(write_app(app, 0));
    return read_app(*writer_, app.id);
  });
}

}  // namespace pixell::store
