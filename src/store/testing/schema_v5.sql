CREATE TABLE schema_version ( version INTEGER PRIMARY KEY, applied_at INTEGER NOT NULL) STRICT;
CREATE TABLE agent_apps (
  id TEXT PRIMARY KEY,
  org TEXT NOT NULL DEFAULT 'default',
  short_id TEXT NOT NULL UNIQUE,
  generation INTEGER NOT NULL DEFAULT 1,
  fence INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL
, traffic_json TEXT NOT NULL DEFAULT '', instances INTEGER NOT NULL DEFAULT 1, warm_revisions INTEGER NOT NULL DEFAULT 1, warm_seconds INTEGER NOT NULL DEFAULT 300, is_deleting INTEGER NOT NULL DEFAULT 0, routing_json TEXT NOT NULL DEFAULT '') STRICT;
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
  created_at INTEGER NOT NULL, source TEXT NOT NULL DEFAULT '',
  UNIQUE (app_id, sha256)
) STRICT;
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
  created_at INTEGER NOT NULL, cpu_milli INTEGER NOT NULL DEFAULT 0, disk_mb INTEGER NOT NULL DEFAULT 0, retired_at INTEGER NOT NULL DEFAULT 0,
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
, limits_json TEXT NOT NULL DEFAULT '', kind TEXT NOT NULL DEFAULT 'deploy', strategy_json TEXT NOT NULL DEFAULT '', rollout_json TEXT NOT NULL DEFAULT '', tag TEXT NOT NULL DEFAULT '', moves_traffic INTEGER NOT NULL DEFAULT 1) STRICT;
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
, sticky_json TEXT NOT NULL DEFAULT '', routing_json TEXT NOT NULL DEFAULT '') STRICT;
CREATE TABLE counters (
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT;
CREATE TABLE events (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  org TEXT NOT NULL DEFAULT 'default',
  at INTEGER NOT NULL,
  app_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  detail_json TEXT NOT NULL,
  hash TEXT NOT NULL
) STRICT;
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
CREATE TABLE idempotency_keys (
  org TEXT NOT NULL DEFAULT 'default',
  key TEXT NOT NULL,
  request_digest TEXT NOT NULL,
  deployment_id TEXT NOT NULL REFERENCES deployments(id),
  created_at INTEGER NOT NULL,
  PRIMARY KEY (org, key)
) STRICT;
CREATE TABLE idempotent_replies (
  key TEXT PRIMARY KEY,
  request_digest TEXT NOT NULL,
  status INTEGER NOT NULL,
  content_type TEXT NOT NULL DEFAULT '',
  location TEXT NOT NULL DEFAULT '',
  body TEXT NOT NULL DEFAULT '',
  created_at INTEGER NOT NULL
) STRICT;
CREATE TABLE reserved_names (
  kind TEXT NOT NULL CHECK (kind IN ('alias', 'host')),
  name TEXT NOT NULL,
  app_id TEXT NOT NULL REFERENCES agent_apps(id),
  PRIMARY KEY (kind, name)
) STRICT;
CREATE TABLE rule_places (
  app_id TEXT PRIMARY KEY REFERENCES agent_apps(id),
  listener TEXT NOT NULL,
  priority INTEGER NOT NULL CHECK (priority BETWEEN 1 AND 49999 AND priority % 2 = 1),
  UNIQUE (listener, priority)
) STRICT;
CREATE INDEX packages_by_version ON packages(app_id, version);
CREATE INDEX deployments_by_app ON deployments(app_id, id);
CREATE INDEX deployments_open ON deployments(state) WHERE state IN ('queued', 'processing');
CREATE INDEX deployments_by_state ON deployments(state, completed_at);
CREATE INDEX instances_by_app ON instances(app_id);
CREATE TRIGGER events_stay BEFORE UPDATE ON events
  BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER events_keep BEFORE DELETE ON events
  BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE INDEX step_journal_by_end ON step_journal(finished_at);
CREATE INDEX idempotency_keys_by_time ON idempotency_keys(created_at);
CREATE INDEX agent_apps_by_org ON agent_apps(org, id);
CREATE INDEX packages_by_content ON packages(sha256);
CREATE INDEX events_by_app ON events(app_id, sequence);
CREATE INDEX idempotent_replies_by_time ON idempotent_replies(created_at);
CREATE INDEX reserved_names_by_app ON reserved_names(app_id);
INSERT INTO schema_version VALUES (1, 1700000000000);
INSERT INTO schema_version VALUES (2, 1700000000000);
INSERT INTO schema_version VALUES (3, 1700000000000);
INSERT INTO schema_version VALUES (4, 1700000000000);
INSERT INTO schema_version VALUES (5, 1700000000000);
INSERT INTO agent_apps VALUES ('hello', 'default', 'ud775ttn', 5, 1, 1700000000000, '{"legs":[{"revision":2,"weight_permille":1000}],"pinned":false,"sticky":{"by":"none","name":""}}', 2, 1, 300, 0, '{"aliases":["hello-of-before"],"hosts":["hello.example.com"],"legacy":{"address":"10.0.0.7:8080","path_prefix":"/x","weight_permille":200},"limits":{"burst":0,"max_body_bytes":0,"max_concurrent":0,"requests_per_second":20,"timeouts":{"a2a_ms":0,"idle_ms":0,"rest_ms":60000,"ui_ms":0}},"mirror":{"max_body_bytes":65536,"permille":100,"revision":2}}');
INSERT INTO agent_apps VALUES ('broken', 'default', 'rhqjkjnd', 1, 0, 1700000004000, '', 1, 1, 300, 0, '');
INSERT INTO agent_apps VALUES ('waiting', 'default', 'qug7hf9j', 1, 0, 1700000004000, '', 1, 1, 300, 0, '');
INSERT INTO packages VALUES ('01HF7YATZ8CRE1W96SVV8YDFAC', 'default', 'hello', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'hello', '1.0.0', 1234, '{"name":"hello"}', 1, 0, 1700000001000, 'https://example.com/hello.apkg');
INSERT INTO packages VALUES ('01HF7YAWXRJV7D1RT9YFHAXAHK', 'default', 'hello', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 'hello', '2.0.0', 1234, '{"name":"hello"}', 1, 0, 1700000003000, 'https://example.com/hello.apkg');
INSERT INTO revisions VALUES ('hello', 1, '01HF7YATZ85DYS88XQCSH5AAGM', 'default', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', '1.0.0', '{"KEY":"väl\n''1''"}', 128, 256, 256, 1700000001000, 0, 77, 1700000004000);
INSERT INTO revisions VALUES ('hello', 2, '01HF7YAWXR2CB92MAN1J3TPA0X', 'default', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', '2.0.0', '{"KEY":"väl\n''1''"}', 128, 256, 256, 1700000003000, 0, 77, 0);
INSERT INTO deployments VALUES ('01STORY0000000000000000001', 'default', 'hello', 'completed', 'https://example.com/hello.apkg', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 1, '1.0.0', 'it''s "new"', '{"KEY":"väl\n''1''"}', 128, 256, 256, '[{"completed_at":0,"name":"validate_package","started_at":0,"state":"pending"},{"completed_at":0,"name":"store_package","started_at":0,"state":"pending"},{"completed_at":0,"name":"start_instance","started_at":0,"state":"pending"},{"completed_at":0,"name":"route_traffic","started_at":0,"state":"pending"},{"completed_at":0,"name":"finalize","started_at":0,"state":"pending"}]', '', 3, 1, 1700000000000, 1700000001000, 1700000002000, 1700000600000, 1700000002000, '{"cpus":0.5}', 'deploy', '{"bake_seconds":0,"max_error_permille":50,"max_p95_ms":0,"min_requests":20,"type":"blue_green"}', '', 'green', 1);
INSERT INTO deployments VALUES ('01STORY0000000000000000002', 'default', 'hello', 'completed', 'https://example.com/hello.apkg', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 2, '2.0.0', 'it''s "new"', '{"KEY":"väl\n''1''"}', 128, 256, 256, '[{"completed_at":0,"name":"validate_package","started_at":0,"state":"pending"},{"completed_at":0,"name":"store_package","started_at":0,"state":"pending"},{"completed_at":0,"name":"start_instance","started_at":0,"state":"pending"},{"completed_at":0,"name":"route_traffic","started_at":0,"state":"pending"},{"completed_at":0,"name":"finalize","started_at":0,"state":"pending"}]', '', 3, 1, 1700000002000, 1700000003000, 1700000004000, 1700000602000, 1700000004000, '{"cpus":0.5}', 'deploy', '{"bake_seconds":0,"max_error_permille":50,"max_p95_ms":0,"min_requests":20,"type":"blue_green"}', '', 'green', 1);
INSERT INTO deployments VALUES ('01STORY0000000000000000003', 'default', 'broken', 'failed', '', '', '', 0, '', '', '{}', 512, 256, 256, '[{"completed_at":0,"name":"validate_package","started_at":0,"state":"pending"},{"completed_at":0,"name":"store_package","started_at":0,"state":"pending"},{"completed_at":0,"name":"start_instance","started_at":0,"state":"pending"},{"completed_at":0,"name":"route_traffic","started_at":0,"state":"pending"},{"completed_at":0,"name":"finalize","started_at":0,"state":"pending"}]', '{"cause":"missing_module","evidence":["line 1"],"message":"no yaml","remedy":"Add the module to requirements.txt, or to the package."}', 2, 1, 1700000004000, 0, 0, 1700000604000, 1700000004000, '', 'deploy', '', '', '', 1);
INSERT INTO deployments VALUES ('01STORY0000000000000000004', 'default', 'waiting', 'queued', '', '', '', 0, '', '', '{}', 512, 256, 256, '[{"completed_at":0,"name":"validate_package","started_at":0,"state":"pending"},{"completed_at":0,"name":"store_package","started_at":0,"state":"pending"},{"completed_at":0,"name":"start_instance","started_at":0,"state":"pending"},{"completed_at":0,"name":"route_traffic","started_at":0,"state":"pending"},{"completed_at":0,"name":"finalize","started_at":0,"state":"pending"}]', '', 1, 0, 1700000004000, 0, 0, 1700000604000, 1700000004000, '', 'deploy', '', '', '', 1);
INSERT INTO instances VALUES ('instance-1', 'default', 'hello', 2, 'ready', 'unix:/run/instance-1/par.sock', 4321, 'ready', 0, -1, 0, '{"dependency_lock":[],"interpreter":"","limits":{},"package_sha256":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb","phases":[],"ready":true,"total_ms":0.0}', 5, 6, 1, 1);
INSERT INTO routes VALUES ('hello', 'default', 'ud775ttn', 'hello', 'says hello', '2.0.0', '[{"addresses":["unix:/run/instance-1/par.sock"],"revision":2,"tag":"blue","weight_permille":1000}]', 1, 1700000004000, 1, 1, '{"by":"cookie","name":"c"}', '{"aliases":["hello-of-before"],"hosts":["hello.example.com"],"legacy":{"address":"10.0.0.7:8080","path_prefix":"/x","weight_permille":200},"limits":{"burst":0,"max_body_bytes":0,"max_concurrent":0,"requests_per_second":20,"timeouts":{"a2a_ms":0,"idle_ms":0,"rest_ms":60000,"ui_ms":0}},"mirror":{"max_body_bytes":65536,"permille":100,"revision":2}}');
INSERT INTO counters VALUES ('route_generation', 1);
INSERT INTO events VALUES (1, 'default', 1700000000000, 'hello', 'app_created', '{"short_id":"ud775ttn"}', 'b1b89155574a30ac647942cb65755a74dc0f10bba5edca71201daf9e690716fa');
INSERT INTO events VALUES (2, 'default', 1700000000000, 'hello', 'deployment_accepted', '{"deployment":"01STORY0000000000000000001","state":"queued"}', 'a6c5d761c7c094543a6ca359437b9aee01a6b4bce66d49cfd9b984a520163895');
INSERT INTO events VALUES (3, 'default', 1700000001000, 'hello', 'package_added', '{"package":"01HF7YATZ8CRE1W96SVV8YDFAC","sha256":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}', 'cbfa18f8633ed50c26086b47833c5a5e78c7719ffcbe282ec4044ba924d12514');
INSERT INTO events VALUES (4, 'default', 1700000001000, 'hello', 'deployment_changed', '{"deployment":"01STORY0000000000000000001","revision":1,"state":"processing"}', 'bce6291066fe8a32f5a63a9b62e3ea17636e6485c556651750b40e225338894f');
INSERT INTO events VALUES (5, 'default', 1700000002000, 'hello', 'deployment_ended', '{"deployment":"01STORY0000000000000000001","revision":1,"state":"completed"}', '1723f63665dccfe8c3cad9675c9a5942b67b87fe2fd8b927e636185e3d91a767');
INSERT INTO events VALUES (6, 'default', 1700000002000, 'hello', 'app_changed', '{"deleting":false,"instances":1,"traffic":{"legs":[{"revision":1,"weight_permille":1000}],"pinned":false,"sticky":{"by":"none","name":""}}}', '717d2f1d30cf3939813855affa5ef76f99dd0d725fa7e0cf37a58dff2f50da16');
INSERT INTO events VALUES (7, 'default', 1700000002000, 'hello', 'deployment_accepted', '{"deployment":"01STORY0000000000000000002","state":"queued"}', '8c28781b14188800a738cb58599967637ffcb1c151a5bc0ff3974880c416bb7c');
INSERT INTO events VALUES (8, 'default', 1700000003000, 'hello', 'package_added', '{"package":"01HF7YAWXRJV7D1RT9YFHAXAHK","sha256":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"}', '3db899a9b67a6d70569d404afc44f3cdaaa91f21b22d7698025b26f891fb8d22');
INSERT INTO events VALUES (9, 'default', 1700000003000, 'hello', 'deployment_changed', '{"deployment":"01STORY0000000000000000002","revision":2,"state":"processing"}', '15331408c160c15179331b080924d641878da7528919d306a5359877017e212b');
INSERT INTO events VALUES (10, 'default', 1700000004000, 'hello', 'deployment_ended', '{"deployment":"01STORY0000000000000000002","revision":2,"state":"completed"}', '2c4d5c4ce849b1440f52366a0ff028505529d58c9aa8f7a06baf8af0ad56e64a');
INSERT INTO events VALUES (11, 'default', 1700000004000, 'hello', 'app_changed', '{"deleting":false,"instances":1,"traffic":{"legs":[{"revision":2,"weight_permille":1000}],"pinned":false,"sticky":{"by":"none","name":""}}}', '4430ff4d01ddee92f1c6396aff445ba09a40eb6cad847baccb2e281735048d35');
INSERT INTO events VALUES (12, 'default', 1700000004000, 'hello', 'app_changed', '{"deleting":false,"instances":2,"traffic":{"legs":[{"revision":2,"weight_permille":1000}],"pinned":false,"sticky":{"by":"none","name":""}}}', '03273b9c91bceb4543713f24f3de3f2dc2c83cf114867299b07d664eafefd96b');
INSERT INTO events VALUES (13, 'default', 1700000004000, 'hello', 'app_changed', '{"deleting":false,"instances":2,"routing":{"aliases":["hello-of-before"],"hosts":["hello.example.com"],"legacy":{"address":"10.0.0.7:8080","path_prefix":"/x","weight_permille":200},"limits":{"burst":0,"max_body_bytes":0,"max_concurrent":0,"requests_per_second":20,"timeouts":{"a2a_ms":0,"idle_ms":0,"rest_ms":60000,"ui_ms":0}},"mirror":{"max_body_bytes":65536,"permille":100,"revision":2}},"traffic":{"legs":[{"revision":2,"weight_permille":1000}],"pinned":false,"sticky":{"by":"none","name":""}}}', 'cb4a1cbd58a7910684a4c63d18e77266b775a2caee39e1ab0455bd20197e13ca');
INSERT INTO events VALUES (14, 'default', 1700000004000, 'hello', 'rules_placed', '{"listener":"arn:listener","priority":1}', '3faa8ef15eecea192180818646598b24af5857bffef4c3871e16786654f9381b');
INSERT INTO events VALUES (15, 'default', 1700000004000, 'broken', 'app_created', '{"short_id":"rhqjkjnd"}', '8c098dcceab46d22017bb56215302495ff09caaca27c8f1b382a89b52b8f36f0');
INSERT INTO events VALUES (16, 'default', 1700000004000, 'broken', 'deployment_accepted', '{"deployment":"01STORY0000000000000000003","state":"queued"}', '9526e920858f860128a798599f116957bb460dfc41b8d707cccc65a5d2f948d8');
INSERT INTO events VALUES (17, 'default', 1700000004000, 'broken', 'deployment_ended', '{"cause":"missing_module","deployment":"01STORY0000000000000000003","state":"failed"}', 'b42ab9f2939d6dd6833b4bde39e9483a68bcb8eba9ca5dc583ee2b9da36b41ba');
INSERT INTO events VALUES (18, 'default', 1700000004000, 'waiting', 'app_created', '{"short_id":"qug7hf9j"}', '241d95b681ff6d61b1f596e899dd1ac5f14293669b515b24efe65c3dc15afbd6');
INSERT INTO events VALUES (19, 'default', 1700000004000, 'waiting', 'deployment_accepted', '{"deployment":"01STORY0000000000000000004","state":"queued"}', '09f02fd94393c386d0bd96c9889908b2b8f71569ef0b4a118e74c3baceffa853');
INSERT INTO events VALUES (20, 'default', 1700000004000, 'hello', 'instance_changed', '{"instance":"instance-1","phase":"ready","revision":2}', 'a564aafef9f3b7d9470e87ea3c01981827d037079540771ff32c1f743e35f3cb');
INSERT INTO events VALUES (21, 'default', 1700000004000, 'hello', 'route_changed', '{"generation":1,"legs":[{"revision":2,"tag":"blue","targets":1,"weight_permille":1000}]}', '3695efa705f7359af4ef42a593cac613eff81293cfd7077e693a88735b19c1f1');
INSERT INTO leases VALUES ('reconciler', 'control-1', 1, 1700000010000);
INSERT INTO step_journal VALUES ('open-step', 'default', 'waiting', '01STORY0000000000000000004', 'import_package', '{}', 1700000004000, 0, 0, '', 1, 1, 1);
INSERT INTO step_journal VALUES ('failed-step', 'default', 'waiting', '01STORY0000000000000000004', 'import_package', '{}', 1700000004000, 1700000004000, 0, 'node is away', 1, 2, 1);
INSERT INTO idempotency_keys VALUES ('default', 'key-1', 'digest-1', '01STORY0000000000000000004', 1700000004000);
INSERT INTO idempotent_replies VALUES ('POST /x key', 'digest', 201, 'application/json', '/x/1', '{}', 1700000004000);
INSERT INTO reserved_names VALUES ('alias', 'hello-of-before', 'hello');
INSERT INTO reserved_names VALUES ('host', 'hello.example.com', 'hello');
INSERT INTO rule_places VALUES ('hello', 'arn:listener', 1);
