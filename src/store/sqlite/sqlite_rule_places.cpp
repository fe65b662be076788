#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

#include "store/sqlite/sqlite_store_impl.hpp"

// Where apps have their rules in load balancers. The writer's lock makes one of them at a time.

namespace pixell::store {

namespace {

Result<std::optional<model::RulePlace>> read_place(Database& database, std::string_view app_id) {
  Query query =
      database.query("SELECT app_id, listener, priority FROM rule_places WHERE app_id = ?");
  query.bind(app_id);
  TRY(const bool has_row, query.next());
  if (!has_row) return std::optional<model::RulePlace>();
  return std::optional(model::RulePlace{
      .app_id = query.text(0), .listener = query.text(1), .priority = int(query.number(2))});
}

Result<std::set<int>> priorities_in(Database& database, std::string_view listener) {
  Query query = database.query("SELECT priority FROM rule_places WHERE listener = ?");
  query.bind(listener);
  std::set<int> priorities;
  while (true) {
    TRY(const bool has_row, query.next());
    if (!has_row) return priorities;
    priorities.insert(int(query.number(0)));
  }
}

// The lowest odd priority that is free with the next one; 0 when there is none.
int free_priority(const std::set<int>& given, const std::set<int>& taken) {
  for (int priority = 1; priority < model::kMaxRulePriority; priority += 2)
    if (!given.contains(priority) && !taken.contains(priority) && !taken.contains(priority + 1))
      return priority;
  return 0;
}

}  // namespace

Result<model::RulePlace> SqliteStore::place_rules(
    std::string_view app_id, const std::vector<model::RuleListener>& listeners) {
  // Rules are made by it.
  return write(Durability::PowerCut, [&]() -> Result<model::RulePlace> {
    TRY(const model::AgentApp app, read_app(*writer_, app_id));
    TRY(const auto known, read_place(*writer_, app.id));
    if (known) return *known;
    std::size_t room = 0;
    for (const model::RuleListener& listener : listeners) {
      room += listener.max_apps;
      TRY(const std::set<int> given, priorities_in(*writer_, listener.arn));
      const int priority = free_priority(given, listener.taken);
      if (given.size() >= listener.max_apps || priority == 0) continue;
      const model::RulePlace place{
          .app_id = app.id, .listener = listener.arn, .priority = priority};
      TRY_VOID(
          writer_->query("INSERT INTO rule_places(app_id, listener, priority) VALUES (?, ?, ?)")
              .bind(place.app_id)
              .bind(place.listener)
              .bind(place.priority)
              .run());
      TRY_VOID(append_event(
          app.id, "rules_placed",
          nlohmann::json({{"listener", place.listener}, {"priority", place.priority}}).dump()));
      return place;
    }
    return make_error(ErrorCode::ResourceExhausted,
                      fmt::format("the {} listeners have room for the rules of {} apps, and all of "
                                  "it is taken",
                                  listeners.size(), room));
  });
}

Result<std::optional<model::RulePlace>> SqliteStore::rule_place(std::string_view app_id) {
  std::lock_guard lock(read_mutex_);
  return read_place(*reader_, app_id);
}

Result<std::vector<model::RulePlace>> SqliteStore::rule_places() {
  std::lock_guard lock(read_mutex_);
  Query query = reader_->query(
      "SELECT app_id, listener, priority FROM rule_places ORDER BY listener, priority");
  std::vector<model::RulePlace> places;
  while (true) {
    TRY(const bool has_row, query.next());
    if (!has_row) return places;
    places.push_back(
        {.app_id = query.text(0), .listener = query.text(1), .priority = int(query.number(2))});
  }
}

}  // namespace pixell::store
