BEGIN TRANSACTION;
CREATE TABLE answers (
	user TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	fingerprint TEXT NOT NULL, 
	status INTEGER NOT NULL, 
	body TEXT NOT NULL, 
	created_at TEXT NOT NULL, 
	CONSTRAINT pk_answers PRIMARY KEY (user, "key")
);
INSERT INTO "answers" VALUES('root','asked','e147b61523a08893e26255db9044e0dbfcffae41c03d137871afee9337a25d17',202,'v1.faad4405.ZJjeiZt9HuLsW3U8uOsHjhH21TXQ6eCoEkZ2ZhvYMUCjI8SrFXufqcGAUyiqgefYYWGD5zlqZ6rrNhtvNzOyZYPyE2Rpv9WIYcH5Zb_kvgb8lZDhmfWpPWYvIVwnNkFXK_M-q7l7nrvbo9fH3I7vmOcwexGIgl_zMJs1CzwuQ6XsIuvY5VmZNjOR7NcO8pp3ls-GKttaIYqGIjHUNgyRt4r_7zZnQjyt-NzMBGBHz_HfsEQKycTgCMWrHbZPFUHy3ccpEfy_fO16sFWH724R_FZzdQzjw23ZUNr9dagM-EqsocwvOFEUhG9a6OfKV5qfkmHmiRQRDc7iP_ozOeQujLkmSfmGnRVC5NnA','2026-12-01T13:09:12.065794+00:00');
CREATE TABLE attempts (
	id INTEGER NOT NULL, 
	token TEXT NOT NULL, 
	cluster TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	cloud TEXT NOT NULL, 
	account TEXT NOT NULL, 
	identity TEXT NOT NULL, 
	owner TEXT NOT NULL, 
	prepared TEXT NOT NULL, 
	state TEXT NOT NULL, 
	created_at TEXT NOT NULL, 
	called_at TEXT, 
	receipt TEXT, 
	error TEXT, 
	CONSTRAINT pk_attempts PRIMARY KEY (id), 
	CONSTRAINT uq_attempts_token UNIQUE (token)
);
INSERT INTO "attempts" VALUES(1,'e4d1f6cfdc2dc7438ecb6b4b7efd207a','running-1','launch','local','default','{IDENTITY}','52vixe/running-1/n8hf','{"owner":"52vixe/running-1/n8hf","scope":"this","ranks":[0],"payload":"{\"action\": \"create\"}","token":"e4d1f6cfdc2dc7438ecb6b4b7efd207a"}','settled','2026-12-01T13:09:08.641059+00:00','2026-12-01T13:09:08.675907+00:00','{"token":"e4d1f6cfdc2dc7438ecb6b4b7efd207a","node_ids":{"0":"styx-52vixe-running-1-n8hf-0"},"hourly_cost":"0","data":{}}',NULL);
INSERT INTO "attempts" VALUES(2,'690cb0f8a7bf192b7b4fe0b3de33583b','array-2','launch','local','default','{IDENTITY}','52vixe/array-2/pcsi','{"owner":"52vixe/array-2/pcsi","scope":"this","ranks":[0],"payload":"{\"action\": \"create\"}","token":"690cb0f8a7bf192b7b4fe0b3de33583b"}','settled','2026-12-01T13:09:08.683617+00:00','2026-12-01T13:09:08.696345+00:00','{"token":"690cb0f8a7bf192b7b4fe0b3de33583b","node_ids":{"0":"styx-52vixe-array-2-pcsi-0"},"hourly_cost":"0","data":{}}',NULL);
INSERT INTO "attempts" VALUES(3,'b6e081866db29134e70728038f7bdf22','array-3','launch','local','default','{IDENTITY}','52vixe/array-3/o8gj','{"owner":"52vixe/array-3/o8gj","scope":"this","ranks":[0],"payload":"{\"action\": \"create\"}","token":"b6e081866db29134e70728038f7bdf22"}','settled','2026-12-01T13:09:08.883732+00:00','2026-12-01T13:09:08.896557+00:00','{"token":"b6e081866db29134e70728038f7bdf22","node_ids":{"0":"styx-52vixe-array-3-o8gj-0"},"hourly_cost":"0","data":{}}',NULL);
INSERT INTO "attempts" VALUES(4,'b76e4194a6108d5c2d8fc743f336df17','again-7','launch','local','default','{IDENTITY}','52vixe/again-7/qcc4','{"owner":"52vixe/again-7/qcc4","scope":"this","ranks":[0],"payload":"{\"action\": \"create\"}","token":"b76e4194a6108d5c2d8fc743f336df17"}','settled','2026-12-01T13:09:08.902659+00:00','2026-12-01T13:09:09.033595+00:00','{"token":"b76e4194a6108d5c2d8fc743f336df17","node_ids":{"0":"styx-52vixe-again-7-qcc4-0"},"hourly_cost":"0","data":{}}',NULL);
INSERT INTO "attempts" VALUES(5,'af6c47848360278fb69a6315f4dbedec','use-5','launch','local','default','{IDENTITY}','52vixe/use-5/sigr','{"owner":"52vixe/use-5/sigr","scope":"this","ranks":[0],"payload":"{\"action\": \"create\"}","token":"af6c47848360278fb69a6315f4dbedec"}','settled','2026-12-01T13:09:10.223598+00:00','2026-12-01T13:09:10.229544+00:00','{"token":"af6c47848360278fb69a6315f4dbedec","node_ids":{"0":"styx-52vixe-use-5-sigr-0"},"hourly_cost":"0","data":{}}',NULL);
INSERT INTO "attempts" VALUES(6,'99177ecb6592dbe316c3a6c7c159552a','asked','launch','local','default','{IDENTITY}','52vixe/asked/ybpu','{"owner":"52vixe/asked/ybpu","scope":"this","ranks":[0],"payload":"{\"action\": \"create\"}","token":"99177ecb6592dbe316c3a6c7c159552a"}','settled','2026-12-01T13:09:12.107550+00:00','2026-12-01T13:09:12.114195+00:00','{"token":"99177ecb6592dbe316c3a6c7c159552a","node_ids":{"0":"styx-52vixe-asked-ybpu-0"},"hourly_cost":"0","data":{}}',NULL);
CREATE TABLE audit (
	id INTEGER NOT NULL, 
	at TEXT NOT NULL, 
	user TEXT NOT NULL, 
	token TEXT NOT NULL, 
	address TEXT NOT NULL, 
	method TEXT NOT NULL, 
	path TEXT NOT NULL, 
	status INTEGER NOT NULL, 
	request TEXT NOT NULL, 
	CONSTRAINT pk_audit PRIMARY KEY (id)
);
INSERT INTO "audit" VALUES(1,'2026-12-01T13:09:06.999225+00:00','root','2f5832c487b4','127.0.0.1','POST','/v1/jobs',201,'9d5ee3620079519d');
INSERT INTO "audit" VALUES(2,'2026-12-01T13:09:07.053849+00:00','root','2f5832c487b4','127.0.0.1','POST','/v1/jobs',201,'b9aea553deb4f32d');
INSERT INTO "audit" VALUES(3,'2026-12-01T13:09:07.087165+00:00','root','2f5832c487b4','127.0.0.1','POST','/v1/dags',201,'3134ba59dcdf44de');
INSERT INTO "audit" VALUES(4,'2026-12-01T13:09:07.105456+00:00','root','2f5832c487b4','127.0.0.1','POST','/v1/jobs',201,'294d195aca950f84');
INSERT INTO "audit" VALUES(5,'2026-12-01T13:09:07.122271+00:00','root','2f5832c487b4','127.0.0.1','POST','/v1/jobs',201,'b33d3e042df9c07d');
INSERT INTO "audit" VALUES(6,'2026-12-01T13:09:07.155523+00:00','root','2f5832c487b4','127.0.0.1','POST','/v1/jobs',201,'d2f1fd4ff369d39d');
INSERT INTO "audit" VALUES(7,'2026-12-01T13:09:12.094909+00:00','root','2f5832c487b4','127.0.0.1','POST','/v1/clusters',202,'b5076c3a3ea65749');
CREATE TABLE blocks (
	id INTEGER NOT NULL, 
	cloud TEXT NOT NULL, 
	account TEXT, 
	region TEXT, 
	zone TEXT, 
	instance_type TEXT, 
	spot BOOLEAN, 
	code TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	until TEXT NOT NULL, 
	CONSTRAINT pk_blocks PRIMARY KEY (id)
);
CREATE TABLE buckets (
	cluster TEXT NOT NULL, 
	uri TEXT NOT NULL, 
	CONSTRAINT pk_buckets PRIMARY KEY (cluster, uri)
);
CREATE TABLE clusters (
	id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	slug TEXT NOT NULL, 
	state TEXT NOT NULL, 
	created_at TEXT NOT NULL, 
	updated_at TEXT NOT NULL, 
	num_nodes INTEGER NOT NULL, 
	cloud TEXT NOT NULL, 
	account TEXT NOT NULL, 
	identity TEXT NOT NULL, 
	scope TEXT NOT NULL, 
	region TEXT NOT NULL, 
	zone TEXT NOT NULL, 
	instance_type TEXT NOT NULL, 
	resources TEXT NOT NULL, 
	request TEXT NOT NULL, 
	offer TEXT NOT NULL, 
	spot BOOLEAN NOT NULL, 
	hourly_cost TEXT, 
	disk_hourly_cost TEXT, 
	backend TEXT NOT NULL, 
	attempt TEXT NOT NULL, 
	task_name TEXT NOT NULL, 
	user TEXT NOT NULL, 
	launched_at TEXT, 
	autostop TEXT, 
	autostop_set BOOLEAN NOT NULL, 
	error TEXT, 
	operation TEXT, 
	CONSTRAINT pk_clusters PRIMARY KEY (id), 
	CONSTRAINT uq_clusters_name UNIQUE (name), 
	CONSTRAINT uq_clusters_slug UNIQUE (slug)
);
INSERT INTO "clusters" VALUES(1,'running-1','running-1','up','2026-12-01T13:09:08.607733+00:00','2026-12-01T13:09:09.692280+00:00',1,'local','default','{IDENTITY}','this','','','this-machine','2 CPUs, 23.54 GiB','{"image_id":null,"container":null,"disk_size":null,"disk_tier":null,"identity":null,"ports":[],"labels":{}}','{"cloud":"local","scope":"this","instance_type":"this-machine","vcpus":2.0,"memory_gib":23.54,"region":"","zone":null,"accelerators":[],"hourly_price":"0","spot_hourly_price":null,"arch":"x86_64","disk_gib":null,"capabilities":["divisible"],"data":{}}',0,'0',NULL,'agent','n8hf','running','root','2026-12-01T13:09:09.691990+00:00','{"idle_minutes":240,"down":true,"wait_for":"jobs"}',1,NULL,NULL);
INSERT INTO "clusters" VALUES(2,'array-2','array-2','up','2026-12-01T13:09:08.655775+00:00','2026-12-01T13:09:09.565007+00:00',1,'local','default','{IDENTITY}','this','','','this-machine','2 CPUs, 23.54 GiB','{"image_id":null,"container":null,"disk_size":null,"disk_tier":null,"identity":null,"ports":[],"labels":{}}','{"cloud":"local","scope":"this","instance_type":"this-machine","vcpus":2.0,"memory_gib":23.54,"region":"","zone":null,"accelerators":[],"hourly_price":"0","spot_hourly_price":null,"arch":"x86_64","disk_gib":null,"capabilities":["divisible"],"data":{}}',0,'0',NULL,'agent','pcsi','array','root','2026-12-01T13:09:09.564545+00:00','{"idle_minutes":240,"down":true,"wait_for":"jobs"}',1,NULL,NULL);
INSERT INTO "clusters" VALUES(3,'array-3','array-3','up','2026-12-01T13:09:08.688172+00:00','2026-12-01T13:09:09.968879+00:00',1,'local','default','{IDENTITY}','this','','','this-machine','2 CPUs, 23.54 GiB','{"image_id":null,"container":null,"disk_size":null,"disk_tier":null,"identity":null,"ports":[],"labels":{}}','{"cloud":"local","scope":"this","instance_type":"this-machine","vcpus":2.0,"memory_gib":23.54,"region":"","zone":null,"accelerators":[],"hourly_price":"0","spot_hourly_price":null,"arch":"x86_64","disk_gib":null,"capabilities":["divisible"],"data":{}}',0,'0',NULL,'agent','o8gj','array','root','2026-12-01T13:09:09.968403+00:00','{"idle_minutes":240,"down":true,"wait_for":"jobs"}',1,NULL,NULL);
INSERT INTO "clusters" VALUES(6,'again-7','again-7','up','2026-12-01T13:09:08.883011+00:00','2026-12-01T13:09:09.796804+00:00',1,'local','default','{IDENTITY}','this','','','this-machine','2 CPUs, 23.54 GiB','{"image_id":null,"container":null,"disk_size":null,"disk_tier":null,"identity":null,"ports":[],"labels":{}}','{"cloud":"local","scope":"this","instance_type":"this-machine","vcpus":2.0,"memory_gib":23.54,"region":"","zone":null,"accelerators":[],"hourly_price":"0","spot_hourly_price":null,"arch":"x86_64","disk_gib":null,"capabilities":["divisible"],"data":{}}',0,'0',NULL,'agent','qcc4','again','root','2026-12-01T13:09:09.796330+00:00','{"idle_minutes":240,"down":true,"wait_for":"jobs"}',1,NULL,NULL);
INSERT INTO "clusters" VALUES(7,'use-5','use-5','up','2026-12-01T13:09:10.218762+00:00','2026-12-01T13:09:10.341183+00:00',1,'local','default','{IDENTITY}','this','','','this-machine','2 CPUs, 23.54 GiB','{"image_id":null,"container":null,"disk_size":null,"disk_tier":null,"identity":null,"ports":[],"labels":{}}','{"cloud":"local","scope":"this","instance_type":"this-machine","vcpus":2.0,"memory_gib":23.54,"region":"","zone":null,"accelerators":[],"hourly_price":"0","spot_hourly_price":null,"arch":"x86_64","disk_gib":null,"capabilities":["divisible"],"data":{}}',0,'0',NULL,'agent','sigr','use','root','2026-12-01T13:09:10.340875+00:00','{"idle_minutes":240,"down":true,"wait_for":"jobs"}',1,NULL,NULL);
INSERT INTO "clusters" VALUES(8,'asked','asked','setting_up','2026-12-01T13:09:12.105419+00:00','2026-12-01T13:09:12.119193+00:00',1,'local','default','{IDENTITY}','this','','','this-machine','2 CPUs, 23.54 GiB','{"image_id":null,"container":null,"disk_size":null,"disk_tier":null,"identity":null,"ports":[],"labels":{}}','{"cloud":"local","scope":"this","instance_type":"this-machine","vcpus":2.0,"memory_gib":23.54,"region":"","zone":null,"accelerators":[],"hourly_price":"0","spot_hourly_price":null,"arch":"x86_64","disk_gib":null,"capabilities":["divisible"],"data":{}}',0,'0',NULL,'agent','ybpu','','root',NULL,NULL,0,NULL,'{"kind":"launch","expires_at":"2026-12-01T13:10:12.105419+00:00","holder":{"id":"cff6a86cdc51a199","pid":22535,"started":"509334","boot_id":"boot/pid","host":"elsewhere"}}');
CREATE TABLE events (
	id INTEGER NOT NULL, 
	at TEXT NOT NULL, 
	cluster TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	from_state TEXT NOT NULL, 
	to_state TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	CONSTRAINT pk_events PRIMARY KEY (id)
);
INSERT INTO "events" VALUES(1,'2026-12-01T13:09:08.610139+00:00','running-1','created','','planning','');
INSERT INTO "events" VALUES(2,'2026-12-01T13:09:08.645657+00:00','running-1','state','planning','provisioning','local/this');
INSERT INTO "events" VALUES(3,'2026-12-01T13:09:08.657468+00:00','array-2','created','','planning','');
INSERT INTO "events" VALUES(4,'2026-12-01T13:09:08.684781+00:00','array-2','state','planning','provisioning','local/this');
INSERT INTO "events" VALUES(5,'2026-12-01T13:09:08.692244+00:00','array-3','created','','planning','');
INSERT INTO "events" VALUES(6,'2026-12-01T13:09:08.701728+00:00','running-1','state','provisioning','setting_up','');
INSERT INTO "events" VALUES(7,'2026-12-01T13:09:08.878209+00:00','make-4','created','','planning','');
INSERT INTO "events" VALUES(8,'2026-12-01T13:09:08.882437+00:00','failed-6','created','','planning','');
INSERT INTO "events" VALUES(9,'2026-12-01T13:09:08.883280+00:00','again-7','created','','planning','');
INSERT INTO "events" VALUES(10,'2026-12-01T13:09:08.884888+00:00','array-3','state','planning','provisioning','local/this');
INSERT INTO "events" VALUES(11,'2026-12-01T13:09:08.894394+00:00','array-2','state','provisioning','setting_up','');
INSERT INTO "events" VALUES(12,'2026-12-01T13:09:09.015055+00:00','again-7','state','planning','provisioning','local/this');
INSERT INTO "events" VALUES(13,'2026-12-01T13:09:09.017443+00:00','failed-6','state','planning','provisioning','local/this');
INSERT INTO "events" VALUES(14,'2026-12-01T13:09:09.045071+00:00','make-4','state','planning','provisioning','local/this');
INSERT INTO "events" VALUES(15,'2026-12-01T13:09:09.064236+00:00','array-3','state','provisioning','setting_up','');
INSERT INTO "events" VALUES(16,'2026-12-01T13:09:09.068690+00:00','again-7','state','provisioning','setting_up','');
INSERT INTO "events" VALUES(17,'2026-12-01T13:09:09.096364+00:00','failed-6','state','provisioning','setting_up','');
INSERT INTO "events" VALUES(18,'2026-12-01T13:09:09.108075+00:00','make-4','state','provisioning','setting_up','');
INSERT INTO "events" VALUES(19,'2026-12-01T13:09:09.565007+00:00','array-2','state','setting_up','up','');
INSERT INTO "events" VALUES(20,'2026-12-01T13:09:09.601735+00:00','array-2','phases','','','plan 0.06 s, provision 0.24 s, agent 0.68 s, submit 0.03 s');
INSERT INTO "events" VALUES(21,'2026-12-01T13:09:09.692280+00:00','running-1','state','setting_up','up','');
INSERT INTO "events" VALUES(22,'2026-12-01T13:09:09.724631+00:00','running-1','phases','','','plan 0.06 s, provision 0.09 s, agent 0.99 s, submit 0.02 s');
INSERT INTO "events" VALUES(23,'2026-12-01T13:09:09.796804+00:00','again-7','state','setting_up','up','');
INSERT INTO "events" VALUES(24,'2026-12-01T13:09:09.813750+00:00','again-7','phases','','','plan 0.20 s, provision 0.19 s, agent 0.73 s, submit 0.01 s');
INSERT INTO "events" VALUES(25,'2026-12-01T13:09:09.968879+00:00','array-3','state','setting_up','up','');
INSERT INTO "events" VALUES(26,'2026-12-01T13:09:09.977122+00:00','make-4','state','setting_up','up','');
INSERT INTO "events" VALUES(27,'2026-12-01T13:09:09.980490+00:00','array-3','phases','','','plan 0.06 s, provision 0.37 s, agent 0.91 s, submit 0.01 s');
INSERT INTO "events" VALUES(28,'2026-12-01T13:09:09.996146+00:00','make-4','phases','','','plan 0.24 s, provision 0.23 s, agent 0.87 s, submit 0.02 s');
INSERT INTO "events" VALUES(29,'2026-12-01T13:09:10.019592+00:00','failed-6','state','setting_up','up','');
INSERT INTO "events" VALUES(30,'2026-12-01T13:09:10.026205+00:00','failed-6','phases','','','plan 0.20 s, provision 0.21 s, agent 0.92 s, submit 0.00 s');
INSERT INTO "events" VALUES(31,'2026-12-01T13:09:10.048832+00:00','make-4','state','up','terminating','removed by the user');
INSERT INTO "events" VALUES(32,'2026-12-01T13:09:10.067061+00:00','failed-6','state','up','terminating','removed by the user');
INSERT INTO "events" VALUES(33,'2026-12-01T13:09:10.125652+00:00','make-4','removed','terminating','','removed by the user');
INSERT INTO "events" VALUES(34,'2026-12-01T13:09:10.178860+00:00','failed-6','removed','terminating','','removed by the user');
INSERT INTO "events" VALUES(35,'2026-12-01T13:09:10.219223+00:00','use-5','created','','planning','');
INSERT INTO "events" VALUES(36,'2026-12-01T13:09:10.224835+00:00','use-5','state','planning','provisioning','local/this');
INSERT INTO "events" VALUES(37,'2026-12-01T13:09:10.238480+00:00','use-5','state','provisioning','setting_up','');
INSERT INTO "events" VALUES(38,'2026-12-01T13:09:10.341183+00:00','use-5','state','setting_up','up','');
INSERT INTO "events" VALUES(39,'2026-12-01T13:09:10.347246+00:00','use-5','phases','','','plan 0.03 s, provision 0.02 s, agent 0.10 s, submit 0.00 s');
INSERT INTO "events" VALUES(40,'2026-12-01T13:09:12.105826+00:00','asked','created','','planning','');
INSERT INTO "events" VALUES(41,'2026-12-01T13:09:12.108638+00:00','asked','state','planning','provisioning','local/this');
INSERT INTO "events" VALUES(42,'2026-12-01T13:09:12.119193+00:00','asked','state','provisioning','setting_up','');
CREATE TABLE installation (
	id TEXT NOT NULL, 
	sealing_key TEXT, 
	CONSTRAINT pk_installation PRIMARY KEY (id)
);
INSERT INTO "installation" VALUES('52vixe','faad4405');
CREATE TABLE job_events (
	id INTEGER NOT NULL, 
	at TEXT NOT NULL, 
	job INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	from_state TEXT NOT NULL, 
	to_state TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	CONSTRAINT pk_job_events PRIMARY KEY (id)
);
INSERT INTO "job_events" VALUES(1,'2026-12-01T13:09:06.981129+00:00',1,'submitted','','pending','');
INSERT INTO "job_events" VALUES(2,'2026-12-01T13:09:07.041684+00:00',2,'submitted','','pending','');
INSERT INTO "job_events" VALUES(3,'2026-12-01T13:09:07.041684+00:00',3,'submitted','','pending','');
INSERT INTO "job_events" VALUES(4,'2026-12-01T13:09:07.067301+00:00',4,'submitted','','pending','');
INSERT INTO "job_events" VALUES(5,'2026-12-01T13:09:07.067301+00:00',5,'submitted','','pending','');
INSERT INTO "job_events" VALUES(6,'2026-12-01T13:09:07.100846+00:00',6,'submitted','','pending','');
INSERT INTO "job_events" VALUES(7,'2026-12-01T13:09:07.117682+00:00',7,'submitted','','pending','');
INSERT INTO "job_events" VALUES(8,'2026-12-01T13:09:07.135442+00:00',8,'submitted','','pending','');
INSERT INTO "job_events" VALUES(9,'2026-12-01T13:09:08.528380+00:00',1,'state','pending','starting','');
INSERT INTO "job_events" VALUES(10,'2026-12-01T13:09:08.528380+00:00',2,'state','pending','starting','');
INSERT INTO "job_events" VALUES(11,'2026-12-01T13:09:08.528380+00:00',3,'state','pending','starting','');
INSERT INTO "job_events" VALUES(12,'2026-12-01T13:09:08.528380+00:00',4,'state','pending','starting','');
INSERT INTO "job_events" VALUES(13,'2026-12-01T13:09:08.528380+00:00',6,'state','pending','starting','');
INSERT INTO "job_events" VALUES(14,'2026-12-01T13:09:08.528380+00:00',7,'state','pending','starting','');
INSERT INTO "job_events" VALUES(15,'2026-12-01T13:09:09.602506+00:00',2,'state','starting','running','as job 1 on array-2');
INSERT INTO "job_events" VALUES(16,'2026-12-01T13:09:09.728909+00:00',1,'state','starting','running','as job 1 on running-1');
INSERT INTO "job_events" VALUES(17,'2026-12-01T13:09:09.818677+00:00',7,'state','starting','running','as job 1 on again-7');
INSERT INTO "job_events" VALUES(18,'2026-12-01T13:09:09.980943+00:00',3,'state','starting','running','as job 1 on array-3');
INSERT INTO "job_events" VALUES(19,'2026-12-01T13:09:09.996936+00:00',4,'state','starting','running','as job 1 on make-4');
INSERT INTO "job_events" VALUES(20,'2026-12-01T13:09:10.026636+00:00',6,'state','starting','running','as job 1 on failed-6');
INSERT INTO "job_events" VALUES(21,'2026-12-01T13:09:10.138332+00:00',4,'state','running','succeeded','');
INSERT INTO "job_events" VALUES(22,'2026-12-01T13:09:10.154140+00:00',5,'state','pending','starting','');
INSERT INTO "job_events" VALUES(23,'2026-12-01T13:09:10.194869+00:00',6,'state','running','failed','exit code 3');
INSERT INTO "job_events" VALUES(24,'2026-12-01T13:09:10.347783+00:00',5,'state','starting','running','as job 1 on use-5');
CREATE TABLE managed_jobs (
	id INTEGER NOT NULL, 
	"key" TEXT NOT NULL, 
	name TEXT NOT NULL, 
	state TEXT NOT NULL, 
	created_at TEXT NOT NULL, 
	updated_at TEXT NOT NULL, 
	task TEXT NOT NULL, 
	options TEXT NOT NULL, 
	sealed TEXT, 
	user TEXT NOT NULL, 
	pool TEXT NOT NULL, 
	"group" TEXT NOT NULL, 
	rank INTEGER NOT NULL, 
	size INTEGER NOT NULL, 
	needs TEXT NOT NULL, 
	needed_by TEXT NOT NULL, 
	waiting INTEGER NOT NULL, 
	turn INTEGER NOT NULL, 
	server TEXT NOT NULL, 
	epoch INTEGER NOT NULL, 
	cluster TEXT NOT NULL, 
	cluster_job INTEGER, 
	runs INTEGER NOT NULL, 
	restarts INTEGER NOT NULL, 
	recoveries INTEGER NOT NULL, 
	cancelling BOOLEAN NOT NULL, 
	reason TEXT NOT NULL, 
	error TEXT, 
	exit_code INTEGER, 
	outputs TEXT NOT NULL, 
	cost TEXT, 
	started_at TEXT, 
	ended_at TEXT, 
	ended BOOLEAN NOT NULL, 
	"primary" BOOLEAN, 
	grace FLOAT, 
	stop_at TEXT, 
	CONSTRAINT pk_managed_jobs PRIMARY KEY (id), 
	CONSTRAINT uq_managed_jobs_key UNIQUE ("key")
);
INSERT INTO "managed_jobs" VALUES(1,'c08c1da828b0e81d534cc40da32d36e4','running','running','2026-12-01T13:09:06.981129+00:00','2026-12-01T13:09:09.728909+00:00','{"name":"running","resources":{"infra":"local"},"secrets":{"TOKEN":null},"run":"[ $(date +%s) -gt 1796130636 ] || sleep 3600; test \"$TOKEN\" = hunter2hunter2; echo over"}','{"strategy":"failover","max_restarts":0,"priority":500}','v1.faad4405.phdCEv92TNCoLwBzWBJcmRtEz5y89dO10vp7Ww-BifQw1cfen5tRP5IA6d1k84tr1FP0yy22DQ==','root','','',0,1,'[]','[]',0,-500,'11221b2b16d0',1,'running-1',1,1,0,0,0,'as job 1 on running-1',NULL,NULL,'{}',NULL,'2026-12-01T13:09:09.728909+00:00',NULL,0,NULL,NULL,NULL);
INSERT INTO "managed_jobs" VALUES(2,'5fae80a1e5f745e9882786c472eacb6f/0','array','running','2026-12-01T13:09:07.041684+00:00','2026-12-01T13:09:09.602506+00:00','{"name":"array","resources":{"infra":"local"},"run":"[ $(date +%s) -gt 1796130636 ] || sleep 3600; true","envs":{"STYX_JOB_RANK":"0","SKYPILOT_JOB_RANK":"0","STYX_NUM_JOBS":"2","SKYPILOT_NUM_JOBS":"2"}}','{"strategy":"failover","max_restarts":0,"priority":500}',NULL,'root','','array-7a9a4767',0,2,'[]','[]',0,-500,'11221b2b16d0',1,'array-2',1,1,0,0,0,'as job 1 on array-2',NULL,NULL,'{}',NULL,'2026-12-01T13:09:09.602506+00:00',NULL,0,NULL,NULL,NULL);
INSERT INTO "managed_jobs" VALUES(3,'5fae80a1e5f745e9882786c472eacb6f/1','array','running','2026-12-01T13:09:07.041684+00:00','2026-12-01T13:09:09.980943+00:00','{"name":"array","resources":{"infra":"local"},"run":"[ $(date +%s) -gt 1796130636 ] || sleep 3600; true","envs":{"STYX_JOB_RANK":"1","SKYPILOT_JOB_RANK":"1","STYX_NUM_JOBS":"2","SKYPILOT_NUM_JOBS":"2"}}','{"strategy":"failover","max_restarts":0,"priority":500}',NULL,'root','','array-7a9a4767',1,2,'[]','[]',0,-500,'11221b2b16d0',1,'array-3',1,1,0,0,0,'as job 1 on array-3',NULL,NULL,'{}',NULL,'2026-12-01T13:09:09.980943+00:00',NULL,0,NULL,NULL,NULL);
INSERT INTO "managed_jobs" VALUES(4,'58b56065ec2f8a56a8e4c18a04f38e9f/0','make','succeeded','2026-12-01T13:09:07.067301+00:00','2026-12-01T13:09:10.138332+00:00','{"name":"make","output_names":["N"],"resources":{"infra":"local"},"run":"echo N=7 >> $STYX_OUTPUTS"}','{"strategy":"failover","max_restarts":0,"priority":500}',NULL,'root','','flow-c1822d60',0,2,'[]','[5]',0,-500,'11221b2b16d0',1,'make-4',1,1,0,0,0,'',NULL,0,'{"N":"7"}','0.000000','2026-12-01T13:09:09.996936+00:00','2026-12-01T13:09:10.138332+00:00',1,NULL,NULL,NULL);
INSERT INTO "managed_jobs" VALUES(5,'58b56065ec2f8a56a8e4c18a04f38e9f/1','use','running','2026-12-01T13:09:07.067301+00:00','2026-12-01T13:09:10.347783+00:00','{"name":"use","resources":{"infra":"local"},"envs":{"N":"${{ tasks.make.outputs.N }}"},"run":"[ $(date +%s) -gt 1796130636 ] || sleep 3600; test $N = 7"}','{"strategy":"failover","max_restarts":0,"priority":500}',NULL,'root','','flow-c1822d60',1,2,'[4]','[]',0,-500,'11221b2b16d0',1,'use-5',1,1,0,0,0,'as job 1 on use-5',NULL,NULL,'{}',NULL,'2026-12-01T13:09:10.347783+00:00',NULL,0,NULL,NULL,NULL);
INSERT INTO "managed_jobs" VALUES(6,'82b480721c2e8f8d85dab7b24b290055','failed','failed','2026-12-01T13:09:07.100846+00:00','2026-12-01T13:09:10.194869+00:00','{"name":"failed","resources":{"infra":"local"},"run":"exit 3"}','{"strategy":"failover","max_restarts":0,"priority":500}',NULL,'root','','',0,1,'[]','[]',0,-500,'11221b2b16d0',1,'failed-6',1,1,0,0,0,'exit code 3',NULL,3,'{}','0.000000','2026-12-01T13:09:10.026636+00:00','2026-12-01T13:09:10.194869+00:00',1,NULL,NULL,NULL);
INSERT INTO "managed_jobs" VALUES(7,'c1eb23399725c21dc1816eeff52cd57d','again','running','2026-12-01T13:09:07.117682+00:00','2026-12-01T13:09:09.818677+00:00','{"name":"again","resources":{"infra":"local"},"run":"[ $(date +%s) -gt 1796130636 ] || sleep 3600; exit 9"}','{"strategy":"failover","max_restarts":1,"priority":500}',NULL,'root','','',0,1,'[]','[]',0,-500,'11221b2b16d0',1,'again-7',1,1,0,0,0,'as job 1 on again-7',NULL,NULL,'{}',NULL,'2026-12-01T13:09:09.818677+00:00',NULL,0,NULL,NULL,NULL);
INSERT INTO "managed_jobs" VALUES(8,'30fef2cb4cfddb42d6ac280a8c89ee31','waits','pending','2026-12-01T13:09:07.135442+00:00','2026-12-01T13:09:07.135442+00:00','{"name":"waits","resources":{"infra":"local"},"run":"true"}','{"strategy":"failover","max_restarts":0,"priority":500,"pool":"shut"}',NULL,'root','shut','',0,1,'[]','[]',0,-500,'',0,'',NULL,0,0,0,0,'',NULL,NULL,'{}',NULL,NULL,NULL,0,NULL,NULL,NULL);
CREATE TABLE mounts (
	cluster TEXT NOT NULL, 
	target TEXT NOT NULL, 
	uri TEXT NOT NULL, 
	cached BOOLEAN NOT NULL, 
	read_only BOOLEAN NOT NULL, 
	CONSTRAINT pk_mounts PRIMARY KEY (cluster, target), 
	CONSTRAINT fk_mounts_cluster FOREIGN KEY(cluster) REFERENCES clusters (name) ON DELETE CASCADE
);
CREATE TABLE nodes (
	cluster TEXT NOT NULL, 
	rank INTEGER NOT NULL, 
	node_id TEXT NOT NULL, 
	state TEXT NOT NULL, 
	endpoint TEXT, 
	private_ip TEXT NOT NULL, 
	public_ip TEXT NOT NULL, 
	host_key TEXT NOT NULL, 
	seen_at TEXT, 
	noticed_at TEXT, 
	CONSTRAINT pk_nodes PRIMARY KEY (cluster, rank), 
	CONSTRAINT fk_nodes_cluster FOREIGN KEY(cluster) REFERENCES clusters (name) ON DELETE CASCADE
);
INSERT INTO "nodes" VALUES('array-2',0,'styx-52vixe-array-2-pcsi-0','running','{"kind":"process","options":{"home":"{HOME}/local/nodes/styx-52vixe-array-2-pcsi/0/home","node":"styx-52vixe-array-2-pcsi-0"}}','127.0.0.1','','','2026-12-01T13:09:09.683521+00:00',NULL);
INSERT INTO "nodes" VALUES('running-1',0,'styx-52vixe-running-1-n8hf-0','running','{"kind":"process","options":{"home":"{HOME}/local/nodes/styx-52vixe-running-1-n8hf/0/home","node":"styx-52vixe-running-1-n8hf-0"}}','127.0.0.1','','','2026-12-01T13:09:09.765143+00:00',NULL);
INSERT INTO "nodes" VALUES('again-7',0,'styx-52vixe-again-7-qcc4-0','running','{"kind":"process","options":{"home":"{HOME}/local/nodes/styx-52vixe-again-7-qcc4/0/home","node":"styx-52vixe-again-7-qcc4-0"}}','127.0.0.1','','','2026-12-01T13:09:09.867182+00:00',NULL);
INSERT INTO "nodes" VALUES('array-3',0,'styx-52vixe-array-3-o8gj-0','running','{"kind":"process","options":{"home":"{HOME}/local/nodes/styx-52vixe-array-3-o8gj/0/home","node":"styx-52vixe-array-3-o8gj-0"}}','127.0.0.1','','','2026-12-01T13:09:10.010300+00:00',NULL);
INSERT INTO "nodes" VALUES('use-5',0,'styx-52vixe-use-5-sigr-0','running','{"kind":"process","options":{"home":"{HOME}/local/nodes/styx-52vixe-use-5-sigr/0/home","node":"styx-52vixe-use-5-sigr-0"}}','127.0.0.1','','','2026-12-01T13:09:10.361798+00:00',NULL);
INSERT INTO "nodes" VALUES('asked',0,'styx-52vixe-asked-ybpu-0','running','{"kind":"process","options":{"home":"{HOME}/local/nodes/styx-52vixe-asked-ybpu/0/home","node":"styx-52vixe-asked-ybpu-0"}}','127.0.0.1','','','2026-12-01T13:09:12.118698+00:00',NULL);
CREATE TABLE requests (
	id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	user TEXT NOT NULL, 
	state TEXT NOT NULL, 
	created_at TEXT NOT NULL, 
	updated_at TEXT NOT NULL, 
	arguments TEXT NOT NULL, 
	sealed TEXT, 
	server TEXT NOT NULL, 
	epoch INTEGER NOT NULL, 
	cancelling BOOLEAN NOT NULL, 
	result TEXT, 
	error TEXT, 
	ended_at TEXT, 
	CONSTRAINT pk_requests PRIMARY KEY (id)
);
INSERT INTO "requests" VALUES('8d9b6f455e64b67d','launch','root','running','2026-12-01T13:09:12.084601+00:00','2026-12-01T13:09:12.098415+00:00','{"cluster":"asked","owner":"root","new":true,"task":{"resources":{"infra":"local"},"run":"echo hi"},"options":{"cluster":"asked","autostop":null,"retry_until_up":false,"no_setup":false,"fast":false,"account":null,"agreed_hourly_cost":null,"max_hourly_cost":null}}',NULL,'11221b2b16d0',1,0,NULL,NULL,NULL);
CREATE TABLE servers (
	id TEXT NOT NULL, 
	host TEXT NOT NULL, 
	pid INTEGER NOT NULL, 
	started TEXT NOT NULL, 
	boot_id TEXT NOT NULL, 
	version TEXT NOT NULL, 
	url TEXT NOT NULL, 
	started_at TEXT NOT NULL, 
	seen_at TEXT NOT NULL, 
	expires_at TEXT NOT NULL, 
	CONSTRAINT pk_servers PRIMARY KEY (id)
);
INSERT INTO "servers" VALUES('11221b2b16d0','elsewhere',22535,'509334','boot/pid','0.1.0','http://127.0.0.1:34929','2026-12-01T13:09:06.663906+00:00','2026-12-01T13:09:12.228583+00:00','2026-12-01T13:09:27.228583+00:00');
CREATE TABLE spans (
	id INTEGER NOT NULL, 
	cluster TEXT NOT NULL, 
	born TEXT NOT NULL, 
	cloud TEXT NOT NULL, 
	account TEXT NOT NULL, 
	region TEXT NOT NULL, 
	instance_type TEXT NOT NULL, 
	resources TEXT NOT NULL, 
	num_nodes INTEGER NOT NULL, 
	spot BOOLEAN NOT NULL, 
	task_name TEXT NOT NULL, 
	user TEXT NOT NULL, 
	billing TEXT NOT NULL, 
	hourly_cost TEXT, 
	began_at TEXT NOT NULL, 
	ended_at TEXT, 
	CONSTRAINT pk_spans PRIMARY KEY (id)
);
INSERT INTO "spans" VALUES(1,'running-1','2026-12-01T13:09:08.607733+00:00','local','default','','this-machine','2 CPUs, 23.54 GiB',1,0,'running','root','full','0','2026-12-01T13:09:08.645657+00:00',NULL);
INSERT INTO "spans" VALUES(2,'array-2','2026-12-01T13:09:08.655775+00:00','local','default','','this-machine','2 CPUs, 23.54 GiB',1,0,'array','root','full','0','2026-12-01T13:09:08.684781+00:00',NULL);
INSERT INTO "spans" VALUES(3,'array-3','2026-12-01T13:09:08.688172+00:00','local','default','','this-machine','2 CPUs, 23.54 GiB',1,0,'array','root','full','0','2026-12-01T13:09:08.884888+00:00',NULL);
INSERT INTO "spans" VALUES(4,'again-7','2026-12-01T13:09:08.883011+00:00','local','default','','this-machine','2 CPUs, 23.54 GiB',1,0,'again','root','full','0','2026-12-01T13:09:09.015055+00:00',NULL);
INSERT INTO "spans" VALUES(5,'failed-6','2026-12-01T13:09:08.882022+00:00','local','default','','this-machine','2 CPUs, 23.54 GiB',1,0,'failed','root','full','0','2026-12-01T13:09:09.017443+00:00','2026-12-01T13:09:10.178860+00:00');
INSERT INTO "spans" VALUES(6,'make-4','2026-12-01T13:09:08.876466+00:00','local','default','','this-machine','2 CPUs, 23.54 GiB',1,0,'make','root','full','0','2026-12-01T13:09:09.045071+00:00','2026-12-01T13:09:10.125652+00:00');
INSERT INTO "spans" VALUES(7,'use-5','2026-12-01T13:09:10.218762+00:00','local','default','','this-machine','2 CPUs, 23.54 GiB',1,0,'use','root','full','0','2026-12-01T13:09:10.224835+00:00',NULL);
INSERT INTO "spans" VALUES(8,'asked','2026-12-01T13:09:12.105419+00:00','local','default','','this-machine','2 CPUs, 23.54 GiB',1,0,'','root','full','0','2026-12-01T13:09:12.108638+00:00',NULL);
CREATE TABLE styx_revision (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT styx_revision_pkc PRIMARY KEY (version_num)
);
INSERT INTO "styx_revision" VALUES('0008');
CREATE TABLE tokens (
	id TEXT NOT NULL, 
	user TEXT NOT NULL, 
	name TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	scopes TEXT NOT NULL, 
	created_at TEXT NOT NULL, 
	expires_at TEXT, 
	revoked_at TEXT, 
	used_at TEXT, 
	maker TEXT, 
	CONSTRAINT pk_tokens PRIMARY KEY (id), 
	CONSTRAINT fk_tokens_user FOREIGN KEY(user) REFERENCES users (name) ON DELETE CASCADE
);
INSERT INTO "tokens" VALUES('2f5832c487b4','root','server.json-d9973daa2cde','99511cb5d551c2ec17f8c0b4edc7768505bc965e5a6e64e2efdaebb09886f793','[]','2026-12-01T13:09:06.835620+00:00',NULL,NULL,'2026-12-01T13:09:06.907431+00:00',NULL);
CREATE TABLE turns (
	cloud TEXT NOT NULL, 
	account TEXT NOT NULL, 
	method TEXT NOT NULL, 
	taken_at TEXT NOT NULL, 
	free_at TEXT NOT NULL, 
	CONSTRAINT pk_turns PRIMARY KEY (cloud, account, method)
);
CREATE TABLE users (
	name TEXT NOT NULL, 
	role TEXT NOT NULL, 
	created_at TEXT NOT NULL, 
	disabled BOOLEAN NOT NULL, 
	CONSTRAINT pk_users PRIMARY KEY (name)
);
INSERT INTO "users" VALUES('root','admin','2026-12-01T13:09:06.835620+00:00',0);
CREATE INDEX ix_clusters_created_at ON clusters (created_at, id);
CREATE INDEX ix_attempts_cluster ON attempts (cluster, id);
CREATE INDEX ix_attempts_state ON attempts (state, id);
CREATE INDEX ix_events_cluster ON events (cluster, id);
CREATE INDEX ix_spans_cluster ON spans (cluster, id);
CREATE INDEX ix_spans_ended_at ON spans (ended_at, id);
CREATE INDEX ix_blocks_until ON blocks (until, id);
CREATE INDEX ix_managed_jobs_user_state ON managed_jobs (user, state, id);
CREATE INDEX ix_managed_jobs_user_ended ON managed_jobs (user, ended, id);
CREATE INDEX ix_managed_jobs_state ON managed_jobs (state, id);
CREATE INDEX ix_managed_jobs_name ON managed_jobs (name, id);
CREATE INDEX ix_managed_jobs_turn ON managed_jobs (state, waiting, turn, id, user, pool);
CREATE INDEX ix_managed_jobs_group ON managed_jobs ("group", id);
CREATE INDEX ix_managed_jobs_pool ON managed_jobs (pool, id);
CREATE INDEX ix_managed_jobs_server ON managed_jobs (server, state, id);
CREATE INDEX ix_managed_jobs_ended ON managed_jobs (ended, id);
CREATE INDEX ix_managed_jobs_user ON managed_jobs (user, id);
CREATE INDEX ix_job_events_job ON job_events (job, id);
CREATE INDEX ix_audit_user ON audit (user, id);
CREATE INDEX ix_requests_user ON requests (user, created_at, id);
CREATE INDEX ix_requests_server ON requests (server, state);
CREATE INDEX ix_requests_created_at ON requests (created_at, id);
CREATE INDEX ix_answers_created_at ON answers (created_at);
CREATE INDEX ix_tokens_user ON tokens (user);
COMMIT;
