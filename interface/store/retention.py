"""What is old enough to go, found in pages and deleted in small transactions; and what went, kept as counts.

Pages are read by id, whatever they hold: no statement runs through a whole table. What hangs on a row (bodies, notes,
attempts, keys, charts) goes with it by the tables' own rule. Ids are never given out again: their counters stay.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import (
    Connection,
    Select,
    Table,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from interface.store import intake_turn, replay
from interface.store.crypto import Keyring
from interface.store.database import Database, Part
from interface.store.errors import StoreError, Unreadable
from interface.store.in_lists import among, chunks
from interface.store.leases import Hold
from interface.store.schema import (
    charts,
    commands,
    messages,
    patients,
    purges,
    requests,
    webhook_requests,
    webhooks,
)

PAGE = 500
ROWS = 100
"""Rows deleted in one transaction, at most."""
FAMILIES = 20
"""Charts deleted in one transaction, at most, each with those that are part of it."""
VACUUM_PAGES = 256
"""Pages that are given back to the file system at a time."""
FREE_SHARE = 20
"""A twentieth of the file may be free: it is used again."""
STILL_OPEN = ("waiting", "held", "sending")


def _page(table: Table, *columns: str) -> Select[Any]:
    chosen = [table.c[name] for name in ("id", *columns)]
    return select(*chosen).where(table.c.id > bindparam("after")).order_by(table.c.id).limit(PAGE)


_REQUESTS = _page(requests, "state", "changed_at", "appointment_date")
_WEBHOOKS = _page(webhooks, "state", "received_at")
_WITH_REQUESTS = select(webhook_requests.c.webhook_id).where(
    webhook_requests.c.webhook_id.in_(bindparam("ids", expanding=True))
)
_UNMATCHED = webhooks.c.state == "unmatched"
_MUCH_UNMATCHED = select(func.count(), func.coalesce(func.sum(webhooks.c.size), 0)).where(_UNMATCHED)
_OLDEST_UNMATCHED = (
    select(webhooks.c.id, webhooks.c.size).where(_UNMATCHED).order_by(webhooks.c.id).limit(ROWS)
)
_COMMANDS = _page(commands, "ended_at")
_PATIENTS = _page(patients, "changed_at", "merged_into")
_MESSAGES = _page(messages, "state", "received_at", "patient_id")
_DELETE = {
    table.name: delete(table).where(table.c.id.in_(bindparam("ids", expanding=True)))
    for table in (requests, webhooks, commands, patients, messages)
}
_CHANGED = select(patients.c.id, patients.c.changed_at, charts.c.chart).where(
    patients.c.id == charts.c.patient_id, patients.c.id.in_(bindparam("ids", expanding=True))
)
_THERE = select(patients.c.id).where(patients.c.id.in_(bindparam("ids", expanding=True)))
_REQUESTS_OF = select(
    requests.c.id, requests.c.state, requests.c.changed_at, requests.c.appointment_date
).where(requests.c.patient_id.in_(bindparam("ids", expanding=True)))
_ASKED_BY = select(requests.c.message_id).where(
    requests.c.message_id.in_(bindparam("ids", expanding=True)), requests.c.state.in_(STILL_OPEN)
)
_BEGIN = insert(purges)
_END = update(purges).where(purges.c.id == bindparam("b_id"))
_LAST = select(purges).order_by(purges.c.id.desc()).limit(bindparam("count"))


@dataclass(frozen=True, slots=True)
class Limits:
    """Times (POSIX seconds) before which rows are old enough; None: that kind stays for ever."""

    today: date
    messages: float | None
    requests: float | None
    charts: float | None
    webhooks: float | None


@dataclass(frozen=True, slots=True)
class Found:
    """What one page has of rows that may go."""

    ids: tuple[int, ...]
    after: int | None
    """Where the next page begins; None: this was the last."""


@dataclass(frozen=True, slots=True)
class Old:
    """Charts that are old enough, as far as the tables tell, to be looked into: those of one family."""

    patients: tuple[int, ...]
    charts: tuple[bytes | None, ...]
    """None: it can't be opened."""


@dataclass(frozen=True, slots=True)
class Purge:
    """One purging, done or under way."""

    id: int
    began_at: float
    ended_at: float | None
    counts: dict[str, int] = field(default_factory=dict)


class Retention(Part):
    """One thread's: the work's, or a command's where no daemon runs."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        super().__init__(database)
        self._keyring = keyring
        self.hold: Callable[[], Hold | None] | None = None
        """Whose turn of intake it is, where several nodes share the store: who has it not deletes nothing. Raises TurnLost
        in `delete`."""

    # ------------------------------------------------------------------------------------------ finding

    def requests(self, limits: Limits, after: int) -> Found:
        """Requests that have come to an end long ago, and whose appointment is past."""
        return self._found(_REQUESTS, after, lambda row: _request_may_go(limits, *row))

    def webhooks(self, limits: Limits, after: int) -> Found:
        """Webhooks that came long ago, and those all of whose requests are gone."""
        with self._reading() as connection:
            rows = connection.execute(_WEBHOOKS, {"after": after}).all()
            kept = _among(connection, _WITH_REQUESTS, [row[0] for row in rows if row[1] == "joined"])
        ids = [
            id_
            for id_, state, received_at in rows
            if state != "new"
            and (_is_before(received_at, limits.webhooks) or (state == "joined" and id_ not in kept))
        ]
        return _cut(tuple(ids), rows, ROWS)

    def unmatched_beyond(self, most_rows: int, most_bytes: int) -> tuple[int, ...]:
        """The oldest webhooks for ids that nobody knows, as far as there are more of them than that: a portion."""
        with self._reading() as connection:
            rows, size = connection.execute(_MUCH_UNMATCHED).one()
            if rows <= most_rows and size <= most_bytes:
                return ()
            oldest = connection.execute(_OLDEST_UNMATCHED).all()
        beyond = []
        for id_, its_size in oldest:
            if rows <= most_rows and size <= most_bytes:
                break
            beyond.append(id_)
            rows, size = rows - 1, size - its_size
        return tuple(beyond)

    def commands(self, limits: Limits, after: int) -> Found:
        """Commands that came to an end long ago: as old as requests are kept."""
        return self._found(_COMMANDS, after, lambda row: _is_before(row[1], limits.requests))

    def messages(self, limits: Limits, after: int, gone: frozenset[int] = frozenset()) -> Found:
        """Messages that are decided, in no chart that is there (but those of the patients in `gone`), and asked for by
        no open request.
        """
        with self._reading() as connection:
            rows = connection.execute(_MESSAGES, {"after": after}).all()
            old = [row for row in rows if row[1] != "new" and _is_before(row[2], limits.messages)]
            owners = {row[3] for row in old if row[3] is not None} - gone
            there = _among(connection, _THERE, owners)
            asked = _among(connection, _ASKED_BY, [row[0] for row in old])
        ids = tuple(row[0] for row in old if row[3] not in there and row[0] not in asked)
        return _cut(ids, rows, ROWS)

    def charts(self, limits: Limits, after: int) -> tuple[list[Old], int | None]:
        """Charts whose last change is long ago and all of whose requests may go, and where the next page begins."""
        found: list[Old] = []
        with self._reading() as connection:
            rows = connection.execute(_PATIENTS, {"after": after}).all()
            for id_, changed_at, into in rows:
                if into is not None or not _is_before(changed_at, limits.charts):
                    continue
                family = sorted(replay.family(connection, [id_]))
                if not self._all_requests_may_go(connection, limits, family):
                    continue
                known = connection.execute(_CHANGED, {"ids": family}).all()
                if all(_is_before(row[1], limits.charts) for row in known):
                    found.append(Old(tuple(family), tuple(self._open(row[2]) for row in known)))
                if len(found) >= FAMILIES:
                    return found, id_
        return found, rows[-1][0] if len(rows) == PAGE else None

    def _all_requests_may_go(self, connection: Connection, limits: Limits, family: Sequence[int]) -> bool:
        return all(_request_may_go(limits, *row) for row in connection.execute(_REQUESTS_OF, {"ids": family}))

    def _open(self, sealed: bytes) -> bytes | None:
        try:
            return self._keyring.open("chart", sealed)
        except Unreadable:
            return None

    def _found(self, page: Select[Any], after: int, may_go: Any) -> Found:
        with self._reading() as connection:
            rows = connection.execute(page, {"after": after}).all()
        return _cut(tuple(row[0] for row in rows if may_go(row)), rows, ROWS)

    # ------------------------------------------------------------------------------------------ deleting

    def delete(self, table: str, ids: Iterable[int]) -> int:
        """Delete these rows of `requests`, `webhooks`, `commands`, `patients` or `messages`; gives how many went."""
        wanted = list(ids)
        if not wanted:
            return 0
        with self._writing() as connection:
            if self.hold is not None:
                intake_turn.need(connection, self.hold())
            return sum(connection.execute(_DELETE[table], {"ids": part}).rowcount for part in chunks(wanted))

    def give_back(self) -> bool:
        """Give some free pages of a SQLite file back to the file system; whether there are more to give."""
        with self._reading() as connection:
            if connection.dialect.name != "sqlite":
                return False
            free = int(connection.exec_driver_sql("PRAGMA freelist_count").scalar_one())
            pages = int(connection.exec_driver_sql("PRAGMA page_count").scalar_one())
        if free <= pages // FREE_SHARE:
            return False
        try:
            # as a script, and so in a transaction of its own: `execute` would take one step, which is one page
            self._connection.connection.cursor().executescript(f"PRAGMA incremental_vacuum({VACUUM_PAGES})")
        except sqlite3.Error as error:
            raise StoreError(f"the store cannot be written: {self._database.cause_of(error)}") from None
        return True

    # ------------------------------------------------------------------------------------------ what went

    def begin(self, now: float) -> int:
        """Note that a purging begins; gives its id."""
        with self._writing() as connection:
            made = connection.execute(_BEGIN, {"began_at": now, "counts": "{}"})
            return int(made.inserted_primary_key[0])  # type: ignore[index]

    def end(self, id: int, counts: Mapping[str, int], now: float) -> None:
        """Note what went."""
        with self._writing() as connection:
            connection.execute(_END.values(ended_at=now, counts=json.dumps(dict(counts))), {"b_id": id})

    def last(self, count: int = 10) -> list[Purge]:
        """The last purgings, newest first."""
        with self._reading() as connection:
            rows = connection.execute(_LAST, {"count": count}).all()
        return [Purge(id_, began, ended, json.loads(counts)) for id_, began, ended, counts in rows]


def _is_before(at: float | None, limit: float | None) -> bool:
    return at is not None and limit is not None and at < limit


def _request_may_go(limits: Limits, _id: int, state: str, changed_at: float, day: date | None) -> bool:
    coming = day is not None and day >= limits.today
    return state not in STILL_OPEN and not coming and _is_before(changed_at, limits.requests)


def _among(connection: Connection, statement: Select[Any], values: Iterable[int]) -> set[int]:
    return {found for (found,) in among(connection, statement, values)}


def _cut(ids: tuple[int, ...], rows: Sequence[Any], most: int) -> Found:
    """No more ids than one transaction takes; the next page begins behind the last of them."""
    if len(ids) > most:
        return Found(ids[:most], ids[most - 1])
    return Found(ids, rows[-1][0] if len(rows) == PAGE else None)
