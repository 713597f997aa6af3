"""How a store comes to the version that the program needs: numbered steps, each in one transaction.

An empty store is made by the newest schema at once; an older one takes the steps that it lacks. So a change
of the schema is made twice: in schema.py, and as a step here that brings a store of the version before to
the same tables (a test compares the two).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Table, false, insert, inspect, select
from sqlalchemy.schema import CreateColumn
from sqlalchemy.sql.functions import max as sql_max

from interface.store import key_rows, schema, seen
from interface.store.crypto import Master
from interface.store.errors import StoreError

THE_TURN = insert(schema.intake_turn).values(id=1, owner=None, until=0.0, fence=0)
"""The one row of its table: nobody has the turn."""
THE_FIRST_ROUND = insert(schema.test_rounds).values(
    number=1, began_at=0.0, began_by="", why=None, by_hand=False, copied=False
)
"""The round of the production test that every store begins with."""

ENVELOPE = 5
"""The version since which the store's own keys seal, wrapped by the master key; before that one it did so itself."""
COUNTERS = ("message", "patient", "request", "webhook", "command")


@dataclass(frozen=True)
class Migration:
    """A step to `version` from the one before."""

    version: int
    name: str
    apply: Callable[[Connection], None] = lambda _connection: None
    keys: Callable[[Connection, Master, float], None] | None = None
    """What it does to the store's keys."""


def _add_columns(connection: Connection, table: Table, *names: str) -> None:
    for name in names:
        made = CreateColumn(table.c[name]).compile(dialect=connection.dialect)
        connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {made}")


def _create_index(connection: Connection, table: Table, name: str) -> None:
    next(found for found in table.indexes if found.name == name).create(connection)


def _first_tables(connection: Connection) -> None:
    schema.metadata.create_all(connection, checkfirst=False)
    connection.execute(insert(schema.counters), [{"name": name, "next": 1} for name in COUNTERS])
    connection.execute(insert(schema.liveness).values(id=1, checked_at=0.0))
    connection.execute(THE_TURN)
    connection.execute(THE_FIRST_ROUND)
    _sealed_as_it_is(connection)


def _merges_and_commands(connection: Connection) -> None:
    """Whose chart became part of whose, messages by patient, and what persons ask the work to do."""
    for table, column in ((schema.messages, "set_aside"), (schema.patients, "merged_into")):
        _add_columns(connection, table, column)
    for table, index in ((schema.messages, "messages_by_patient"), (schema.patients, "patients_merged")):
        _create_index(connection, table, index)
    schema.commands.create(connection)
    connection.execute(insert(schema.counters).values(name="command", next=1))


def _patients_by_change(connection: Connection) -> None:
    """The list of patients, newest changed first, without reading all of them."""
    _create_index(connection, schema.patients, "patients_changed")


def _settings_seen(connection: Connection) -> None:
    """By which settings the charts got their keys."""
    schema.settings_seen.create(connection)


def _purgings(connection: Connection) -> None:
    """What went by retention, and when."""
    schema.purges.create(connection)


def _work_state(connection: Connection) -> None:
    """What the work knows of the destination and of the time, for its next start and for the command line."""
    schema.work_state.create(connection)


def _nodes(connection: Connection) -> None:
    """Several daemons on one database: who they are, and whose turn it is."""
    schema.nodes.create(connection)
    schema.intake_turn.create(connection)
    connection.execute(THE_TURN)
    connection.exec_driver_sql("ALTER TABLE patients DROP COLUMN lease_until")


def _environments(connection: Connection) -> None:
    """For which environment a request was composed, and when a hold is over by itself."""
    _add_columns(connection, schema.requests, "environment", "wake_at")
    _create_index(connection, schema.requests, "requests_waking")
    life = {"environment": "sandbox", "since": time.time(), "live": False, "going": None}
    seen.write(connection, {"environment": json.dumps(life)}, time.time())  # there was no other


def _evidence(connection: Connection) -> None:
    """What persons have seen done on the way to production, and requests of before production found without reading all."""
    schema.confirmations.create(connection)
    _create_index(connection, schema.requests, "requests_before_production")


WEBHOOK_COLUMNS = (
    *("panel_id", "taken_at", "awaited_since", "found_at", "insufficient_at", "delivered_at"),
    *("documents", "events"),
)


def _webhooks_joined(connection: Connection) -> None:
    """What webhooks say of requests, and every id that a request may be named by. (No webhook was taken before.)"""
    _add_columns(connection, schema.requests, *WEBHOOK_COLUMNS)
    connection.exec_driver_sql("DROP INDEX requests_by_correlation_id")
    _create_index(connection, schema.requests, "requests_awaited")
    connection.exec_driver_sql("DROP TABLE webhooks")
    for table in (schema.webhooks, schema.request_ids, schema.webhook_requests):
        table.create(connection)
    named = select(schema.requests.c.correlation_id, schema.requests.c.id, false()).where(
        schema.requests.c.correlation_id.is_not(None)
    )
    connection.execute(
        insert(schema.request_ids).from_select(["correlation_id", "request_id", "whole_panel"], named)
    )


def _test_patients(connection: Connection) -> None:
    """The vendor's test patients, as they were imported."""
    schema.test_patients.create(connection)


def _test_rounds(connection: Connection) -> None:
    """The production test: rounds and their slots."""
    schema.test_rounds.create(connection)
    schema.test_slots.create(connection)
    connection.execute(THE_FIRST_ROUND)


def _console(connection: Connection) -> None:
    """Who may use the console, who is signed in, and what they saw and did."""
    for table in (schema.users, schema.sessions, schema.audit):
        table.create(connection)


def _alerts(connection: Connection) -> None:
    """What is on, what was said of it, and what somebody has looked at."""
    for table in (schema.alert_books, schema.alerts_seen):
        table.create(connection)


def _requests_by_date(connection: Connection) -> None:
    """Requests of a day are found whatever their state; and a request that changes its state stays where it is."""
    connection.exec_driver_sql("DROP INDEX requests_by_date")
    _create_index(connection, schema.requests, "requests_by_date")


def _sealed_as_it_is(connection: Connection) -> None:
    """PostgreSQL does not try to compress what is sealed, which never gets smaller: 8 % of its time for a message."""
    if connection.dialect.name == "postgresql":
        for table in schema.metadata.tables.values():
            for column in table.columns:
                if "sealed" in column.info:
                    connection.exec_driver_sql(
                        f"ALTER TABLE {table.name} ALTER COLUMN {column.name} SET STORAGE EXTERNAL"
                    )


MIGRATIONS: tuple[Migration, ...] = (
    Migration(1, "first tables", _first_tables),
    Migration(2, "merges and commands", _merges_and_commands),
    Migration(3, "patients by change", _patients_by_change),
    Migration(4, "settings seen", _settings_seen),
    Migration(ENVELOPE, "keys that are wrapped, and purgings", _purgings, key_rows.of_old),
    Migration(6, "state of the work", _work_state),
    Migration(7, "nodes", _nodes),
    Migration(8, "environments", _environments),
    Migration(9, "evidence", _evidence),
    Migration(10, "webhooks joined", _webhooks_joined),
    Migration(11, "test patients", _test_patients),
    Migration(12, "production test", _test_rounds),
    Migration(13, "console", _console),
    Migration(14, "alerts", _alerts),
    # what was stored stays as it is, and is read so (`interface.chart.packing`); a program of before can't read what comes
    Migration(15, "charts and provenance packed"),
    Migration(16, "requests by date", _requests_by_date),
    Migration(17, "sealed as it is", _sealed_as_it_is),
)


def stored_version(connection: Connection, where: str) -> int:
    """The version of the store called `where`; 0 when it is empty. StoreError when the tables are not ours."""
    tables = inspect(connection).get_table_names()
    if not tables:
        return 0
    if schema.schema_version.name not in tables:
        raise StoreError(f"the database {where} belongs to another program: name another")
    return connection.execute(select(sql_max(schema.schema_version.c.version))).scalar() or 0


def check_version(version: int, where: str, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """StoreError when the store is newer than the program."""
    newest = migrations[-1].version
    if version > newest:
        raise StoreError(
            f"the store {where} is of version {version}, this program knows up to {newest}: "
            "it was written by a newer program, start that one"
        )


def check_key(connection: Connection, master: Master, where: str, version: int) -> None:
    """KeyringError when the store was made with another at-rest key."""
    if version < ENVELOPE:
        key_rows.prove_old(connection, master, where)
    else:
        key_rows.unlock(key_rows.read(connection), master, where)


def migrate(
    connection: Connection, master: Master, version: int, migrations: Sequence[Migration] = MIGRATIONS
) -> int:
    """Take the one step that follows `version`, in the caller's transaction; call until it gives the newest
    version.
    """
    step = migrations[0] if version == 0 else next(m for m in migrations if m.version == version + 1)
    step.apply(connection)
    now = time.time()
    reached = step.version
    if version == 0:
        reached = migrations[-1].version  # made from the newest schema
        key_rows.make_first(connection, master, now)
    elif step.keys is not None:
        step.keys(connection, master, now)
    connection.execute(insert(schema.schema_version).values(version=reached, applied_at=now))
    return reached
