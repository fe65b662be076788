CREATE TABLE schema_version ( version INTEGER PRIMARY KEY, applied_at INTEGER NOT NULL) STRICT;
CREATE TABLE agent_apps (
  id TEXT PRIMARY KEY,
  org TEXT NOT NULL DEFAULT 'default',
  short_id TEXT NOT NULL UNIQUE,
  generation INTEGER NOT NULL DEFAULT 1,
  fence INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL
, traffic_json TEXT NOT NULL DEFAULT '', instances INTEGER NOT NULL DEFAULT 1, warm_revisions INTEGER NOT NULL DEFAULT 1, warm_seconds INTEGER NOT NULL DEFAULT 300, is_deleting INTEGER NOT NULL DEFAULT 0, routing_json TEXT NOT NULL DEFAULT '', scaling_json TEXT NOT NULL DEFAULT '') STRICT;
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
INSERT INTO schema_version VALUES (6, 1700000000000);
INSERT INTO agent_apps VALUES ('hello', 'default', 'ue84enhf', 5, 1, 1700000000000, '{"legs":[{"revision":2,"weight_permille":1000}],"pinned":false,"sticky":{"by":"none","name":""}}', 2, 1, 300, 0, '{"aliases":["hello-of-before"],"hosts":["hello.example.com"],"legacy":{"address":"10.0.0.7:8080","path_prefix":"/x","weight_permille":200},"limits":{"burst":0,"max_body_bytes":0,"max_concurrent":0,"requests_per_second":20,"timeouts":{"a2a_ms":0,"idle_ms":0,"rest_ms":60000,"ui_ms":0}},"mirror":{"max_body_bytes":65536,"permille":100,"revision":2}}', '{"max_instances":6,"memory_percent":70,"min_instances":2}');
INSERT INTO agent_apps VALUES ('broken', 'default', 'vzaepvp4', 1, 0, 1700000004000, '', 1, 1, 300, 0, '', '');
INSERT INTO agent_apps VALUES ('waiting', 'default', '8ycg9m2w', 1, 0, 1700000004000, '', 1, 1, 300, 0, '', '');
INSERT INTO packages VALUES ('01HF7YATZ8TBNS3GZB6YRCH30W', 'default', 'hello', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'hello', '1.0.0', 1234, '{"name":"hello"}', 1, 0, 1700000001000, 'https://example.com/hello.apkg');
INSERT INTO packages VALUES ('01HF7YAWXR76TX4AGRYWE42V53', 'default', 'hello', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 'hello', '2.0.0', 1234, '{"name":"hello"}', 1, 0, 1700000003000, 'https://example.com/hello.apkg');
INSERT INTO revisions VALUES ('hello', 1, '01HF7YATZ8ARJPCNTYG5WZN3B3', 'default', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', '1.0.0', '{"KEY":"väl\n''1''"}', 128, 256, 256, 1700000001000, 0, 77, 1700000004000);
INSERT INTO revisions VALUES ('hello', 2, '01HF7YAWXRFJSXDS5EAQBQ0SN0', 'default', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', '2.0.0', '{"KEY":"väl\n''1''"}', 128, 256, 256, 1700000003000, 0, 77, 0);
INSERT INTO deployments VALUES ('01STORY0000000000000000001', 'default', 'hello', 'completed', 'https://example.com/hello.apkg', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 1, '1.0.0', 'it''s "new"', '{"KEY":"väl\n''1''"}', 128, 256, 256, '[{"completed_at":0,"name":"validate_package","started_at":0,"state":"pending"},{"completed_at":0,"name":"store_package","started_at":0,"state":"pending"},{"completed_at":0,"name":"start_instance","started_at":0,"state":"pending"},{"completed_at":0,"name":"route_traffic","started_at":0,"state":"pending"},{"completed_at":0,"name":"finalize","started_at":0,"state":"pending"}]', '', 3, 1, 1700000000000, 1700000001000, 1700000002000, 1700000600000, 1700000002000, '{"cpus":0.5}', 'deploy', '{"bake_seconds":0,"max_error_permille":50,"max_p95_ms":0,"min_requests":20,"type":"blue_green"}', '', 'green', 1);
INSERT INTO deployments VALUES ('01STORY0000000000000000002', 'default', 'hello', 'completed', 'https://example.com/hello.apkg', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 2, '2.0.0', 'it''s "new"', '{"KEY":"väl\n''1''"}', 128, 256, 256, '[{"completed_at":0,"name":"validate_package","started_at":0,"state":"pending"},{"completed_at":0,"name":"store_package","started_at":0,"state":"pending"},{"completed_at":0,"name":"start_instance","started_at":0,"state":"pending"},{"completed_at":0,"name":"route_traffic","started_at":0,"state":"pending"},{"completed_at":0,"name":"finalize","started_at":0,"state":"pending"}]', '', 3, 1, 1700000002000, 1700000003000, 1700000004000, 1700000602000, 1700000004000, '{"cpus":0.5}', 'deploy', '{"bake_seconds":0,"max_error_permille":50,"max_p95_ms":0,"min_requests":20,"type":"blue_green"}', '', 'green', 1);
INSERT INTO deployments VALUES ('01STORY0000000000000000003', 'default', 'broken', 'failed', '', '', '', 0, '', '', '{}', 512, 256, 256, '[{"completed_at":0,"name":"validate_package","started_at":0,"state":"pending"},{"completed_at":0,"name":"store_package","started_at":0,"state":"pending"},{"completed_at":0,"name":"start_instance","started_at":0,"state":"pending"},{"completed_at":0,"name":"route_traffic","started_at":0,"state":"pending"},{"completed_at":0,"name":"finalize","started_at":0,"state":"pending"}]', '{"cause":"missing_module","evidence":["line 1"],"message":"no yaml","remedy":"Add the module to requirements.txt, or to the package."}', 2, 1, 1700000004000, 0, 0, 1700000604000, 1700000004000, '', 'deploy', '', '', '', 1);
INSERT INTO deployments VALUES ('01STORY0000000000000000004', 'default', 'waiting', 'queued', '', '', '', 0, '', '', '{}', 512, 256, 256, '[{"completed_at":0,"name":"validate_package","started_at":0,"state":"pending"},{"completed_at":0,"name":"store_package","started_at":0,"state":"pending"},{"completed_at":0,"name":"start_instance","started_at":0,"state":"pending"},{"completed_at":0,"name":"route_traffic","started_at":0,"state":"pending"},{"completed_at":0,"name":"finalize","started_at":0,"state":"pending"}]', '', 1, 0, 1700000004000, 0, 0, 1700000604000, 1700000004000, '', 'deploy', '', '', '', 1);
INSERT INTO instances VALUES ('instance-1', 'default', 'hello', 2, 'ready', 'unix:/run/instance-1/par.sock', 4321, 'ready', 0, -1, 0, '{"dependency_lock":[],"interpreter":"","limits":{},"package_sha256":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb","phases":[],"ready":true,"total_ms":0.0}', 5, 6, 1, 1);
INSERT INTO routes VALUES ('hello', 'default', 'ue84enhf', 'hello', 'says hello', '2.0.0', '[{"addresses":["unix:/run/instance-1/par.sock"],"revision":2,"tag":"blue","weight_permille":1000}]', 1, 1700000004000, 1, 1, '{"by":"cookie","name":"c"}', '{"aliases":["hello-of-before"],"hosts":["hello.example.com"],"legacy":{"address":"10.0.0.7:8080","path_prefix":"/x","weight_permille":200},"limits":{"burst":0,"max_body_bytes":0,"max_concurrent":0,"requests_per_second":20,"timeouts":{"a2a_ms":0,"idle_ms":0,"rest_ms":60000,"ui_ms":0}},"mirror":{"max_body_bytes":65536,"permille":100,"revision":2}}');
INSERT INTO counters VALUES ('route_generation', 1);
INSERT INTO events VALUES (1, 'default', 1700000000000, 'hello', 'app_created', '{"short_id":"ue84enhf"}', 'e246db07af2393a3244808b4ae5d445ed87634a9e788dc99ebc8e58e772c53cc');
INSERT INTO events VALUES (2, 'default', 1700000000000, 'hello', 'deployment_accepted', '{"deployment":"01STORY0000000000000000001","state":"queued"}', '52800ebfa487d1fe56171a0e506c47fbfcb2eb53f1c667f6ca62c8eaa7fcf0fa');
INSERT INTO events VALUES (3, 'default', 1700000001000, 'hello', 'package_added', '{"package":"01HF7YATZ8TBNS3GZB6YRCH30W","sha256":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}', '016c7fec8b742b9f63f60a128bc09a8aefe8f8fc183155b7696d285c464b177b');
INSERT INTO events VALUES (4, 'default', 1700000001000, 'hello', 'deployment_changed', '{"deployment":"01STORY0000000000000000001","revision":1,"state":"processing"}', '52242f67f4682c339c5f07fc6b57f584c9a7e57ba8453eb9baed62a362fa9c6e');
INSERT INTO events VALUES (5, 'default', 1700000002000, 'hello', 'deployment_ended', '{"deployment":"01STORY0000000000000000001","revision":1,"state":"completed"}', 'b3c61cdc70570a43c50473fa6d803dd9f47f1d54fd3cff568a2e987827ae5b29');
INSERT INTO events VALUES (6, 'default', 1700000002000, 'hello', 'app_changed', '{"deleting":false,"instances":1,"traffic":{"legs":[{"revision":1,"weight_permille":1000}],"pinned":false,"sticky":{"by":"none","name":""}}}', '88846da1dcb11826aa2d721828cf487517093c9de71588ce1bbf06ac3e54b16b');
INSERT INTO events VALUES (7, 'default', 1700000002000, 'hello', 'deployment_accepted', '{"deployment":"01STORY0000000000000000002","state":"queued"}', '15caa9352e6a143047ad4cfc9cd13f682191a80f380258d20560de6cb05272bc');
INSERT INTO events VALUES (8, 'default', 1700000003000, 'hello', 'package_added', '{"package":"01HF7YAWXR76TX4AGRYWE42V53","sha256":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"}', 'ad50c1bb5a1f586afce4a5e5a2b46e04e5f237f31bade2e9012594d3155c1b5e');
INSERT INTO events VALUES (9, 'default', 1700000003000, 'hello', 'deployment_changed', '{"deployment":"01STORY0000000000000000002","revision":2,"state":"processing"}', 'cfd7086c49de52293cfa66161861d44cfe0cda668c4c351f1aa21f45f8c8e757');
INSERT INTO events VALUES (10, 'default', 1700000004000, 'hello', 'deployment_ended', '{"deployment":"01STORY0000000000000000002","revision":2,"state":"completed"}', 'f008147d545740a764352171d44b09c2182da065f794a83a92ac4c3e6d12bbae');
INSERT INTO events VALUES (11, 'default', 1700000004000, 'hello', 'app_changed', '{"deleting":false,"instances":1,"traffic":{"legs":[{"revision":2,"weight_permille":1000}],"pinned":false,"sticky":{"by":"none","name":""}}}', '98d44a788fbc759534d1a3494d4e5f5f060b8869ed68ebca5994ebe3a57df2ca');
INSERT INTO events VALUES (12, 'default', 1700000004000, 'hello', 'app_changed', '{"deleting":false,"instances":2,"scaling":{"max_instances":6,"memory_percent":70,"min_instances":2},"traffic":{"legs":[{"revision":2,"weight_permille":1000}],"pinned":false,"sticky":{"by":"none","name":""}}}', '9dcacda43abc8b8eb21109acce3bad9f03dcf9f8de9c4c4ebe3141d8fd6a3364');
INSERT INTO events VALUES (13, 'default', 1700000004000, 'hello', 'app_changed', '{"deleting":false,"instances":2,"routing":{"aliases":["hello-of-before"],"hosts":["hello.example.com"],"legacy":{"address":"10.0.0.7:8080","path_prefix":"/x","weight_permille":200},"limits":{"burst":0,"max_body_bytes":0,"max_concurrent":0,"requests_per_second":20,"timeouts":{"a2a_ms":0,"idle_ms":0,"rest_ms":60000,"ui_ms":0}},"mirror":{"max_body_bytes":65536,"permille":100,"revision":2}},"scaling":{"max_instances":6,"memory_percent":70,"min_instances":2},"traffic":{"legs":[{"revision":2,"weight_permille":1000}],"pinned":false,"sticky":{"by":"none","name":""}}}', '3783c64fd1b0e255f51f101a8b7681e7ddf33af7bb6c938957d19b180017f525');
INSERT INTO events VALUES (14, 'default', 1700000004000, 'hello', 'rules_placed', '{"listener":"arn:listener","priority":1}', 'a8e967bd78c482c1dbcda67839f674dbbaa74256bb21a3acc03662a3e9a2e147');
INSERT INTO events VALUES (15, 'default', 1700000004000, 'broken', 'app_created', '{"short_id":"vzaepvp4"}', '432ad484ebb845adf540871d49f8108c02273d8e7197603be59c9de7d02f9534');
INSERT INTO events VALUES (16, 'default', 1700000004000, 'broken', 'deployment_accepted', '{"deployment":"01STORY0000000000000000003","state":"queued"}', 'a1a2ea5d0acbbc1f2a234f74f3ae176ad9528fbc1f3e7e22e621ad371621c464');
INSERT INTO events VALUES (17, 'default', 1700000004000, 'broken', 'deployment_ended', '{"cause":"missing_module","deployment":"01STORY0000000000000000003","state":"failed"}', '141d59bd755c033977a8980eb97ea8330bab451081b971a24ce3e1404a08111f');
INSERT INTO events VALUES (18, 'default', 1700000004000, 'waiting', 'app_created', '{"short_id":"8ycg9m2w"}', 'bdbb3aa92587d191dd0ba9e1aa7ebcdf57c2fc8604cba9f6354e1cc19574de0f');
INSERT INTO events VALUES (19, 'default', 1700000004000, 'waiting', 'deployment_accepted', '{"deployment":"01STORY0000000000000000004","state":"queued"}', '2e601a1f77f79582c2a3ef6b5d8e8badafdf1a7d66c3ac406f6e59a5059bdb63');
INSERT INTO events VALUES (20, 'default', 1700000004000, 'hello', 'instance_changed', '{"instance":"instance-1","phase":"ready","revision":2}', '39994f20f1c10159d9de5b9828abcff640c3adb0ec0edb60445efc6b7bfb9e87');
INSERT INTO events VALUES (21, 'default', 1700000004000, 'hello', 'route_changed', '{"generation":1,"legs":[{"revision":2,"tag":"blue","targets":1,"weight_permille":1000}]}', 'd82d2eecdd7dddd6f9978bfe199e07dc11cf03683f380ba861ca72ab652c4dae');
INSERT INTO leases VALUES ('reconciler', 'control-1', 1, 1700000010000);
INSERT INTO step_journal VALUES ('open-step', 'default', 'waiting', '01STORY0000000000000000004', 'import_package', '{}', 1700000004000, 0, 0, '', 1, 1, 1);
INSERT INTO step_journal VALUES ('failed-step', 'default', 'waiting', '01STORY0000000000000000004', 'import_package', '{}', 1700000004000, 1700000004000, 0, 'node is away', 1, 2, 1);
INSERT INTO idempotency_keys VALUES ('default', 'key-1', 'digest-1', '01STORY0000000000000000004', 1700000004000);
INSERT INTO idempotent_replies VALUES ('POST /x key', 'digest', 201, 'application/json', '/x/1', '{}', 1700000004000);
INSERT INTO reserved_names VALUES ('alias', 'hello-of-before', 'hello');
INSERT INTO reserved_names VALUES ('host', 'hello.example.com', 'hello');
INSERT INTO rule_places VALUES ('hello', 'arn:listener', 1);
