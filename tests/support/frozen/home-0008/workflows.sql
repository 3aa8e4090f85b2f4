BEGIN TRANSACTION;
CREATE TABLE application_versions (
    version_id TEXT NOT NULL PRIMARY KEY,
    version_name TEXT NOT NULL UNIQUE,
    version_timestamp INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000),
    created_at INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000)
, "application_name" TEXT DEFAULT NULL);
INSERT INTO "application_versions" VALUES('c3cb9232-f01c-4255-a45f-fe017d1ef7fa','1',1796130548000,1796130548000,'styx');
CREATE TABLE dbos_migrations (version INTEGER NOT NULL PRIMARY KEY);
INSERT INTO "dbos_migrations" VALUES(125);
CREATE TABLE notifications (
    message_uuid TEXT NOT NULL DEFAULT (hex(randomblob(16))) PRIMARY KEY,
    destination_uuid TEXT NOT NULL,
    topic TEXT,
    message TEXT NOT NULL,
    created_at_epoch_ms INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000), "serialization" TEXT DEFAULT NULL, "consumed" BOOLEAN NOT NULL DEFAULT FALSE, consumed_by_function_id INTEGER,
    FOREIGN KEY (destination_uuid) REFERENCES workflow_status(workflow_uuid) 
        ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE TABLE "operation_outputs" (
    workflow_uuid TEXT NOT NULL,
    function_id INTEGER NOT NULL,
    function_name TEXT NOT NULL DEFAULT '',
    output TEXT,
    error TEXT,
    child_workflow_id TEXT,
    started_at_epoch_ms INTEGER,
    completed_at_epoch_ms INTEGER,
    serialization TEXT,
    application_name TEXT DEFAULT NULL,
    retention_timestamp INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000),
    PRIMARY KEY (workflow_uuid, function_id)
);
INSERT INTO "operation_outputs" VALUES('job-2',1,'launch','{"value": {"do": "watch", "run": 1, "cluster": "array-2", "restarts": 0, "recoveries": 0, "job": 1}}',NULL,NULL,1796130548554,1796130549614,'styx_json','styx',1796130549000);
INSERT INTO "operation_outputs" VALUES('job-1',1,'launch','{"value": {"do": "watch", "run": 1, "cluster": "running-1", "restarts": 0, "recoveries": 0, "job": 1}}',NULL,NULL,1796130548538,1796130549738,'styx_json','styx',1796130549000);
INSERT INTO "operation_outputs" VALUES('job-7',1,'launch','{"value": {"do": "watch", "run": 1, "cluster": "again-7", "restarts": 0, "recoveries": 0, "job": 1}}',NULL,NULL,1796130548625,1796130549829,'styx_json','styx',1796130549000);
INSERT INTO "operation_outputs" VALUES('job-3',1,'launch','{"value": {"do": "watch", "run": 1, "cluster": "array-3", "restarts": 0, "recoveries": 0, "job": 1}}',NULL,NULL,1796130548597,1796130549988,'styx_json','styx',1796130549000);
INSERT INTO "operation_outputs" VALUES('job-4',1,'launch','{"value": {"do": "watch", "run": 1, "cluster": "make-4", "restarts": 0, "recoveries": 0, "job": 1}}',NULL,NULL,1796130548603,1796130549998,'styx_json','styx',1796130549000);
INSERT INTO "operation_outputs" VALUES('job-6',1,'launch','{"value": {"do": "watch", "run": 1, "cluster": "failed-6", "restarts": 0, "recoveries": 0, "job": 1}}',NULL,NULL,1796130548614,1796130550027,'styx_json','styx',1796130550000);
INSERT INTO "operation_outputs" VALUES('job-4',2,'watch','{"value": {"do": "clear", "run": 1, "cluster": "make-4", "restarts": 0, "recoveries": 0, "old": "make-4", "then": "end", "outcome": {"state": "succeeded", "reason": "", "exit_code": 0, "outputs": {"N": "7"}, "error": null}}}',NULL,NULL,1796130550008,1796130550043,'styx_json','styx',1796130550000);
INSERT INTO "operation_outputs" VALUES('job-6',2,'watch','{"value": {"do": "clear", "run": 1, "cluster": "failed-6", "restarts": 0, "recoveries": 0, "old": "failed-6", "then": "end", "outcome": {"state": "failed", "reason": "exit code 3", "exit_code": 3, "outputs": {}, "error": null}}}',NULL,NULL,1796130550034,1796130550059,'styx_json','styx',1796130550000);
INSERT INTO "operation_outputs" VALUES('job-4',3,'clear','{"value": {"do": "end", "run": 1, "cluster": "make-4", "restarts": 0, "recoveries": 0, "outcome": {"state": "succeeded", "reason": "", "exit_code": 0, "outputs": {"N": "7"}, "error": null}, "left": ""}}',NULL,NULL,1796130550046,1796130550128,'styx_json','styx',1796130550000);
INSERT INTO "operation_outputs" VALUES('job-4',4,'end','{"value": {}}',NULL,NULL,1796130550133,1796130550150,'styx_json','styx',1796130550000);
INSERT INTO "operation_outputs" VALUES('job-6',3,'clear','{"value": {"do": "end", "run": 1, "cluster": "failed-6", "restarts": 0, "recoveries": 0, "outcome": {"state": "failed", "reason": "exit code 3", "exit_code": 3, "outputs": {}, "error": null}, "left": ""}}',NULL,NULL,1796130550063,1796130550182,'styx_json','styx',1796130550000);
INSERT INTO "operation_outputs" VALUES('job-6',4,'end','{"value": {}}',NULL,NULL,1796130550189,1796130550212,'styx_json','styx',1796130550000);
INSERT INTO "operation_outputs" VALUES('job-5',1,'launch','{"value": {"do": "watch", "run": 1, "cluster": "use-5", "restarts": 0, "recoveries": 0, "job": 1}}',NULL,NULL,1796130550173,1796130550348,'styx_json','styx',1796130550000);
CREATE TABLE queues (
    queue_id TEXT PRIMARY KEY DEFAULT (hex(randomblob(16))),
    name TEXT NOT NULL UNIQUE,
    concurrency INTEGER,
    worker_concurrency INTEGER,
    rate_limit_max INTEGER,
    rate_limit_period_sec REAL,
    priority_enabled BOOLEAN NOT NULL DEFAULT FALSE,
    partition_queue BOOLEAN NOT NULL DEFAULT FALSE,
    polling_interval_sec REAL NOT NULL DEFAULT 1.0,
    created_at INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000),
    updated_at INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000)
, "application_name" TEXT DEFAULT NULL, "partition_concurrency" INTEGER DEFAULT NULL, "partition_worker_concurrency" INTEGER DEFAULT NULL, "partition_rate_limit_max" INTEGER DEFAULT NULL, "partition_rate_limit_period_sec" REAL DEFAULT NULL);
CREATE TABLE streams (
    workflow_uuid TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    "offset" INTEGER NOT NULL, function_id INTEGER NOT NULL DEFAULT 0, "serialization" TEXT DEFAULT NULL,
    PRIMARY KEY (workflow_uuid, key, "offset"),
    FOREIGN KEY (workflow_uuid) REFERENCES workflow_status(workflow_uuid) 
        ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE TABLE workflow_events (
    workflow_uuid TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL, "serialization" TEXT DEFAULT NULL,
    PRIMARY KEY (workflow_uuid, key),
    FOREIGN KEY (workflow_uuid) REFERENCES workflow_status(workflow_uuid) 
        ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE TABLE workflow_events_history (
    workflow_uuid TEXT NOT NULL,
    function_id INTEGER NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL, "serialization" TEXT DEFAULT NULL,
    PRIMARY KEY (workflow_uuid, function_id, key),
    FOREIGN KEY (workflow_uuid) REFERENCES workflow_status(workflow_uuid)
        ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE TABLE workflow_input (
    workflow_uuid TEXT NOT NULL PRIMARY KEY,
    inputs TEXT,
    retention_timestamp INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000)
);
INSERT INTO "workflow_input" VALUES('job-1','{"value": {"args": ["1"], "kwargs": {}}}',1796130548000);
INSERT INTO "workflow_input" VALUES('job-2','{"value": {"args": ["2"], "kwargs": {}}}',1796130548000);
INSERT INTO "workflow_input" VALUES('job-3','{"value": {"args": ["3"], "kwargs": {}}}',1796130548000);
INSERT INTO "workflow_input" VALUES('job-4','{"value": {"args": ["4"], "kwargs": {}}}',1796130548000);
INSERT INTO "workflow_input" VALUES('job-6','{"value": {"args": ["6"], "kwargs": {}}}',1796130548000);
INSERT INTO "workflow_input" VALUES('job-7','{"value": {"args": ["7"], "kwargs": {}}}',1796130548000);
INSERT INTO "workflow_input" VALUES('job-5','{"value": {"args": ["5"], "kwargs": {}}}',1796130550000);
CREATE TABLE workflow_output (
    workflow_uuid TEXT NOT NULL PRIMARY KEY,
    output TEXT,
    error TEXT,
    retention_timestamp INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000)
);
INSERT INTO "workflow_output" VALUES('job-4','{"value": null}',NULL,1796130550000);
INSERT INTO "workflow_output" VALUES('job-6','{"value": null}',NULL,1796130550000);
CREATE TABLE workflow_schedules (
    schedule_id TEXT PRIMARY KEY,
    schedule_name TEXT NOT NULL UNIQUE,
    workflow_name TEXT NOT NULL,
    workflow_class_name TEXT,
    schedule TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'ACTIVE',
    context TEXT NOT NULL
, "last_fired_at" TEXT DEFAULT NULL, "automatic_backfill" BOOLEAN NOT NULL DEFAULT FALSE, "cron_timezone" TEXT DEFAULT NULL, "queue_name" TEXT DEFAULT NULL, "application_name" TEXT DEFAULT NULL);
CREATE TABLE workflow_status (
    workflow_uuid TEXT PRIMARY KEY,
    status TEXT,
    name TEXT,
    authenticated_user TEXT,
    assumed_role TEXT,
    authenticated_roles TEXT,
    request TEXT,
    output TEXT,
    error TEXT,
    executor_id TEXT,
    created_at INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000),
    updated_at INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000),
    application_version TEXT,
    application_id TEXT,
    class_name TEXT DEFAULT NULL,
    config_name TEXT DEFAULT NULL,
    recovery_attempts INTEGER DEFAULT 0,
    queue_name TEXT,
    workflow_timeout_ms INTEGER,
    workflow_deadline_epoch_ms INTEGER,
    inputs TEXT,
    started_at_epoch_ms INTEGER,
    deduplication_id TEXT,
    priority INTEGER NOT NULL DEFAULT 0
, queue_partition_key TEXT, forked_from TEXT, "owner_xid" TEXT DEFAULT NULL, "parent_workflow_id" TEXT DEFAULT NULL, "serialization" TEXT DEFAULT NULL, "delay_until_epoch_ms" BIGINT DEFAULT NULL, "was_forked_from" BOOLEAN NOT NULL DEFAULT FALSE, "rate_limited" BOOLEAN NOT NULL DEFAULT FALSE, "completed_at" BIGINT, "attributes" TEXT, "schedule_name" TEXT, "debounce_deadline_epoch_ms" BIGINT DEFAULT NULL, "is_debounced" BOOLEAN NOT NULL DEFAULT FALSE, "application_name" TEXT DEFAULT NULL, "creator_xid" TEXT DEFAULT NULL);
INSERT INTO "workflow_status" VALUES('job-1','PENDING','job',NULL,NULL,NULL,NULL,NULL,NULL,'11221b2b16d0',1796130548000,1796130548000,'1','',NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,'0fe03926-9a68-4cf8-861c-20e16b5c147c',NULL,'styx_json',NULL,0,0,NULL,'null',NULL,NULL,0,'styx','0fe03926-9a68-4cf8-861c-20e16b5c147c');
INSERT INTO "workflow_status" VALUES('job-2','PENDING','job',NULL,NULL,NULL,NULL,NULL,NULL,'11221b2b16d0',1796130548000,1796130548000,'1','',NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,'38d19eff-2073-4d1a-a749-abb91b1bec35',NULL,'styx_json',NULL,0,0,NULL,'null',NULL,NULL,0,'styx','38d19eff-2073-4d1a-a749-abb91b1bec35');
INSERT INTO "workflow_status" VALUES('job-3','PENDING','job',NULL,NULL,NULL,NULL,NULL,NULL,'11221b2b16d0',1796130548000,1796130548000,'1','',NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,'e4c60cfc-8aac-49be-84ac-40f405a55c8d',NULL,'styx_json',NULL,0,0,NULL,'null',NULL,NULL,0,'styx','e4c60cfc-8aac-49be-84ac-40f405a55c8d');
INSERT INTO "workflow_status" VALUES('job-4','SUCCESS','job',NULL,NULL,NULL,NULL,NULL,NULL,'11221b2b16d0',1796130548000,1796130550000,'1','',NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,'styx_json',NULL,0,0,1796130550000,'null',NULL,NULL,0,'styx','1d0ef24d-dc69-48ef-aa69-361f791bbdc3');
INSERT INTO "workflow_status" VALUES('job-6','SUCCESS','job',NULL,NULL,NULL,NULL,NULL,NULL,'11221b2b16d0',1796130548000,1796130550000,'1','',NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,'styx_json',NULL,0,0,1796130550000,'null',NULL,NULL,0,'styx','b5a4875b-5cb4-45f3-a62d-93afe00c2b80');
INSERT INTO "workflow_status" VALUES('job-7','PENDING','job',NULL,NULL,NULL,NULL,NULL,NULL,'11221b2b16d0',1796130548000,1796130548000,'1','',NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,'fa1547a0-2440-40a0-8d13-d4b587eb3bb6',NULL,'styx_json',NULL,0,0,NULL,'null',NULL,NULL,0,'styx','fa1547a0-2440-40a0-8d13-d4b587eb3bb6');
INSERT INTO "workflow_status" VALUES('job-5','PENDING','job',NULL,NULL,NULL,NULL,NULL,NULL,'11221b2b16d0',1796130550000,1796130550000,'1','',NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,'6cd3d1f3-6999-415a-af15-30a1385c38e6',NULL,'styx_json',NULL,0,0,NULL,'null',NULL,NULL,0,'styx','6cd3d1f3-6999-415a-af15-30a1385c38e6');
CREATE INDEX workflow_status_created_at_index ON workflow_status (created_at);
CREATE INDEX idx_workflow_topic ON notifications (destination_uuid, topic);
CREATE INDEX "idx_workflow_status_delayed" ON "workflow_status" ("delay_until_epoch_ms") WHERE status = 'DELAYED';
CREATE INDEX "idx_workflow_status_forked_from" ON "workflow_status" ("forked_from") WHERE "forked_from" IS NOT NULL;
CREATE INDEX "idx_workflow_status_parent_workflow_id" ON "workflow_status" ("parent_workflow_id") WHERE "parent_workflow_id" IS NOT NULL;
CREATE UNIQUE INDEX "uq_workflow_status_dedup_id" ON "workflow_status" ("queue_name", "deduplication_id") WHERE "deduplication_id" IS NOT NULL;
CREATE INDEX "idx_workflow_status_pending" ON "workflow_status" ("created_at") WHERE "status" = 'PENDING';
CREATE INDEX "idx_workflow_status_failed" ON "workflow_status" ("status", "created_at") WHERE "status" IN ('ERROR', 'CANCELLED', 'MAX_RECOVERY_ATTEMPTS_EXCEEDED');
CREATE INDEX "idx_workflow_status_rate_limited" ON "workflow_status" ("queue_name", "started_at_epoch_ms") WHERE "rate_limited" = TRUE;
CREATE INDEX "idx_workflow_status_completed_at" ON "workflow_status" ("completed_at") WHERE "completed_at" IS NOT NULL;
CREATE INDEX "idx_workflow_status_started_at" ON "workflow_status" ("started_at_epoch_ms") WHERE "started_at_epoch_ms" IS NOT NULL;
CREATE INDEX "idx_workflow_status_schedule_name" ON "workflow_status" ("schedule_name") WHERE "schedule_name" IS NOT NULL;
CREATE UNIQUE INDEX "uq_application_versions_owner_version"
    ON application_versions ("application_name", "version_name")
    WHERE "application_name" IS NOT NULL;
CREATE UNIQUE INDEX "uq_application_versions_unclaimed_version"
    ON application_versions ("version_name")
    WHERE "application_name" IS NULL;
CREATE INDEX idx_workflow_input_retention
    ON workflow_input (retention_timestamp);
CREATE INDEX idx_workflow_output_retention
    ON workflow_output (retention_timestamp);
CREATE INDEX idx_operation_outputs_retention
    ON operation_outputs (retention_timestamp);
CREATE INDEX "idx_workflow_status_in_flight_v2" ON "workflow_status" ("queue_name", "status", "priority", "created_at", "application_name") WHERE "status" IN ('ENQUEUED', 'PENDING');
CREATE INDEX "idx_workflow_status_partition_dequeue_v3" ON "workflow_status" ("queue_name", "status", "queue_partition_key", "priority", "created_at", "workflow_uuid", "application_name") WHERE "status" IN ('ENQUEUED', 'PENDING') AND "queue_partition_key" IS NOT NULL;
CREATE INDEX "idx_operation_outputs_completed_at_function_name_v2" ON "operation_outputs" ("completed_at_epoch_ms", "function_name", "application_name");
CREATE INDEX "idx_workflow_status_deadline" ON "workflow_status" ("workflow_deadline_epoch_ms") WHERE "status" IN ('ENQUEUED', 'PENDING', 'DELAYED') AND "workflow_deadline_epoch_ms" IS NOT NULL;
CREATE INDEX "idx_application_versions_timestamp" ON "application_versions" ("version_timestamp" DESC);
CREATE INDEX "idx_application_versions_owner_timestamp" ON "application_versions" ("application_name", "version_timestamp" DESC);
COMMIT;
