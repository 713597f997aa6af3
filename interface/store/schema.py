"""The tables, as the newest migration leaves them.

Wide and rarely read bytes (bodies, charts, notes) have tables of their own, so that the rows that lists,
counts and state changes touch stay small. Columns that hold sealed bytes say so; every other column is in
the clear and must hold no patient data.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Date,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    and_,
    false,
    literal_column,
)

metadata = MetaData()

_ID = BigInteger().with_variant(Integer, "sqlite")
"""A row id; on SQLite only INTEGER makes the primary key the row's own place."""


def _partial_index(name: str, where: ColumnElement[bool], *columns: Column[Any]) -> None:
    """An index over the rows that fulfil `where` only, on both engines (PostgreSQL's: `complete_for_postgresql`)."""
    Index(name, *columns, sqlite_where=where)


def _unique_index(name: str, where: ColumnElement[bool], *columns: Column[Any]) -> None:
    """No two of the rows that fulfil `where` are equal in these columns, on both engines."""
    Index(name, *columns, unique=True, sqlite_where=where)


def _filled_index(name: str, *columns: Column[Any]) -> None:
    """An index over the rows whose first column is not NULL: what is looked up by a value needs no others."""
    _partial_index(name, columns[0].is_not(None), *columns)


def complete_for_postgresql() -> None:
    """Tell PostgreSQL, too, which rows the indexes are of: SQLAlchemy imports its 19 modules to take that in, 40 ms and 2 MB
    which nobody needs who has SQLite.
    """
    for table in metadata.tables.values():
        for index in table.indexes:
            index.dialect_options["postgresql"]["where"] = index.dialect_options["sqlite"]["where"]


def sealed(purpose: str) -> dict[str, str]:
    """Marks a column whose values are sealed, each for this purpose."""
    return {"sealed": purpose}


schema_version = Table(
    "schema_version",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("applied_at", Double, nullable=False),
)

store_keys = Table(
    "store_keys",
    metadata,
    # the keys that seal values, and the secret of the hashes, wrapped by the master key that [store] key names; while
    # the master key is replaced, once by each of the two
    Column("key_id", LargeBinary, primary_key=True),
    Column("master_id", LargeBinary, primary_key=True),
    Column("kind", Text, nullable=False),  # data; hash; clear: stands for values in the clear
    Column("number", Integer, nullable=False),  # the data key with the highest seals
    Column("wrapped", LargeBinary, nullable=False),
    Column("made_at", Double, nullable=False),
    Column("wrapped_at", Double, nullable=False),
    Column("retired_at", Double),  # from then on no value may be sealed by it: those there are become others
)

counters = Table(
    "counters",
    metadata,
    # the next id of each kind. Ids come from here and not from the database's own sequences so that they
    # are known before the insert, are given out in the order of commits (the row stays locked until then),
    # and are never used again after a purge
    Column("name", Text, primary_key=True),
    Column("next", BigInteger, nullable=False),
)

liveness = Table(
    "liveness",
    metadata,
    Column("id", _ID, primary_key=True, autoincrement=False),
    Column("checked_at", Double, nullable=False),
)

nodes = Table(
    "nodes",
    metadata,
    # processes that decide and send, where several share one database; times are by the database's clock
    Column("id", Text, primary_key=True),  # random, for each start another
    Column("name", Text, nullable=False),  # the host's
    Column("daemon", Boolean, nullable=False),  # false: a command that does the work where no daemon runs
    Column("started_at", Double, nullable=False),
    Column("alive_until", Double, nullable=False),
    Column("commits", BigInteger, nullable=False),  # the number of the node's last commit
)

intake_turn = Table(
    "intake_turn",
    metadata,
    # one row: which node decides messages now; NULL: nobody does
    Column("id", _ID, primary_key=True, autoincrement=False),
    Column("owner", Text),
    Column("until", Double, nullable=False),  # by the database's clock
    Column("fence", BigInteger, nullable=False),  # how often it was taken
    Column("settled_on", Text),  # the day that all open requests were settled for
)

messages = Table(
    "messages",
    metadata,
    Column("id", _ID, primary_key=True, autoincrement=False),
    Column("listener", Text, nullable=False),
    Column("sender_application", Text, nullable=False),
    Column("sender_facility", Text, nullable=False),
    Column("control_id", Text, nullable=False),
    Column("message_type", Text, nullable=False),
    Column("processing_id", Text, nullable=False),
    Column("peer", Text, nullable=False),
    Column("received_at", Double, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("receipt", Text, nullable=False),
    Column("dedupe_key", LargeBinary),
    Column("content_digest", LargeBinary, nullable=False),
    Column("conflict", Boolean, nullable=False),
    Column("duplicates", Integer, nullable=False),
    Column("last_duplicate_at", Double),
    Column("state", Text, nullable=False),
    Column("decision", Text),
    Column("reasons", Text, nullable=False),
    Column("processed_at", Double),
    Column("attempts", Integer, nullable=False),
    Column("patient_id", BigInteger),
    Column("request_id", BigInteger),
    Column("set_aside", Boolean, nullable=False, server_default=false()),  # a person took it out of the chart
)
# which messages made a patient's chart: rebuilding it reads these and no others
_filled_index("messages_by_patient", messages.c.patient_id, messages.c.id)
Index("messages_by_state", messages.c.state, messages.c.decision, messages.c.id)
# Finds duplicates and serves lists. Control ids mostly count up, so the index grows at a few places; one by
# the keyed hash alone would change a page for each row
Index("messages_by_control_id", messages.c.control_id, messages.c.content_digest)

message_bodies = Table(
    "message_bodies",
    metadata,
    Column(
        "message_id",
        _ID,
        ForeignKey("messages.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("body", LargeBinary, nullable=False, info=sealed("message")),
)

message_notes = Table(
    "message_notes",
    metadata,
    Column(
        "message_id",
        _ID,
        ForeignKey("messages.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("note", LargeBinary, nullable=False, info=sealed("note")),
)

patients = Table(
    "patients",
    metadata,
    Column("id", _ID, primary_key=True, autoincrement=False),
    Column("due_at", Double),  # when the oldest waiting request is due; NULL: nothing waits
    Column("in_flight", BigInteger),  # the request being sent; NULL: none
    Column("lease_owner", Text),  # the node that sends it; what a dead one was sending is taken back
    Column("fence", BigInteger, nullable=False, server_default="0"),  # how often something was claimed
    Column("created_at", Double, nullable=False),
    Column("changed_at", Double, nullable=False),
    Column("merged_into", BigInteger),  # whose chart this one's is part of; NULL: a chart of its own
)
_filled_index("patients_merged", patients.c.merged_into)
Index("patients_changed", patients.c.changed_at, patients.c.id)  # the list, newest changed first
_partial_index(
    "patients_due",
    and_(patients.c.in_flight.is_(None), patients.c.due_at.is_not(None)),
    patients.c.due_at,
    patients.c.id,
)

charts = Table(
    "charts",
    metadata,
    Column(
        "patient_id",
        _ID,
        ForeignKey("patients.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("chart", LargeBinary, nullable=False, info=sealed("chart")),
)

patient_keys = Table(
    "patient_keys",
    metadata,
    Column("key_hash", LargeBinary, primary_key=True),
    Column("patient_id", BigInteger, ForeignKey("patients.id", ondelete="CASCADE"), nullable=False),
    sqlite_with_rowid=False,
)
Index("patient_keys_by_patient", patient_keys.c.patient_id)

requests = Table(
    "requests",
    metadata,
    Column("id", _ID, primary_key=True, autoincrement=False),
    Column("patient_id", BigInteger, ForeignKey("patients.id"), nullable=False),
    Column("message_id", BigInteger),
    Column("appointment_key", LargeBinary, nullable=False),  # keyed hash of the appointment's identity
    Column("appointment_date", Date),
    Column("state", Text, nullable=False),
    Column("due_at", Double),
    Column("reasons", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("possible_duplicate", Boolean, nullable=False),
    Column("correlation_id", Text),
    Column("supersedes", BigInteger),
    Column("last_verdict", Text),
    Column("last_status", SmallInteger),
    Column("created_at", Double, nullable=False),
    Column("changed_at", Double, nullable=False),
    Column("claimed_at", Double),
    Column("environment", Text, nullable=False, server_default="sandbox"),  # that it was composed for
    Column("wake_at", Double),  # of a held one: when its hold is over by itself; NULL: not by itself
    Column("panel_id", Text),  # version 2: the API's id of the whole panel
    Column("taken_at", Double),  # when the API took it in
    # the same while an answer is to come: NULL once a webhook came, and where the API only validates
    Column("awaited_since", Double),
    # what webhooks said of it: when we received the first of each kind
    Column("found_at", Double),
    Column("insufficient_at", Double),
    Column("delivered_at", Double),
    Column("documents", Integer, nullable=False, server_default="0"),
    Column("events", Integer, nullable=False, server_default="0"),  # webhooks of any type, each counted once
)
HELD_UNTIL = (requests.c.state == "held", requests.c.wake_at.is_not(None))
"""What is true of a request that is held until a time."""
_partial_index(
    "requests_waking",
    requests.c.wake_at.is_not(None),
    requests.c.state,  # first: else SQLite takes the index by state, and sorts all that is held
    requests.c.wake_at,
    requests.c.patient_id,
)
BEFORE_PRODUCTION = ("staging", "production-test")
# written out, not as parameters: SQLite takes a partial index only where it reads the same
ASKED_BEFORE_PRODUCTION = requests.c.environment.in_(
    [literal_column(f"'{name}'") for name in BEFORE_PRODUCTION]
)
"""What goes to the vendor before production: few rows, of which there is much to be said."""
_partial_index("requests_before_production", ASKED_BEFORE_PRODUCTION, requests.c.environment, requests.c.id)
Index("requests_by_patient", requests.c.patient_id, requests.c.state, requests.c.id)
Index("requests_by_state", requests.c.state, requests.c.id)
_filled_index("requests_by_date", requests.c.appointment_date, requests.c.id)
_filled_index("requests_awaited", requests.c.awaited_since, requests.c.id)

request_ids = Table(
    "request_ids",
    metadata,
    # every id by which the API may name a request in a webhook: that of each reply to it, and its panel's
    Column("correlation_id", Text, primary_key=True),
    Column(
        "request_id",
        BigInteger,
        ForeignKey("requests.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("whole_panel", Boolean, nullable=False),
    sqlite_with_rowid=False,
)
Index("request_ids_by_request", request_ids.c.request_id)

request_bodies = Table(
    "request_bodies",
    metadata,
    Column(
        "request_id",
        _ID,
        ForeignKey("requests.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("appointment", LargeBinary, nullable=False, info=sealed("appointment")),
    Column("body", LargeBinary, nullable=False, info=sealed("request")),
    Column("detail", LargeBinary, nullable=False, info=sealed("detail")),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("request_id", BigInteger, ForeignKey("requests.id", ondelete="CASCADE"), nullable=False),
    Column("started_at", Double, nullable=False),
    Column("finished_at", Double, nullable=False),
    Column("status", SmallInteger),
    Column("verdict", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("possible_duplicate", Boolean, nullable=False),
    Column("body", LargeBinary, info=sealed("attempt")),  # NULL: the request's body was sent
    # what the API said where it did not take the request
    Column("reply", LargeBinary, info=sealed("reply")),
)
Index("attempts_by_request", attempts.c.request_id, attempts.c.id)

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", _ID, primary_key=True, autoincrement=False),
    Column("received_at", Double, nullable=False),
    Column("peer", Text, nullable=False),
    Column("event", Text, nullable=False),  # a published type, or "other"
    Column("event_at", Double),  # the time it bears; NULL: none that can be read
    Column("correlation_id", Text),  # NULL: it is no id as the API gives them; the body has it
    Column("content_digest", LargeBinary, nullable=False),
    Column("size", Integer, nullable=False),
    Column("duplicates", Integer, nullable=False),
    Column("last_duplicate_at", Double),
    Column("state", Text, nullable=False),  # new, joined or unmatched
    Column("body", LargeBinary, nullable=False, info=sealed("webhook")),
)
Index("webhooks_by_state", webhooks.c.state, webhooks.c.id, webhooks.c.size)
_filled_index("webhooks_by_correlation_id", webhooks.c.correlation_id, webhooks.c.id)
Index("webhooks_by_digest", webhooks.c.content_digest)

webhook_requests = Table(
    "webhook_requests",
    metadata,
    # which requests a webhook was about; it counts once for each
    Column(
        "webhook_id",
        BigInteger,
        ForeignKey("webhooks.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column(
        "request_id",
        BigInteger,
        ForeignKey("requests.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    sqlite_with_rowid=False,
)
Index("webhook_requests_by_request", webhook_requests.c.request_id, webhook_requests.c.webhook_id)

work_state = Table(
    "work_state",
    metadata,
    # what the work must know after a restart and the command line shows: JSON, no patient data
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("changed_at", Double, nullable=False),
)

alert_books = Table(
    "alert_books",
    metadata,
    # what is on, what was said, what channels have not told yet: of all nodes (''), and of each node what is its own
    Column("name", Text, primary_key=True),
    Column("book", Text, nullable=False),  # JSON, no patient data
    Column("changed_at", Double, nullable=False),
    Column("owner", Text, nullable=False),  # the daemon that keeps it, for each start another
    Column("until", Double, nullable=False),  # by the database's clock; after that another may keep it
)

alerts_seen = Table(
    "alerts_seen",
    metadata,
    # up to when somebody has looked at what an alert counts: older rows are not counted any more
    Column("code", Text, primary_key=True),
    Column("up_to", Double, nullable=False),
    Column("at", Double, nullable=False),
    Column("who", Text, nullable=False),
)

commands = Table(
    "commands",
    metadata,
    Column("id", _ID, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("arguments", LargeBinary, nullable=False, info=sealed("command")),
    Column("state", Text, nullable=False),  # waiting, done or failed
    Column("result", LargeBinary, info=sealed("command")),
    Column("created_at", Double, nullable=False),
    Column("ended_at", Double),
)
Index("commands_by_state", commands.c.state, commands.c.id)

confirmations = Table(
    "confirmations",
    metadata,
    # steps of the vendor's process that a person has seen done; one that was taken back stays, for whoever asks later
    Column("id", _ID, primary_key=True),
    Column("step", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("who", Text, nullable=False),
    Column("note", LargeBinary, nullable=False, info=sealed("confirmation")),
    Column("undone_at", Double),
    Column("undone_by", Text),
)

test_patients = Table(
    "test_patients",
    metadata,
    # the vendor's test patients: in staging nobody else leaves; one who was removed stays, so that his messages go on to
    # be told from a real patient's of the same number
    Column("id", _ID, primary_key=True),
    Column("mrn_hash", LargeBinary, nullable=False, unique=True),  # keyed hash of the number
    Column("document", LargeBinary, nullable=False, info=sealed("test-patient")),
    Column("source", Text, nullable=False),  # digest of the file he came in
    Column("imported_at", Double, nullable=False),
    Column("removed_at", Double),
)

settings_seen = Table(
    "settings_seen",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),  # digests: nothing of a setting's own text
    Column("seen_at", Double, nullable=False),
)

test_rounds = Table(
    "test_rounds",
    metadata,
    # rounds of the production test; the first is there from the beginning: its row is what claims of all nodes lock
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("began_at", Double, nullable=False),
    Column("began_by", Text, nullable=False),
    Column("why", LargeBinary, info=sealed("round")),
    Column("by_hand", Boolean, nullable=False),  # persons choose
    Column("copied", Boolean, nullable=False),  # in a copy of the store: what was taken since is not known
)

test_slots = Table(
    "test_slots",
    metadata,
    # which requests had a slot of which round. No foreign key: what was accepted counts longer than its request is kept
    Column("id", _ID, primary_key=True),
    Column("round", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("request_id", BigInteger, nullable=False),
    Column("taken_at", Double, nullable=False),
    Column("ended_at", Double),  # of its last attempt
    Column("outcome", Text),  # accepted; refused; NULL: neither
    Column("doubtful", Boolean, nullable=False),  # an attempt may have arrived, and nobody saw the answer
    Column("freed_at", Double),  # another request took the number
)
_unique_index("test_slots_taken", test_slots.c.freed_at.is_(None), test_slots.c.round, test_slots.c.number)
Index("test_slots_by_request", test_slots.c.request_id, test_slots.c.id)

purges = Table(
    "purges",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("began_at", Double, nullable=False),
    Column("ended_at", Double),
    Column("counts", Text, nullable=False),  # how many rows of each kind went, as JSON
)

users = Table(
    "users",
    metadata,
    # who may use the console
    Column("name", Text, primary_key=True),
    Column("role", Text, nullable=False),  # viewer, analyst or admin
    Column("password", Text, nullable=False),  # hashed, with its salt and costs
    Column("password_at", Double, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("created_at", Double, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    # who is signed in: the browser has the token, here is its hash
    Column("token_hash", LargeBinary, primary_key=True),
    Column("user_name", Text, ForeignKey("users.name", ondelete="CASCADE"), nullable=False),
    Column("began_at", Double, nullable=False),
    Column("used_at", Double, nullable=False),
    Column("shows_until", Double, nullable=False),  # until then patient data is not masked
    sqlite_with_rowid=False,
)
Index("sessions_by_user", sessions.c.user_name)
Index("sessions_by_use", sessions.c.used_at)

audit = Table(
    "audit",
    metadata,
    # who saw or asked for what in the console
    Column("id", _ID, primary_key=True),
    Column("at", Double, nullable=False),
    Column("user_name", Text, nullable=False),
    Column("peer", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),  # ids of ours: `message 12`
    Column("detail", LargeBinary, info=sealed("audit")),  # what somebody typed
)
Index("audit_by_user", audit.c.user_name, audit.c.id)
Index("audit_by_subject", audit.c.subject, audit.c.id)
