CREATE TABLE schema_version ( version INTEGER PRIMARY KEY, applied_at INTEGER NOT NULL) STRICT;
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
  created_at INTEGER NOT NULL, cpu_milli INTEGER NOT NULL DEFAULT 0, disk_mb INTEGER NOT NULL DEFAULT 0,
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
, limits_json TEXT NOT NULL DEFAULT '') STRICT;
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
) STRICT;
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
INSERT INTO schema_version VALUES (1, 1700000000000);
INSERT INTO schema_version VALUES (2, 1700000000000);
INSERT INTO agent_apps VALUES ('hello', 'default', 'pz4krm7z', 2, 3, 1, 1700000000000);
INSERT INTO agent_apps VALUES ('broken', 'default', 'dwp5bzua', 0, 1, 0, 1700000004000);
INSERT INTO agent_apps VALUES ('waiting', 'default', 'nhzd2ten', 0, 1, 0, 1700000004000);
INSERT INTO packages VALUES ('01HF7YATZ8TX0XB2KENE13GVFH', 'default', 'hello', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'hello', '1.0.0', 1234, '{"name":"hello"}', 1, 0, 1700000001000);
INSERT INTO packages VALUES ('01HF7YAWXRQRWX0R4YBXZHHEN6', 'default', 'hello', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 'hello', '2.0.0', 1234, '{"name":"hello"}', 1, 0, 1700000003000);
INSERT INTO revisions VALUES ('hello', 1, '01HF7YATZ8A615JDR6CBS1E9JF', 'default', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', '1.0.0', '{"KEY":"väl\n''1''"}', 128, 256, 256, 1700000001000, 0, 77);
INSERT INTO revisions VALUES ('hello', 2, '01HF7YAWXR954KXM4MN2A0Z23P', 'default', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', '2.0.0', '{"KEY":"väl\n''1''"}', 128, 256, 256, 1700000003000, 0, 77);
INSERT INTO deployments VALUES ('01STORY0000000000000000001', 'default', 'hello', 'completed', 'https://example.com/hello.apkg', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 1, '1.0.0', 'it''s "new"', '{"KEY":"väl\n''1''"}', 128, 256, 256, '[{"completed_at":0,"name":"validate_package","started_at":0,"state":"pending"},{"completed_at":0,"name":"store_package","started_at":0,"state":"pending"},{"completed_at":0,"name":"start_instance","started_at":0,"state":"pending"},{"completed_at":0,"name":"route_traffic","started_at":0,"state":"pending"},{"completed_at":0,"name":"finalize","started_at":0,"state":"pending"}]', '', 3, 1, 1700000000000, 1700000001000, 1700000002000, 1700000600000, 1700000002000, '{"cpus":0.5}');
INSERT INTO deployments VALUES ('01STORY0000000000000000002', 'default', 'hello', 'completed', 'https://example.com/hello.apkg', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 2, '2.0.0', 'it''s "new"', '{"KEY":"väl\n''1''"}', 128, 256, 256, '[{"completed_at":0,"name":"validate_package","started_at":0,"state":"pending"},{"completed_at":0,"name":"store_package","started_at":0,"state":"pending"},{"completed_at":0,"name":"start_instance","started_at":0,"state":"pending"},{"completed_at":0,"name":"route_traffic","started_at":0,"state":"pending"},{"completed_at":0,"name":"finalize","started_at":0,"state":"pending"}]', '', 3, 1, 1700000002000, 1700000003000, 1700000004000, 1700000602000, 1700000004000, '{"cpus":0.5}');
INSERT INTO deployments VALUES ('01STORY0000000000000000003', 'default', 'broken', 'failed', '', '', '', 0, '', '', '{}', 512, 256, 256, '[{"completed_at":0,"name":"validate_package","started_at":0,"state":"pending"},{"completed_at":0,"name":"store_package","started_at":0,"state":"pending"},{"completed_at":0,"name":"start_instance","started_at":0,"state":"pending"},{"completed_at":0,"name":"route_traffic","started_at":0,"state":"pending"},{"completed_at":0,"name":"finalize","started_at":0,"state":"pending"}]', '{"cause":"missing_module","evidence":["line 1"],"message":"no yaml","remedy":"Add the module to requirements.txt, or to the package."}', 2, 1, 1700000004000, 0, 0, 1700000604000, 1700000004000, '');
INSERT INTO deployments VALUES ('01STORY0000000000000000004', 'default', 'waiting', 'queued', '', '', '', 0, '', '', '{}', 512, 256, 256, '[{"completed_at":0,"name":"validate_package","started_at":0,"state":"pending"},{"completed_at":0,"name":"store_package","started_at":0,"state":"pending"},{"completed_at":0,"name":"start_instance","started_at":0,"state":"pending"},{"completed_at":0,"name":"route_traffic","started_at":0,"state":"pending"},{"completed_at":0,"name":"finalize","started_at":0,"state":"pending"}]', '', 1, 0, 1700000004000, 0, 0, 1700000604000, 1700000004000, '');
INSERT INTO instances VALUES ('instance-1', 'default', 'hello', 2, 'ready', 'unix:/run/instance-1/par.sock', 4321, 'ready', 0, -1, 0, '{"dependency_lock":[],"interpreter":"","limits":{},"package_sha256":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb","phases":[],"ready":true,"total_ms":0.0}', 5, 6, 1, 1);
INSERT INTO routes VALUES ('hello', 'default', 'pz4krm7z', 'hello', 'says hello', '2.0.0', '[{"addresses":["unix:/run/instance-1/par.sock"],"revision":2,"tag":"blue","weight_permille":1000}]', 1, 1700000004000, 1, 1);
INSERT INTO counters VALUES ('route_generation', 1);
INSERT INTO events VALUES (1, 'default', 1700000000000, 'hello', 'app_created', '{"short_id":"pz4krm7z"}', '6aff0e1c6fbd134240045b863977c5ae2fbd7d9c2ffe0cf2fe9826ed7e3230f7');
INSERT INTO events VALUES (2, 'default', 1700000000000, 'hello', 'deployment_accepted', '{"deployment":"01STORY0000000000000000001","state":"queued"}', '7dca29af7435a73f8cf4bb49d7a0849f65ba83eb1f688e9fd6de45b48e2b194d');
INSERT INTO events VALUES (3, 'default', 1700000001000, 'hello', 'deployment_changed', '{"deployment":"01STORY0000000000000000001","revision":1,"state":"processing"}', '218d40e180ce6995e5a580752ff9958636ddd8db62868d13264b3e367acd73c0');
INSERT INTO events VALUES (4, 'default', 1700000002000, 'hello', 'deployment_ended', '{"deployment":"01STORY0000000000000000001","revision":1,"state":"completed"}', 'fa93dae352d485ea49930a236b0ecccb94a56c574f550a61f8fb2e541704fa04');
INSERT INTO events VALUES (5, 'default', 1700000002000, 'hello', 'deployment_accepted', '{"deployment":"01STORY0000000000000000002","state":"queued"}', 'bd476bd5eb3ab60b9e8e9ae190b359029fc1516f8ba4767bd336a2fd416974c7');
INSERT INTO events VALUES (6, 'default', 1700000003000, 'hello', 'deployment_changed', '{"deployment":"01STORY0000000000000000002","revision":2,"state":"processing"}', '1ec81c081c98bb12b8e4083a8389b3c5ee6df6f675c1834d9274c66ee728a61e');
INSERT INTO events VALUES (7, 'default', 1700000004000, 'hello', 'deployment_ended', '{"deployment":"01STORY0000000000000000002","revision":2,"state":"completed"}', 'b061d19ebb84b165d3faa23029167108152e9a2057699882a489b440ab6a899a');
INSERT INTO events VALUES (8, 'default', 1700000004000, 'broken', 'app_created', '{"short_id":"dwp5bzua"}', '4a5e4788634640c71e875c0f7043f5470f83f3f91f31b3ceab5308a3db6ed845');
INSERT INTO events VALUES (9, 'default', 1700000004000, 'broken', 'deployment_accepted', '{"deployment":"01STORY0000000000000000003","state":"queued"}', 'bbaab3bdb1481a1d0909059642cb1f0d7f39f161b425a3520a73b2ffe1fa15a9');
INSERT INTO events VALUES (10, 'default', 1700000004000, 'broken', 'deployment_ended', '{"cause":"missing_module","deployment":"01STORY0000000000000000003","state":"failed"}', '71de2db726ac0760c09ab0c6ff44362fd93920efcf605adaa418bba66b9215eb');
INSERT INTO events VALUES (11, 'default', 1700000004000, 'waiting', 'app_created', '{"short_id":"nhzd2ten"}', '70b6f0d588c6f09b1a075b91893e4661391aa702e29502846bf0898764f8876d');
INSERT INTO events VALUES (12, 'default', 1700000004000, 'waiting', 'deployment_accepted', '{"deployment":"01STORY0000000000000000004","state":"queued"}', 'd5b58017cb447aaa2b59f5913869d3cb7664d2214bbd6e40299237b35543dac5');
INSERT INTO events VALUES (13, 'default', 1700000004000, 'hello', 'instance_changed', '{"instance":"instance-1","phase":"ready","revision":2}', 'b34c40902404d0b55df7220b514d193e84fc8a2be242b5c0e0df662b57f97648');
INSERT INTO events VALUES (14, 'default', 1700000004000, 'hello', 'route_changed', '{"generation":1,"revisions":[2]}', 'e1352467d31205de3b3f550722249c3279860e08477d27358cdf99bb3f4bcd5d');
INSERT INTO leases VALUES ('reconciler', 'control-1', 1, 1700000010000);
INSERT INTO step_journal VALUES ('open-step', 'default', 'waiting', '01STORY0000000000000000004', 'import_package', '{}', 1700000004000, 0, 0, '', 1, 1, 1);
INSERT INTO step_journal VALUES ('failed-step', 'default', 'waiting', '01STORY0000000000000000004', 'import_package', '{}', 1700000004000, 1700000004000, 0, 'node is away', 1, 2, 1);
INSERT INTO idempotency_keys VALUES ('default', 'key-1', 'digest-1', '01STORY0000000000000000004', 1700000004000);
