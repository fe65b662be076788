#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "store/columns.hpp"
#include "store/sqlite/sqlite_store_impl.hpp"

#define ROUTE_COLUMNS                                                                       \
  "app_id, short_id, name, description, version, legs_json, route_generation, changed_at, " \
  "sticky_json, routing_json"

namespace pixell::store {

namespace {

Result<StoredRoute> route_of(const Query& row) {
  TRY(auto legs, legs_from_text(row.text(5)));
  TRY(auto sticky, sticky_from_text(row.text(8)));
  TRY(auto routing, routing_from_text(row.text(9)));
  return StoredRoute{.route = {.app_id = row.text(0),
                               .short_id = row.text(1),
                               .name = row.text(2),
                               .description = row.text(3),
                               .version = row.text(4),
                               .legs = std::move(legs),
                               .sticky = std::move(sticky),
                               .routing = std::move(routing)},
                     .generation = row.number(6),
                     .changed_at = row.number(7)};
}

Result<StoredRoute> read_route(Database& database, std::string_view app_id) {
  Query query = database.query("SELECT " ROUTE_COLUMNS " FROM routes WHERE app_id = ?");
  query.bind(app_id);
  TRY(const bool has_row, query.next());
  if (has_row) return route_of(query);
  StoredRoute none;
  none.route.app_id = app_id;
  return none;
}

Result<std::int64_t> route_generation(Database& database) {
  Query query = database.query("SELECT value FROM counters WHERE name = 'route_generation'");
  TRY_VOID(query.next());
  return query.number(0);
}

bool says_the_same(const model::Route& a, const model::Route& b) {
  return a.short_id == b.short_id && a.name == b.name && a.description == b.description &&
         a.version == b.version && a.sticky == b.sticky && a.routing == b.routing &&
         legs_to_text(a.legs) == legs_to_text(b.legs);
}

}  // namespace

Result<StoredRoute> SqliteStore::route(std::string_view app_id) {
  std::lock_guard lock(read_mutex_);
  return read_route(*reader_, app_id);
}

Result<std::int64_t> SqliteStore::set_route(const model::Route& route, FencingToken token) {
  // Edges remember the number of a table in a file of theirs: none may be given twice.
  return write(Durability::PowerCut, [&]() -> Result<std::int64_t> {
    TRY(const StoredRoute known, read_route(*writer_, route.app_id));
    TRY(const std::int64_t before, route_generation(*writer_));
    if (known.generation != 0 && says_the_same(known.route, route)) return before;
    const std::int64_t generation = before + 1;
    TRY(const std::int64_t rows,
        writer_
            ->query("INSERT INTO routes(" ROUTE_COLUMNS
                    ", fence) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
                    " ON CONFLICT(app_id) DO UPDATE SET short_id = ?2, name = ?3,"
                    " description = ?4, version = ?5, legs_json = ?6, route_generation = ?7,"
                    " changed_at = ?8, sticky_json = ?9, routing_json = ?10,"
                    " generation = generation + 1, fence = ?11 WHERE fence <= ?11")
            .bind(route.app_id)
            .bind(route.short_id)
            .bind(route.name)
            .bind(route.description)
            .bind(route.version)
            .bind(legs_to_text(route.legs))
            .bind(generation)
            .bind(clock_.unix_now())
            .bind(sticky_to_text(route.sticky))
            .bind(routing_to_text(route.routing))
            .bind(token)
            .run());
    if (rows == 0)
      return make_error(ErrorCode::Aborted,
                        fmt::format("the route of '{}' belongs to a newer writer", route.app_id));
    TRY_VOID(writer_->query("UPDATE counters SET value = ? WHERE name = 'route_generation'")
                 .bind(generation)
                 .run());
    nlohmann::json legs = nlohmann::json::array();
    for (const model::RouteLeg& leg : route.legs)
      legs.push_back({{"revision", leg.revision},
                      {"weight_permille", leg.weight_permille},
                      {"tag", leg.tag},
                      {"targets", leg.addresses.size()}});
    TRY_VOID(append_event(route.app_id, "route_changed",
                          nlohmann::json({{"generation", generation}, {"legs", legs}}).dump()));
    return generation;
  });
}

Result<model::RouteSnapshot> SqliteStore::routes() {
  std::lock_guard lock(read_mutex_);
  // One read transaction, so that generation and routes belong together.
  TRY_VOID(reader_->query("BEGIN").run());
  auto read = [&]() -> Result<model::RouteSnapshot> {
    model::RouteSnapshot snapshot;
    TRY(snapshot.generation, route_generation(*reader_));
    Query query = reader_->query("SELECT " ROUTE_COLUMNS
                                 " FROM routes WHERE legs_json <> '[]' OR routing_json <> ''"
                                 " ORDER BY app_id");
    while (true) {
      TRY(const bool has_row, query.next());
      if (!has_row) return snapshot;
      TRY(StoredRoute stored, route_of(query));
      snapshot.routes.push_back(std::move(stored.route));
    }
  };
  auto snapshot = read();
  TRY_VOID(reader_->query("COMMIT").run());
  return snapshot;
}

}  // namespace pixell::store
