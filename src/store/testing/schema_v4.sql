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
INSERT INTO agent_apps VALUES ('hello', 'default', 'us7wf482', 5, 1, 1700000000000, '{"legs":[{"revision":2,"weight_permille":1000}],"pinned":false,"sticky":{"by":"none","name":""}}', 2, 1, 300, 0, '{"aliases":["hello-of-before"],"hosts":["hello.example.com"],"legacy":{"address":"10.0.0.7:8080","path_prefix":"/x","weight_permille":200},"limits":{"burst":0,"max_body_bytes":0,"max_concurrent":0,"requests_per_second":20,"timeouts":{"a2a_ms":0,"idle_ms":0,"rest_ms":60000,"ui_ms":0}},"mirror":{"max_body_bytes":65536,"permille":100,"revision":2}}');
INSERT INTO agent_apps VALUES ('broken', 'default', '22zeuarv', 1, 0, 1700000004000, '', 1, 1, 300, 0, '');
INSERT INTO agent_apps VALUES ('waiting', 'default', 'gn3px56v', 1, 0, 1700000004000, '', 1, 1, 300, 0, '');
INSERT INTO packages VALUES ('01HF7YATZ8JAM8VVEGJ10A45V4', 'default', 'hello', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'hello', '1.0.0', 1234, '{"name":"hello"}', 1, 0, 1700000001000, 'https://example.com/hello.apkg');
INSERT INTO packages VALUES ('01HF7YAWXRE4FSX7E734THNCYK', 'default', 'hello', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 'hello', '2.0.0', 1234, '{"name":"hello"}', 1, 0, 1700000003000, 'https://example.com/hello.apkg');
INSERT INTO revisions VALUES ('hello', 1, '01HF7YATZ8MP1X8YEG3G6J0HSM', 'default', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', '1.0.0', '{"KEY":"väl\n''1''"}', 128, 256, 256, 1700000001000, 0, 77, 1700000004000);
INSERT INTO revisions VALUES ('hello', 2, '01HF7YAWXRJ97VD4YBM2QX0A99', 'default', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', '2.0.0', '{"KEY":"väl\n''1''"}', 128, 256, 256, 1700000003000, 0, 77, 0);
INSERT INTO deployments VALUES ('01STORY0000000000000000001', 'default', 'hello', 'completed', 'https://example.com/hello.apkg', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 1, '1.0.0', 'it''s "new"', '{"KEY":"väl\n''1''"}', 128, 256, 256, '[{"completed_at":0,"name":"validate_package","started_at":0,"state":"pending"},{"completed_at":0,"name":"store_package","started_at":0,"state":"pending"},{"completed_at":0,"name":"start_instance","started_at":0,"state":"pending"},{"completed_at":0,"name":"route_traffic","started_at":0,"state":"pending"},{"completed_at":0,"name":"finalize","started_at":0,"state":"pending"}]', '', 3, 1, 1700000000000, 1700000001000, 1700000002000, 1700000600000, 1700000002000, '{"cpus":0.5}', 'deploy', '{"bake_seconds":0,"max_error_permille":50,"max_p95_ms":0,"min_requests":20,"type":"blue_green"}', '', 'green', 1);
INSERT INTO deployments VALUES ('01STORY0000000000000000002', 'default', 'hello', 'completed', 'https://example.com/hello.apkg', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 2, '2.0.0', 'it''s "new"', '{"KEY":"väl\n''1''"}', 128, 256, 256, '[{"completed_at":0,"name":"validate_package","started_at":0,"state":"pending"},{"completed_at":0,"name":"store_package","started_at":0,"state":"pending"},{"completed_at":0,"name":"start_instance","started_at":0,"state":"pending"},{"completed_at":0,"name":"route_traffic","started_at":0,"state":"pending"},{"completed_at":0,"name":"finalize","started_at":0,"state":"pending"}]', '', 3, 1, 1700000002000, 1700000003000, 1700000004000, 1700000602000, 1700000004000, '{"cpus":0.5}', 'deploy', '{"bake_seconds":0,"max_error_permille":50,"max_p95_ms":0,"min_requests":20,"type":"blue_green"}', '', 'green', 1);
INSERT INTO deployments VALUES ('01STORY0000000000000000003', 'default', 'broken', 'failed', '', '', '', 0, '', '', '{}', 512, 256, 256, '[{"completed_at":0,"name":"validate_package","started_at":0,"state":"pending"},{"completed_at":0,"name":"store_package","started_at":0,"state":"pending"},{"completed_at":0,"name":"start_instance","started_at":0,"state":"pending"},{"completed_at":0,"name":"route_traffic","started_at":0,"state":"pending"},{"completed_at":0,"name":"finalize","started_at":0,"state":"pending"}]', '{"cause":"missing_module","evidence":["line 1"],"message":"no yaml","remedy":"Add the module to requirements.txt, or to the package."}', 2, 1, 1700000004000, 0, 0, 1700000604000, 1700000004000, '', 'deploy', '', '', '', 1);
INSERT INTO deployments VALUES ('01STORY0000000000000000004', 'default', 'waiting', 'queued', '', '', '', 0, '', '', '{}', 512, 256, 256, '[{"completed_at":0,"name":"validate_package","started_at":0,"state":"pending"},{"completed_at":0,"name":"store_package","started_at":0,"state":"pending"},{"completed_at":0,"name":"start_instance","started_at":0,"state":"pending"},{"completed_at":0,"name":"route_traffic","started_at":0,"state":"pending"},{"completed_at":0,"name":"finalize","started_at":0,"state":"pending"}]', '', 1, 0, 1700000004000, 0, 0, 1700000604000, 1700000004000, '', 'deploy', '', '', '', 1);
INSERT INTO instances VALUES ('instance-1', 'default', 'hello', 2, 'ready', 'unix:/run/instance-1/par.sock', 4321, 'ready', 0, -1, 0, '{"dependency_lock":[],"interpreter":"","limits":{},"package_sha256":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb","phases":[],"ready":true,"total_ms":0.0}', 5, 6, 1, 1);
INSERT INTO routes VALUES ('hello', 'default', 'us7wf482', 'hello', 'says hello', '2.0.0', '[{"addresses":["unix:/run/instance-1/par.sock"],"revision":2,"tag":"blue","weight_permille":1000}]', 1, 1700000004000, 1, 1, '{"by":"cookie","name":"c"}', '{"aliases":["hello-of-before"],"hosts":["hello.example.com"],"legacy":{"address":"10.0.0.7:8080","path_prefix":"/x","weight_permille":200},"limits":{"burst":0,"max_body_bytes":0,"max_concurrent":0,"requests_per_second":20,"timeouts":{"a2a_ms":0,"idle_ms":0,"rest_ms":60000,"ui_ms":0}},"mirror":{"max_body_bytes":65536,"permille":100,"revision":2}}');
INSERT INTO counters VALUES ('route_generation', 1);
INSERT INTO events VALUES (1, 'default', 1700000000000, 'hello', 'app_created', '{"short_id":"us7wf482"}', 'b110033747c965b2b83d378d3ea5cee2647ef42c4b4674b2f3c7583c5a8b0961');
INSERT INTO events VALUES (2, 'default', 1700000000000, 'hello', 'deployment_accepted', '{"deployment":"01STORY0000000000000000001","state":"queued"}', '3428fb74523c0c2c30f2b6a323fb2facb7e7e1451a86f17c04de176ccc3a914f');
INSERT INTO events VALUES (3, 'default', 1700000001000, 'hello', 'package_added', '{"package":"01HF7YATZ8JAM8VVEGJ10A45V4","sha256":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}', '1d944a1ae196c040f7ea6d267f2b388b64c722b0cf34b457990ecf8cce65b9f6');
INSERT INTO events VALUES (4, 'default', 1700000001000, 'hello', 'deployment_changed', '{"deployment":"01STORY0000000000000000001","revision":1,"state":"processing"}', '43bc35a0168513643eff7ef3ab4267be0d324c0a32148361ee6a0c2d7abbf331');
INSERT INTO events VALUES (5, 'default', 1700000002000, 'hello', 'deployment_ended', '{"deployment":"01STORY0000000000000000001","revision":1,"state":"completed"}', 'df67326bf914ccf984b5dd51aa0602c7aff50f657fcc3922359b1803518b3edc');
INSERT INTO events VALUES (6, 'default', 1700000002000, 'hello', 'app_changed', '{"deleting":false,"instances":1,"traffic":{"legs":[{"revision":1,"weight_permille":1000}],"pinned":false,"sticky":{"by":"none","name":""}}}', '7d908e6e532ce97a9cb3570ba894aa130087ddeb7ffc0a33b819fcd3e70161bc');
INSERT INTO events VALUES (7, 'default', 1700000002000, 'hello', 'deployment_accepted', '{"deployment":"01STORY0000000000000000002","state":"queued"}', 'c390f381a9c1d079671ab1d0284a025e47461aa0fed9098302c1f70752dbd0d3');
INSERT INTO events VALUES (8, 'default', 1700000003000, 'hello', 'package_added', '{"package":"01HF7YAWXRE4FSX7E734THNCYK","sha256":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"}', 'f69e38949bc5a787abd8650b45b5935d72b591af395f7f57582060d85354fe9b');
INSERT INTO events VALUES (9, 'default', 1700000003000, 'hello', 'deployment_changed', '{"deployment":"01STORY0000000000000000002","revision":2,"state":"processing"}', 'a2c9bbe5c71b689d236bf044277773f416c7053714353986165a95f63cc0f45a');
INSERT INTO events VALUES (10, 'default', 1700000004000, 'hello', 'deployment_ended', '{"deployment":"01STORY0000000000000000002","revision":2,"state":"completed"}', '2d3d7563d1617670fa70d47935d05f23bb2ba487f493324cdce11dd3b033c82e');
INSERT INTO events VALUES (11, 'default', 1700000004000, 'hello', 'app_changed', '{"deleting":false,"instances":1,"traffic":{"legs":[{"revision":2,"weight_permille":1000}],"pinned":false,"sticky":{"by":"none","name":""}}}', '626a5c3c7386cfea25533d7007324b1e0f1521f4197ad24459851ac19663004a');
INSERT INTO events VALUES (12, 'default', 1700000004000, 'hello', 'app_changed', '{"deleting":false,"instances":2,"traffic":{"legs":[{"revision":2,"weight_permille":1000}],"pinned":false,"sticky":{"by":"none","name":""}}}', 'b36b56c6a9bc7a24bde1e97c116f5f06db235de1dc4b7eb25d3ba4e7033f9dc0');
INSERT INTO events VALUES (13, 'default', 1700000004000, 'hello', 'app_changed', '{"deleting":false,"instances":2,"routing":{"aliases":["hello-of-before"],"hosts":["hello.example.com"],"legacy":{"address":"10.0.0.7:8080","path_prefix":"/x","weight_permille":200},"limits":{"burst":0,"max_body_bytes":0,"max_concurrent":0,"requests_per_second":20,"timeouts":{"a2a_ms":0,"idle_ms":0,"rest_ms":60000,"ui_ms":0}},"mirror":{"max_body_bytes":65536,"permille":100,"revision":2}},"traffic":{"legs":[{"revision":2,"weight_permille":1000}],"pinned":false,"sticky":{"by":"none","name":""}}}', 'ef6a347e34aa87d3de0434069ff5d6d8ce6e4a6b77ae97e3f9391f3b8fd8a94e');
INSERT INTO events VALUES (14, 'default', 1700000004000, 'broken', 'app_created', '{"short_id":"22zeuarv"}', 'ba6b91a30eb30e7b26e23ae35ae07d99bb4db9fdefef412c3cb1b24d237026f7');
INSERT INTO events VALUES (15, 'default', 1700000004000, 'broken', 'deployment_accepted', '{"deployment":"01STORY0000000000000000003","state":"queued"}', '2d3609c640216f164f460f28b4de56b0249e49d330d1a2d5e3424f633a1256c6');
INSERT INTO events VALUES (16, 'default', 1700000004000, 'broken', 'deployment_ended', '{"cause":"missing_module","deployment":"01STORY0000000000000000003","state":"failed"}', '74496835449ea018e878658d7961e21bb96f80dc21933a3cd5838b51b51598a0');
INSERT INTO events VALUES (17, 'default', 1700000004000, 'waiting', 'app_created', '{"short_id":"gn3px56v"}', '009a8d0175c0a69c43c0c66feb97527452639c292b7a77e57155c7d8abe87781');
INSERT INTO events VALUES (18, 'default', 1700000004000, 'waiting', 'deployment_accepted', '{"deployment":"01STORY0000000000000000004","state":"queued"}', '9f5de649123e3ecf566d8fd7c77314db3b0d746ec49b1dc8a43ff4955a65ba8a');
INSERT INTO events VALUES (19, 'default', 1700000004000, 'hello', 'instance_changed', '{"instance":"instance-1","phase":"ready","revision":2}', '509594af402aa63e1827abbefe5ac663271815571cb50d92d3e0dbc2a697fa2b');
INSERT INTO events VALUES (20, 'default', 1700000004000, 'hello', 'route_changed', '{"generation":1,"legs":[{"revision":2,"tag":"blue","targets":1,"weight_permille":1000}]}', '154ca85f4245433d9fb75d93a83fb28637712f336f625736528be48a8705def6');
INSERT INTO leases VALUES ('reconciler', 'control-1', 1, 1700000010000);
INSERT INTO step_journal VALUES ('open-step', 'default', 'waiting', '01STORY0000000000000000004', 'import_package', '{}', 1700000004000, 0, 0, '', 1, 1, 1);
INSERT INTO step_journal VALUES ('failed-step', 'default', 'waiting', '01STORY0000000000000000004', 'import_package', '{}', 1700000004000, 1700000004000, 0, 'node is away', 1, 2, 1);
INSERT INTO idempotency_keys VALUES ('default', 'key-1', 'digest-1', '01STORY0000000000000000004', 1700000004000);
INSERT INTO idempotent_replies VALUES ('POST /x key', 'digest', 201, 'application/json', '/x/1', '{}', 1700000004000);
INSERT INTO reserved_names VALUES ('alias', 'hello-of-before', 'hello');
INSERT INTO reserved_names VALUES ('host', 'hello.example.com', 'hello');
