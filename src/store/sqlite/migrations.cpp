#include "store/sqlite/migrations.hpp"

#include <fmt/format.h>

#include <array>
#include <string>

namespace pixell::store {

namespace {

// Times are int64 ms UTC. `generation` grows with every write of a row; `fence` is the highest
// lease token that wrote it. Columns named *_json hold JSON text.
constexpr const char* kFirst = R"sql(
CREATE TABLE agent_apps (
  id TEXT PRIMARY KEY,
  org TEXT NOT NULL DEFAULT 'default',
  short_id TEXT NOT NULL UNIQUE,
  desired_revision INTEGER NOT NULL DEFAULT 0,
  generation INTEGER NOT NULL DEFAULT 1,
  fence INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL
) STRICT;
CREATE TABLE packages (
  id TEXT PRIMARY KEY,
  org TEXT NOT NULL DEFAULT 'default',
  app_id TEXT NOT NULL REFERENCES agent_apps(id),
  sha256 TEXT NOT NULL,
  name TEXT NOT NULL,
  version TEXT NOT NULL,
  size_bytes INTEGER NOT NULL,
  manifest_json TEXT NOT NULL,
  generation INTEGER NOT NULL DEFAULT 1,
  fence INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  UNIQUE (app_id, sha256)
) STRICT;
CREATE INDEX packages_by_version ON packages(app_id, version);
CREATE TABLE revisions (
  app_id TEXT NOT NULL REFERENCES agent_apps(id),
  number INTEGER NOT NULL,
  id TEXT NOT NULL UNIQUE,
  org TEXT NOT NULL DEFAULT 'default',
  package_sha256 TEXT NOT NULL,
  version TEXT NOT NULL,
  environment_json TEXT NOT NULL,
  memory_mb INTEGER NOT NULL,
  cpu_units INTEGER NOT NULL,
  max_pids INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (app_id, number),
  FOREIGN KEY (app_id, package_sha256) REFERENCES packages(app_id, sha256)
) STRICT;
CREATE TABLE deployments (
  id TEXT PRIMARY KEY,
  org TEXT NOT NULL DEFAULT 'default',
  app_id TEXT NOT NULL REFERENCES agent_apps(id),
  state TEXT NOT NULL,
  package_url TEXT NOT NULL,
  expected_sha256 TEXT NOT NULL,
  package_sha256 TEXT NOT NULL,
  revision INTEGER NOT NULL,
  version TEXT NOT NULL,
  release_notes TEXT NOT NULL,
  environment_json TEXT NOT NULL,
  memory_mb INTEGER NOT NULL,
  cpu_units INTEGER NOT NULL,
  max_pids INTEGER NOT NULL,
  steps_json TEXT NOT NULL,
  failure_json TEXT NOT NULL,
  generation INTEGER NOT NULL DEFAULT 1,
  fence INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  completed_at INTEGER NOT NULL,
  deadline INTEGER NOT NULL,
  changed_at INTEGER NOT NULL
) STRICT;
CREATE INDEX deployments_by_app ON deployments(app_id, id);
CREATE INDEX deployments_open ON deployments(state) WHERE state IN ('queued', 'processing');
CREATE INDEX deployments_by_state ON deployments(state, completed_at);
CREATE TABLE instances (
  id TEXT PRIMARY KEY,
  org TEXT NOT NULL DEFAULT 'default',
  app_id TEXT NOT NULL REFERENCES agent_apps(id),
  revision INTEGER NOT NULL,
  phase TEXT NOT NULL,
  address TEXT NOT NULL,
  pid INTEGER NOT NULL,
  boot_phase TEXT NOT NULL,
  restarts INTEGER NOT NULL,
  exit_code INTEGER NOT NULL,
  exit_signal INTEGER NOT NULL,
  boot_report_json TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  generation INTEGER NOT NULL DEFAULT 1,
  fence INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX instances_by_app ON instances(app_id);
CREATE TABLE routes (
  app_id TEXT PRIMARY KEY REFERENCES agent_apps(id),
  org TEXT NOT NULL DEFAULT 'default',
  short_id TEXT NOT NULL,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  version TEXT NOT NULL,
  legs_json TEXT NOT NULL,
  route_generation INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  generation INTEGER NOT NULL DEFAULT 1,
  fence INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE counters (
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT;
INSERT INTO counters(name, value) VALUES ('route_generation', 0);
CREATE TABLE events (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  org TEXT NOT NULL DEFAULT 'default',
  at INTEGER NOT NULL,
  app_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  detail_json TEXT NOT NULL,
  hash TEXT NOT NULL
) STRICT;
CREATE TRIGGER events_stay BEFORE UPDATE ON events
  BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER events_keep BEFORE DELETE ON events
  BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TABLE leases (
  name TEXT PRIMARY KEY,
  holder TEXT NOT NULL,
  token INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT;
CREATE TABLE step_journal (
  key TEXT PRIMARY KEY,
  org TEXT NOT NULL DEFAULT 'default',
  app_id TEXT NOT NULL,
  deployment_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  detail_json TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  finished_at INTEGER NOT NULL DEFAULT 0,
  is_ok INTEGER NOT NULL DEFAULT 0,
  error TEXT NOT NULL DEFAULT '',
  tries INTEGER NOT NULL DEFAULT 1,
  generation INTEGER NOT NULL DEFAULT 1,
  fence INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX step_journal_by_end ON step_journal(finished_at);
CREATE TABLE idempotency_keys (
  org TEXT NOT NULL DEFAULT 'default',
  key TEXT NOT NULL,
  request_digest TEXT NOT NULL,
  deployment_id TEXT NOT NULL REFERENCES deployments(id),
  created_at INTEGER NOT NULL,
  PRIMARY KEY (org, key)
) STRICT;
CREATE INDEX idempotency_keys_by_time ON idempotency_keys(created_at);
)sql";

// Limits that a deployment names itself, and those a revision has. Revisions of before had none.
constexpr const char* kLimits = R"sql(
ALTER TABLE deployments ADD COLUMN limits_json TEXT NOT NULL DEFAULT '';
ALTER TABLE revisions ADD COLUMN cpu_milli INTEGER NOT NULL DEFAULT 0;
ALTER TABLE revisions ADD COLUMN disk_mb INTEGER NOT NULL DEFAULT 0;
)sql";

// Rollouts: an app's traffic as legs instead of one revision, its settings, the way a deployment
// moves traffic, and answers to repeated requests.
constexpr const char* kRollouts = R"sql(
ALTER TABLE agent_apps ADD COLUMN traffic_json TEXT NOT NULL DEFAULT '';
UPDATE agent_apps SET traffic_json =
  '{"legs":[{"revision":' || desired_revision || ',"weight_permille":1000}]}'
  WHERE desired_revision <> 0;
ALTER TABLE agent_apps DROP COLUMN desired_revision;
ALTER TABLE agent_apps ADD COLUMN instances INTEGER NOT NULL DEFAULT 1;
ALTER TABLE agent_apps ADD COLUMN warm_revisions INTEGER NOT NULL DEFAULT 1;
ALTER TABLE agent_apps ADD COLUMN warm_seconds INTEGER NOT NULL DEFAULT 300;
ALTER TABLE agent_apps ADD COLUMN is_deleting INTEGER NOT NULL DEFAULT 0;
CREATE INDEX agent_apps_by_org ON agent_apps(org, id);
ALTER TABLE packages ADD COLUMN source TEXT NOT NULL DEFAULT '';
CREATE INDEX packages_by_content ON packages(sha256);
ALTER TABLE revisions ADD COLUMN retired_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deployments ADD COLUMN kind TEXT NOT NULL DEFAULT 'deploy';
ALTER TABLE deployments ADD COLUMN strategy_json TEXT NOT NULL DEFAULT '';
ALTER TABLE deployments ADD COLUMN rollout_json TEXT NOT NULL DEFAULT '';
ALTER TABLE deployments ADD COLUMN tag TEXT NOT NULL DEFAULT '';
ALTER TABLE deployments ADD COLUMN moves_traffic INTEGER NOT NULL DEFAULT 1;
ALTER TABLE routes ADD COLUMN sticky_json TEXT NOT NULL DEFAULT '';
CREATE INDEX events_by_app ON events(app_id, sequence);
CREATE TABLE idempotent_replies (
  key TEXT PRIMARY KEY,
  request_digest TEXT NOT NULL,
  status INTEGER NOT NULL,
  content_type TEXT NOT NULL DEFAULT '',
  location TEXT NOT NULL DEFAULT '',
  body TEXT NOT NULL DEFAULT '',
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX idempotent_replies_by_time ON idempotent_replies(created_at);
)sql";

// How apps are reached beside their traffic. `reserved_names` has the aliases and hosts of every
// app's routing_json once more: no two apps may have the same one.
constexpr const char* kRouting = R"sql(
ALTER TABLE agent_apps ADD COLUMN routing_json TEXT NOT NULL DEFAULT '';
ALTER TABLE routes ADD COLUMN routing_json TEXT NOT NULL DEFAULT '';
CREATE TABLE reserved_names (
  kind TEXT NOT NULL CHECK (kind IN ('alias', 'host')),
  name TEXT NOT NULL,
  app_id TEXT NOT NULL REFERENCES agent_apps(id),
  PRIMARY KEY (kind, name)
) STRICT;
CREATE INDEX reserved_names_by_app ON reserved_names(app_id);
)sql";

// Where the rules of apps are that a load balancer of AWS leads to. A place is for the life of an
// app: rows are made and deleted, never changed. The rule after `priority` is the app's as well.
constexpr const char* kRulePlaces = R"sql(
CREATE TABLE rule_places (
  app_id TEXT PRIMARY KEY REFERENCES agent_apps(id),
  listener TEXT NOT NULL,
  priority INTEGER NOT NULL CHECK (priority BETWEEN 1 AND 49999 AND priority % 2 = 1),
  UNIQUE (listener, priority)
) STRICT;
)sql";

// How an engine scales an app by itself.
constexpr const char* kScaling = R"sql(
ALTER TABLE agent_apps ADD COLUMN scaling_json TEXT NOT NULL DEFAULT '';
)sql";

// Forward only: a released entry never changes; the next one is appended.
constexpr std::array kMigrations = {kFirst, kLimits, kRollouts, kRouting, kRulePlaces, kScaling};

}  // namespace

int newest_schema_version() { return int(kMigrations.size()); }

Result<void> migrate(Database& database, UnixMillis now) {
  return migrate_up_to(database, newest_schema_version(), now);
}

Result<int> read_schema_version(Database& database) {
  bool has_table = false;
  {
    Query query = database.query("SELECT 1 FROM sqlite_master WHERE name = 'schema_version'");
    TRY(has_table, query.next());
  }
  if (!has_table) return 0;
  Query query = database.query("SELECT COALESCE(MAX(version), 0) FROM schema_version");
  TRY_VOID(query.next());
  return int(query.number(0));
}

std::string migration_script(int version) { return kMigrations[std::size_t(version - 1)]; }

Result<void> apply_migration(Database& database, const Migration& migration, UnixMillis now) {
  TRY(Transaction transaction, Transaction::begin(database));
  TRY_VOID(database.execute(migration.script));
  TRY_VOID(database.query("INSERT INTO schema_version(version, applied_at) VALUES (?, ?)")
               .bind(migration.version)
               .bind(now)
               .run());
  return transaction.commit();
}

Result<void> migrate_up_to(Database& database, int version, UnixMillis now) {
  TRY_VOID(
      database.execute("CREATE TABLE IF NOT EXISTS schema_version ("
                       " version INTEGER PRIMARY KEY, applied_at INTEGER NOT NULL) STRICT;"));
  TRY(const int found, read_schema_version(database));
  if (found > newest_schema_version())
    return make_error(ErrorCode::FailedPrecondition,
                      fmt::format("the database has schema version {}, this program knows {}: "
                                  "start the newer program",
                                  found, newest_schema_version()));
  for (int next = found + 1; next <= version; ++next)
    TRY_VOID(apply_migration(database, {.version = next, .script = migration_script(next)}, now));
  return {};
}

}  // namespace pixell::store
