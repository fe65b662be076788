CREATE TABLE schema_version ( version INTEGER PRIMARY KEY, applied_at INTEGER NOT NULL) STRICT;
CREATE TABLE agent_apps (
  id TEXT PRIMARY KEY,
  org TEXT NOT NULL DEFAULT 'default',
  short_id TEXT NOT NULL UNIQUE,
  generation INTEGER NOT NULL DEFAULT 1,
  fence INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL
, traffic_json TEXT NOT NULL DEFAULT '', instances INTEGER NOT NULL DEFAULT 1, warm_revisions INTEGER NOT NULL DEFAULT 1, warm_seconds INTEGER NOT NULL DEFAULT 300, is_deleting INTEGER NOT NULL DEFAULT 0) STRICT;
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
, sticky_json TEXT NOT NULL DEFAULT '') STRICT;
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
INSERT INTO schema_version VALUES (1, 1700000000000);
INSERT INTO schema_version VALUES (2, 1700000000000);
INSERT INTO schema_version VALUES (3, 1700000000000);
INSERT INTO agent_apps VALUES ('hello', 'default', 'a26waszf', 4, 1, 1700000000000, '{"legs":[{"revision":2,"weight_permille":1000}],"pinned":false,"sticky":{"by":"none","name":""}}', 2, 1, 300, 0);
INSERT INTO agent_apps VALUES ('broken', 'default', 'vrmmna5z', 1, 0, 1700000004000, '', 1, 1, 300, 0);
INSERT INTO agent_apps VALUES ('waiting', 'default', 'um3ww6zb', 1, 0, 1700000004000, '', 1, 1, 300, 0);
INSERT INTO packages VALUES ('01HF7YATZ8KRC71W95MQMJKFT8', 'default', 'hello', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'hello', '1.0.0', 1234, '{"name":"hello"}', 1, 0, 1700000001000, 'https://example.com/hello.apkg');
INSERT INTO packages VALUES ('01HF7YAWXRFV29BZW76DA7R9SZ', 'default', 'hello', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 'hello', '2.0.0', 1234, '{"name":"hello"}', 1, 0, 1700000003000, 'https://example.com/hello.apkg');
INSERT INTO revisions VALUES ('hello', 1, '01HF7YATZ876AA51DYQD8XN3R1', 'default', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', '1.0.0', '{"KEY":"väl\n''1''"}', 128, 256, 256, 1700000001000, 0, 77, 1700000004000);
INSERT INTO revisions VALUES ('hello', 2, '01HF7YAWXRKBEX7YC0D9NBEM6V', 'default', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', '2.0.0', '{"KEY":"väl\n''1''"}', 128, 256, 256, 1700000003000, 0, 77, 0);
INSERT INTO deployments VALUES ('01STORY0000000000000000001', 'default', 'hello', 'completed', 'https://example.com/hello.apkg', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 1, '1.0.0', 'it''s "new"', '{"KEY":"väl\n''1''"}', 128, 256, 256, '[{"completed_at":0,"name":"validate_package","started_at":0,"state":"pending"},{"completed_at":0,"name":"store_package","started_at":0,"state":"pending"},{"completed_at":0,"name":"start_instance","started_at":0,"state":"pending"},{"completed_at":0,"name":"route_traffic","started_at":0,"state":"pending"},{"completed_at":0,"name":"finalize","started_at":0,"state":"pending"}]', '', 3, 1, 1700000000000, 1700000001000, 1700000002000, 1700000600000, 1700000002000, '{"cpus":0.5}', 'deploy', '{"bake_seconds":0,"max_error_permille":50,"max_p95_ms":0,"min_requests":20,"type":"blue_green"}', '', 'green', 1);
INSERT INTO deployments VALUES ('01STORY0000000000000000002', 'default', 'hello', 'completed', 'https://example.com/hello.apkg', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 2, '2.0.0', 'it''s "new"', '{"KEY":"väl\n''1''"}', 128, 256, 256, '[{"completed_at":0,"name":"validate_package","started_at":0,"state":"pending"},{"completed_at":0,"name":"store_package","started_at":0,"state":"pending"},{"completed_at":0,"name":"start_instance","started_at":0,"state":"pending"},{"completed_at":0,"name":"route_traffic","started_at":0,"state":"pending"},{"completed_at":0,"name":"finalize","started_at":0,"state":"pending"}]', '', 3, 1, 1700000002000, 1700000003000, 1700000004000, 1700000602000, 1700000004000, '{"cpus":0.5}', 'deploy', '{"bake_seconds":0,"max_error_permille":50,"max_p95_ms":0,"min_requests":20,"type":"blue_green"}', '', 'green', 1);
INSERT INTO deployments VALUES ('01STORY0000000000000000003', 'default', 'broken', 'failed', '', '', '', 0, '', '', '{}', 512, 256, 256, '[{"completed_at":0,"name":"validate_package","started_at":0,"state":"pending"},{"completed_at":0,"name":"store_package","started_at":0,"state":"pending"},{"completed_at":0,"name":"start_instance","started_at":0,"state":"pending"},{"completed_at":0,"name":"route_traffic","started_at":0,"state":"pending"},{"completed_at":0,"name":"finalize","started_at":0,"state":"pending"}]', '{"cause":"missing_module","evidence":["line 1"],"message":"no yaml","remedy":"Add the module to requirements.txt, or to the package."}', 2, 1, 1700000004000, 0, 0, 1700000604000, 1700000004000, '', 'deploy', '', '', '', 1);
INSERT INTO deployments VALUES ('01STORY0000000000000000004', 'default', 'waiting', 'queued', '', '', '', 0, '', '', '{}', 512, 256, 256, '[{"completed_at":0,"name":"validate_package","started_at":0,"state":"pending"},{"completed_at":0,"name":"store_package","started_at":0,"state":"pending"},{"completed_at":0,"name":"start_instance","started_at":0,"state":"pending"},{"completed_at":0,"name":"route_traffic","started_at":0,"state":"pending"},{"completed_at":0,"name":"finalize","started_at":0,"state":"pending"}]', '', 1, 0, 1700000004000, 0, 0, 1700000604000, 1700000004000, '', 'deploy', '', '', '', 1);
INSERT INTO instances VALUES ('instance-1', 'default', 'hello', 2, 'ready', 'unix:/run/instance-1/par.sock', 4321, 'ready', 0, -1, 0, '{"dependency_lock":[],"interpreter":"","limits":{},"package_sha256":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb","phases":[],"ready":true,"total_ms":0.0}', 5, 6, 1, 1);
INSERT INTO routes VALUES ('hello', 'default', 'a26waszf', 'hello', 'says hello', '2.0.0', '[{"addresses":["unix:/run/instance-1/par.sock"],"revision":2,"tag":"blue","weight_permille":1000}]', 1, 1700000004000, 1, 1, '{"by":"cookie","name":"c"}');
INSERT INTO counters VALUES ('route_generation', 1);
INSERT INTO events VALUES (1, 'default', 1700000000000, 'hello', 'app_created', '{"short_id":"a26waszf"}', 'f50017c873c8e0388e67a5012cc29ddd500d45a7f1e7610610704a17d82f2ecb');
INSERT INTO events VALUES (2, 'default', 1700000000000, 'hello', 'deployment_accepted', '{"deployment":"01STORY0000000000000000001","state":"queued"}', '4fcd787d5a8c9d47f9ee8bb3f3afcb962f746fa7bdb8bb0d1c668283a2abc87b');
INSERT INTO events VALUES (3, 'default', 1700000001000, 'hello', 'package_added', '{"package":"01HF7YATZ8KRC71W95MQMJKFT8","sha256":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}', 'f57f9af9d29fa6dc57d6a5f332a031554691f74328c82626a8d086f44a274a8f');
INSERT INTO events VALUES (4, 'default', 1700000001000, 'hello', 'deployment_changed', '{"deployment":"01STORY0000000000000000001","revision":1,"state":"processing"}', 'fcb1a590bbd5217c464fe12e0ff99c7f911fa474fcd6bb5f65ef589b95f14ac6');
INSERT INTO events VALUES (5, 'default', 1700000002000, 'hello', 'deployment_ended', '{"deployment":"01STORY0000000000000000001","revision":1,"state":"completed"}', 'ce86887f1ba00ec7d2897c21cf5a411a7f5e44442f754bc176cc4dc63d6df851');
INSERT INTO events VALUES (6, 'default', 1700000002000, 'hello', 'app_changed', '{"traffic":{"legs":[{"revision":1,"weight_permille":1000}],"pinned":false,"sticky":{"by":"none","name":""}},"instances":1,"deleting":false}', 'deb3edbbf0a29f18066326829d572742295c92c352f39e0cf5d4cf128aed2ea4');
INSERT INTO events VALUES (7, 'default', 1700000002000, 'hello', 'deployment_accepted', '{"deployment":"01STORY0000000000000000002","state":"queued"}', 'dd295fd12fd8a7ae32a379f26db74122963823e5ada132c0ddb82532a41fe22d');
INSERT INTO events VALUES (8, 'default', 1700000003000, 'hello', 'package_added', '{"package":"01HF7YAWXRFV29BZW76DA7R9SZ","sha256":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"}', '7d5cbef7ece0de784b83480cf0be4a0b9ebe986634d770c2df506263e684d10d');
INSERT INTO events VALUES (9, 'default', 1700000003000, 'hello', 'deployment_changed', '{"deployment":"01STORY0000000000000000002","revision":2,"state":"processing"}', '47b1de8c9b04a1b264b101ee46ae6297a877ab7470c94d1d5c0c812f6ef95aee');
INSERT INTO events VALUES (10, 'default', 1700000004000, 'hello', 'deployment_ended', '{"deployment":"01STORY0000000000000000002","revision":2,"state":"completed"}', '49bce848689b1ee08ac65f30a6e9a83f2b8adb894d0e19c4faf5d107415de8a4');
INSERT INTO events VALUES (11, 'default', 1700000004000, 'hello', 'app_changed', '{"traffic":{"legs":[{"revision":2,"weight_permille":1000}],"pinned":false,"sticky":{"by":"none","name":""}},"instances":1,"deleting":false}', '9eaa5e369b6cad236087a401138ab7f08b292893b22eccd0519b44172cec5271');
INSERT INTO events VALUES (12, 'default', 1700000004000, 'hello', 'app_changed', '{"traffic":{"legs":[{"revision":2,"weight_permille":1000}],"pinned":false,"sticky":{"by":"none","name":""}},"instances":2,"deleting":false}', '196a1eac3034d9f7bdd308ad19bc17b4cd6d3f3faa2e22c042e9f82e1b7313d6');
INSERT INTO events VALUES (13, 'default', 1700000004000, 'broken', 'app_created', '{"short_id":"vrmmna5z"}', 'fa61f1fe92e7f6a472bb63dd7fa0697ffe3d1b336c20efc0476391228d5f4d24');
INSERT INTO events VALUES (14, 'default', 1700000004000, 'broken', 'deployment_accepted', '{"deployment":"01STORY0000000000000000003","state":"queued"}', 'ba549f00732ac0592ef84923e0c0ce130eef792c0df59f51b86d78a551b95326');
INSERT INTO events VALUES (15, 'default', 1700000004000, 'broken', 'deployment_ended', '{"cause":"missing_module","deployment":"01STORY0000000000000000003","state":"failed"}', '3764f3b2a80fdf9d9b6e45e177f65af69287987a2d07eb94654b837daab01374');
INSERT INTO events VALUES (16, 'default', 1700000004000, 'waiting', 'app_created', '{"short_id":"um3ww6zb"}', '376a9c573ad84c77cebc8e93781594f7c6ac1be79eadf1079d492259b86d9b3e');
INSERT INTO events VALUES (17, 'default', 1700000004000, 'waiting', 'deployment_accepted', '{"deployment":"01STORY0000000000000000004","state":"queued"}', '2e466559d9e007c529d350cbc6dffb880e6a0692c5bb28bc7e3aa2973261b645');
INSERT INTO events VALUES (18, 'default', 1700000004000, 'hello', 'instance_changed', '{"instance":"instance-1","phase":"ready","revision":2}', '31fea01992c1dee5a52bfbe00450b639ebc06912ad01a77694d109ec6d48f4e8');
INSERT INTO events VALUES (19, 'default', 1700000004000, 'hello', 'route_changed', '{"generation":1,"legs":[{"revision":2,"tag":"blue","targets":1,"weight_permille":1000}]}', 'fc8b8c07dadd388f44cae74fe42533c7bc1f6fca3d5624832c7bfdde74dc4301');
INSERT INTO leases VALUES ('reconciler', 'control-1', 1, 1700000010000);
INSERT INTO step_journal VALUES ('open-step', 'default', 'waiting', '01STORY0000000000000000004', 'import_package', '{}', 1700000004000, 0, 0, '', 1, 1, 1);
INSERT INTO step_journal VALUES ('failed-step', 'default', 'waiting', '01STORY0000000000000000004', 'import_package', '{}', 1700000004000, 1700000004000, 0, 'node is away', 1, 2, 1);
INSERT INTO idempotency_keys VALUES ('default', 'key-1', 'digest-1', '01STORY0000000000000000004', 1700000004000);
INSERT INTO idempotent_replies VALUES ('POST /x key', 'digest', 201, 'application/json', '/x/1', '{}', 1700000004000);
