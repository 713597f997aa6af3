-- the tables as the first version of the store made them; never changed
CREATE TABLE counters (
	name TEXT NOT NULL,
	next BIGINT NOT NULL,
	PRIMARY KEY (name)
);
CREATE TABLE liveness (
	id INTEGER NOT NULL,
	checked_at DOUBLE NOT NULL,
	PRIMARY KEY (id)
);
CREATE TABLE messages (
	id INTEGER NOT NULL,
	listener TEXT NOT NULL,
	sender_application TEXT NOT NULL,
	sender_facility TEXT NOT NULL,
	control_id TEXT NOT NULL,
	message_type TEXT NOT NULL,
	processing_id TEXT NOT NULL,
	peer TEXT NOT NULL,
	received_at DOUBLE NOT NULL,
	size BIGINT NOT NULL,
	receipt TEXT NOT NULL,
	dedupe_key BLOB,
	content_digest BLOB NOT NULL,
	"conflict" BOOLEAN NOT NULL,
	duplicates INTEGER NOT NULL,
	last_duplicate_at DOUBLE,
	state TEXT NOT NULL,
	decision TEXT,
	reasons TEXT NOT NULL,
	processed_at DOUBLE,
	attempts INTEGER NOT NULL,
	patient_id BIGINT,
	request_id BIGINT,
	PRIMARY KEY (id)
);
CREATE INDEX messages_by_control_id ON messages (control_id, content_digest);
CREATE INDEX messages_by_state ON messages (state, decision, id);
CREATE TABLE patients (
	id INTEGER NOT NULL,
	due_at DOUBLE,
	in_flight BIGINT,
	lease_owner TEXT,
	lease_until DOUBLE,
	fence BIGINT DEFAULT '0' NOT NULL,
	created_at DOUBLE NOT NULL,
	changed_at DOUBLE NOT NULL,
	PRIMARY KEY (id)
);
CREATE INDEX patients_due ON patients (due_at, id) WHERE in_flight IS NULL AND due_at IS NOT NULL;
CREATE TABLE schema_version (
	version INTEGER NOT NULL,
	applied_at DOUBLE NOT NULL,
	PRIMARY KEY (version)
);
CREATE TABLE store_keys (
	key_id BLOB NOT NULL,
	proof BLOB NOT NULL,
	made_at DOUBLE NOT NULL,
	PRIMARY KEY (key_id)
);
CREATE TABLE webhooks (
	id INTEGER NOT NULL,
	received_at DOUBLE NOT NULL,
	event TEXT NOT NULL,
	correlation_id TEXT,
	content_digest BLOB NOT NULL,
	state TEXT NOT NULL,
	request_id BIGINT,
	body BLOB NOT NULL,
	PRIMARY KEY (id)
);
CREATE INDEX webhooks_by_correlation_id ON webhooks (correlation_id) WHERE correlation_id IS NOT NULL;
CREATE INDEX webhooks_by_digest ON webhooks (content_digest);
CREATE INDEX webhooks_by_state ON webhooks (state, id);
CREATE TABLE charts (
	patient_id INTEGER NOT NULL,
	chart BLOB NOT NULL,
	PRIMARY KEY (patient_id),
	FOREIGN KEY(patient_id) REFERENCES patients (id) ON DELETE CASCADE
);
CREATE TABLE message_bodies (
	message_id INTEGER NOT NULL,
	body BLOB NOT NULL,
	PRIMARY KEY (message_id),
	FOREIGN KEY(message_id) REFERENCES messages (id) ON DELETE CASCADE
);
CREATE TABLE message_notes (
	message_id INTEGER NOT NULL,
	note BLOB NOT NULL,
	PRIMARY KEY (message_id),
	FOREIGN KEY(message_id) REFERENCES messages (id) ON DELETE CASCADE
);
CREATE TABLE patient_keys (
	key_hash BLOB NOT NULL,
	patient_id BIGINT NOT NULL,
	PRIMARY KEY (key_hash),
	FOREIGN KEY(patient_id) REFERENCES patients (id) ON DELETE CASCADE
)
 WITHOUT ROWID;
CREATE INDEX patient_keys_by_patient ON patient_keys (patient_id);
CREATE TABLE requests (
	id INTEGER NOT NULL,
	patient_id BIGINT NOT NULL,
	message_id BIGINT,
	appointment_key BLOB NOT NULL,
	appointment_date DATE,
	state TEXT NOT NULL,
	due_at DOUBLE,
	reasons TEXT NOT NULL,
	attempts INTEGER NOT NULL,
	possible_duplicate BOOLEAN NOT NULL,
	correlation_id TEXT,
	supersedes BIGINT,
	last_verdict TEXT,
	last_status SMALLINT,
	created_at DOUBLE NOT NULL,
	changed_at DOUBLE NOT NULL,
	claimed_at DOUBLE,
	PRIMARY KEY (id),
	FOREIGN KEY(patient_id) REFERENCES patients (id)
);
CREATE INDEX requests_by_correlation_id ON requests (correlation_id) WHERE correlation_id IS NOT NULL;
CREATE INDEX requests_by_date ON requests (state, appointment_date, id);
CREATE INDEX requests_by_patient ON requests (patient_id, state, id);
CREATE INDEX requests_by_state ON requests (state, id);
CREATE TABLE attempts (
	id INTEGER NOT NULL,
	request_id BIGINT NOT NULL,
	started_at DOUBLE NOT NULL,
	finished_at DOUBLE NOT NULL,
	status SMALLINT,
	verdict TEXT NOT NULL,
	detail TEXT NOT NULL,
	possible_duplicate BOOLEAN NOT NULL,
	body BLOB,
	reply BLOB,
	PRIMARY KEY (id),
	FOREIGN KEY(request_id) REFERENCES requests (id) ON DELETE CASCADE
);
CREATE INDEX attempts_by_request ON attempts (request_id, id);
CREATE TABLE request_bodies (
	request_id INTEGER NOT NULL,
	appointment BLOB NOT NULL,
	body BLOB NOT NULL,
	detail BLOB NOT NULL,
	PRIMARY KEY (request_id),
	FOREIGN KEY(request_id) REFERENCES requests (id) ON DELETE CASCADE
);
INSERT INTO counters VALUES ('message', 2), ('patient', 8), ('request', 1), ('webhook', 1);
INSERT INTO liveness VALUES (1, 0.0);
INSERT INTO schema_version VALUES (1, 1.0);
