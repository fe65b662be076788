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
INSERT INTO agent_apps VALUES ('hello', 'default', 'detadxat', 2, 3, 1, 1700000000000);
INSERT INTO agent_apps VALUES ('broken', 'default', 'svyddk2n', 0, 1, 0, 1700000004000);
INSERT INTO agent_apps VALUES ('waiting', 'default', 'u9q2tumy', 0, 1, 0, 1700000004000);
INSERT INTO packages VALUES ('01HF7YATZ8Z0H39347KZKTCR9D', 'default', 'hello', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'hello', '1.0.0', 1234, '{"name":"hello"}', 1, 0, 1700000001000);
INSERT INTO packages VALUES ('01HF7YAWXRMXFGGN2K48FPE5YR', 'default', 'hello', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 'hello', '2.0.0', 1234, '{"name":"hello"}', 1, 0, 1700000003000);
INSERT INTO revisions VALUES ('hello', 1, '01HF7YATZ8RMTQX4G7835T67V0', 'default', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', '1.0.0', '{"KEY":"väl\n''1''"}', 128, 256, 256, 1700000001000);
INSERT INTO revisions VALUES ('hello', 2, '01HF7YAWXRZ43ZT521SSVGTCK0', 'default', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', '2.0.0', '{"KEY":"väl\n''1''"}', 128, 256, 256, 1700000003000);
INSERT INTO deployments VALUES ('01STORY0000000000000000001', 'default', 'hello', 'completed', 'https://example.com/hello.apkg', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 1, '1.0.0', 'it''s "new"', '{"KEY":"väl\n''1''"}', 128, 256, 256, '[{"completed_at":0,"name":"validate_package","started_at":0,"state":"pending"},{"completed_at":0,"name":"store_package","started_at":0,"state":"pending"},{"completed_at":0,"name":"start_instance","started_at":0,"state":"pending"},{"completed_at":0,"name":"route_traffic","started_at":0,"state":"pending"},{"completed_at":0,"name":"finalize","started_at":0,"state":"pending"}]', '', 3, 1, 1700000000000, 1700000001000, 1700000002000, 1700000600000, 1700000002000);
INSERT INTO deployments VALUES ('01STORY0000000000000000002', 'default', 'hello', 'completed', 'https://example.com/hello.apkg', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 2, '2.0.0', 'it''s "new"', '{"KEY":"väl\n''1''"}', 128, 256, 256, '[{"completed_at":0,"name":"validate_package","started_at":0,"state":"pending"},{"completed_at":0,"name":"store_package","started_at":0,"state":"pending"},{"completed_at":0,"name":"start_instance","started_at":0,"state":"pending"},{"completed_at":0,"name":"route_traffic","started_at":0,"state":"pending"},{"completed_at":0,"name":"finalize","started_at":0,"state":"pending"}]', '', 3, 1, 1700000002000, 1700000003000, 1700000004000, 1700000602000, 1700000004000);
INSERT INTO deployments VALUES ('01STORY0000000000000000003', 'default', 'broken', 'failed', '', '', '', 0, '', '', '{}', 512, 256, 256, '[{"completed_at":0,"name":"validate_package","started_at":0,"state":"pending"},{"completed_at":0,"name":"store_package","started_at":0,"state":"pending"},{"completed_at":0,"name":"start_instance","started_at":0,"state":"pending"},{"completed_at":0,"name":"route_traffic","started_at":0,"state":"pending"},{"completed_at":0,"name":"finalize","started_at":0,"state":"pending"}]', '{"cause":"missing_module","evidence":["line 1"],"message":"no yaml","remedy":"Add the module to requirements.txt, or to the package."}', 2, 1, 1700000004000, 0, 0, 1700000604000, 1700000004000);
INSERT INTO deployments VALUES ('01STORY0000000000000000004', 'default', 'waiting', 'queued', '', '', '', 0, '', '', '{}', 512, 256, 256, '[{"completed_at":0,"name":"validate_package","started_at":0,"state":"pending"},{"completed_at":0,"name":"store_package","started_at":0,"state":"pending"},{"completed_at":0,"name":"start_instance","started_at":0,"state":"pending"},{"completed_at":0,"name":"route_traffic","started_at":0,"state":"pending"},{"completed_at":0,"name":"finalize","started_at":0,"state":"pending"}]', '', 1, 0, 1700000004000, 0, 0, 1700000604000, 1700000004000);
INSERT INTO instances VALUES ('instance-1', 'default', 'hello', 2, 'ready', 'unix:/run/instance-1/par.sock', 4321, 'ready', 0, -1, 0, '{"dependency_lock":[],"interpreter":"","limits":{},"package_sha256":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb","phases":[],"ready":true,"total_ms":0.0}', 5, 6, 1, 1);
INSERT INTO routes VALUES ('hello', 'default', 'detadxat', 'hello', 'says hello', '2.0.0', '[{"addresses":["unix:/run/instance-1/par.sock"],"revision":2,"tag":"blue","weight_permille":1000}]', 1, 1700000004000, 1, 1);
INSERT INTO counters VALUES ('route_generation', 1);
INSERT INTO events VALUES (1, 'default', 1700000000000, 'hello', 'app_created', '{"short_id":"detadxat"}', '381c168a828c2959af3157876896eaaee9eb224a12a5a4fe834308bba633480e');
INSERT INTO events VALUES (2, 'default', 1700000000000, 'hello', 'deployment_accepted', '{"deployment":"01STORY0000000000000000001","state":"queued"}', '892caf1a95b64ae17f8a4b4fc3da1ffe565f47b8ac3265eb783a4403a2d0c20d');
INSERT INTO events VALUES (3, 'default', 1700000001000, 'hello', 'deployment_changed', '{"deployment":"01STORY0000000000000000001","revision":1,"state":"processing"}', '1da49d6c8a82052c5b348d27d1064200fe7811801ef9a824d185ad71d9ea911f');
INSERT INTO events VALUES (4, 'default', 1700000002000, 'hello', 'deployment_ended', '{"deployment":"01STORY0000000000000000001","revision":1,"state":"completed"}', '6a7dc662a1aa1f481a3724be1344d5d8207f8863fe12328e83ba70571d1fe8e5');
INSERT INTO events VALUES (5, 'default', 1700000002000, 'hello', 'deployment_accepted', '{"deployment":"01STORY0000000000000000002","state":"queued"}', '4cb1f90132d83206c0a38b7733eb27919b22a932a54e1f0a24590600d3445133');
INSERT INTO events VALUES (6, 'default', 1700000003000, 'hello', 'deployment_changed', '{"deployment":"01STORY0000000000000000002","revision":2,"state":"processing"}', 'dc6e89722ec2059b8fc3e598f62b6eccf0478084239f1a5b2b2648c2e09236a0');
INSERT INTO events VALUES (7, 'default', 1700000004000, 'hello', 'deployment_ended', '{"deployment":"01STORY0000000000000000002","revision":2,"state":"completed"}', 'da93ebb0a2d7da7206511e6373d172def542286ab1e240b2fa8bfd62fde2e520');
INSERT INTO events VALUES (8, 'default', 1700000004000, 'broken', 'app_created', '{"short_id":"svyddk2n"}', '8a6e030cb7caac60ff54a640a97dfbe8d8d89d9634c1b16f7afbc30b8e1ce430');
INSERT INTO events VALUES (9, 'default', 1700000004000, 'broken', 'deployment_accepted', '{"deployment":"01STORY0000000000000000003","state":"queued"}', 'a3094700419bb694745fed85ba4ce464f3562298acd21ebe70cad1972d8df21c');
INSERT INTO events VALUES (10, 'default', 1700000004000, 'broken', 'deployment_ended', '{"cause":"missing_module","deployment":"01STORY0000000000000000003","state":"failed"}', 'd0117810d83e0d997eecf7098ec8c0ae26a162d56b3d369ed5408a4ac080507d');
INSERT INTO events VALUES (11, 'default', 1700000004000, 'waiting', 'app_created', '{"short_id":"u9q2tumy"}', 'd28d37b37f438893808cd8727c16ae16dd32d214cee954261e11eec111019741');
INSERT INTO events VALUES (12, 'default', 1700000004000, 'waiting', 'deployment_accepted', '{"deployment":"01STORY0000000000000000004","state":"queued"}', '8bf8bd4c83276e0da515d0c4b023c4c8c2106905dc376cafd262aae18ce9d584');
INSERT INTO events VALUES (13, 'default', 1700000004000, 'hello', 'instance_changed', '{"instance":"instance-1","phase":"ready","revision":2}', '93f319c5638401e25fcd47124b353169ea56a9dd6a981732d35c63efbef1c287');
INSERT INTO events VALUES (14, 'default', 1700000004000, 'hello', 'route_changed', '{"generation":1,"revisions":[2]}', 'bd0fa64914b248563f21afab124ba166a03db8002c897cffb4a1d66c7ae0cb30');
INSERT INTO leases VALUES ('reconciler', 'control-1', 1, 1700000010000);
INSERT INTO step_journal VALUES ('open-step', 'default', 'waiting', '01STORY0000000000000000004', 'import_package', '{}', 1700000004000, 0, 0, '', 1, 1, 1);
INSERT INTO step_journal VALUES ('failed-step', 'default', 'waiting', '01STORY0000000000000000004', 'import_package', '{}', 1700000004000, 1700000004000, 0, 'node is away', 1, 2, 1);
INSERT INTO idempotency_keys VALUES ('default', 'key-1', 'digest-1', '01STORY0000000000000000004', 1700000004000);
