#include <fmt/format.h>

#include <algorithm>

#include "store/columns.hpp"
#include "store/sqlite/sqlite_store_impl.hpp"

namespace pixell::store {

Result<void> SqliteStore::append_event(std::string_view app_id, std::string_view kind,
                                       std::string_view detail) {
  std::int64_t sequence = 1;
  std::string previous;
  {
    Query last = writer_->query("SELECT sequence, hash FROM events ORDER BY sequence DESC LIMIT 1");
    TRY(const bool has_row, last.next());
    if (has_row) {
      sequence = last.number(0) + 1;
      previous = last.text(1);
    }
  }
  const UnixMillis now = clock_.unix_now();
  const std::string hash = event_hash({.previous_hash = previous,
                                       .sequence = sequence,
                                       .at = now,
                                       .app_id = app_id,
                                       .kind = kind,
                                       .detail = detail});
  TRY_VOID(writer_
               ->query("INSERT INTO events(sequence, at, app_id, kind, detail_json, hash)"
                       " VALUES (?, ?, ?, ?, ?, ?)")
               .bind(sequence)
               .bind(now)
               .bind(app_id)
               .bind(kind)
               .bind(detail)
               .bind(hash)
               .run());
  appended_sequence_ = sequence;
  return {};
}

void SqliteStore::announce(std::int64_t sequence) {
  {
    std::lock_guard lock(change_mutex_);
    last_sequence_ = std::max(last_sequence_, sequence);  // commits are announced in any order
  }
  changed_.notify_all();
}

Result<std::vector<Event>> SqliteStore::events(const EventFilter& filter) {
  std::lock_guard lock(read_mutex_);
  // Two texts, so that an app's events are found by their index.
  Query query = filter.app_id.empty()
                    ? reader_->query(
                          "SELECT sequence, at, app_id, kind, detail_json, hash FROM events"
                          " WHERE sequence > ?1 AND (?3 = '' OR kind = ?3)"
                          " ORDER BY sequence LIMIT ?2")
                    : reader_->query(
                          "SELECT sequence, at, app_id, kind, detail_json, hash FROM events"
                          " WHERE sequence > ?1 AND (?3 = '' OR kind = ?3) AND app_id = ?4"
                          " ORDER BY sequence LIMIT ?2");
  query.bind(filter.after)
      .bind(std::int64_t(std::min(filter.limit, kMaxListedRows)))
      .bind(filter.kind);
  if (!filter.app_id.empty()) query.bind(filter.app_id);
  std::vector<Event> events;
  while (true) {
    TRY(const bool has_row, query.next());
    if (!has_row) return events;
    events.push_back({.sequence = query.number(0),
                      .at = query.number(1),
                      .app_id = query.text(2),
                      .kind = query.text(3),
                      .detail = query.text(4),
                      .hash = query.text(5)});
  }
}

Result<std::int64_t> SqliteStore::last_event() {
  std::lock_guard lock(change_mutex_);
  return last_sequence_;
}

Result<void> SqliteStore::verify_events() {
  std::string previous;
  std::int64_t sequence = 0;
  while (true) {
    TRY(const std::vector<Event> batch, events({.after = sequence, .limit = 1'000}));
    if (batch.empty()) return {};
    for (const Event& event : batch) {
      const std::string hash = event_hash({.previous_hash = previous,
                                           .sequence = event.sequence,
                                           .at = event.at,
                                           .app_id = event.app_id,
                                           .kind = event.kind,
                                           .detail = event.detail});
      if (hash != event.hash || event.sequence != sequence + 1)
        return make_error(
            ErrorCode::DataLoss,
            fmt::format("event {} does not follow from the one before", event.sequence));
      previous = event.hash;
      sequence = event.sequence;
    }
  }
}

Result<std::int64_t> SqliteStore::wait_for_change(std::int64_t after, Millis timeout,
                                                  std::stop_token stop) {
  std::unique_lock lock(change_mutex_);
  changed_.wait_for(lock, stop, timeout, [&] { return last_sequence_ > after; });
  return last_sequence_;
}

}  // namespace pixell::store
