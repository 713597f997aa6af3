"""The door's writer: arrivals become durable rows, duplicates are counted, nothing is acknowledged before
the commit.

Goal: at 64 rows in a commit at most 30 µs a row. Plan: hash and seal before the transaction opens; within
it one select for the duplicates of all, one counter step for the ids, two executemany for all rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, insert, update

from interface.hl7.errors import REJECTS
from interface.store import counters
from interface.store.crypto import Keyring
from interface.store.database import Database, Part
from interface.store.duplicates import Name, Namesakes, find_namesakes
from interface.store.errors import NotStored
from interface.store.key_rows import ask_good
from interface.store.prepared import Cursor, Prepared
from interface.store.records.arrivals import Arrival, Stored
from interface.store.records.reasons import reasons_json
from interface.store.schema import message_bodies, messages
from interface.store.texts import clear

DUPLICATE_WINDOW_SECONDS = 7 * 86400
CLEAR_TEXT_CHARACTERS = 250
"""What a clear column keeps of a header field; hashes are of the whole."""

_COUNT_DUPLICATES = Prepared(
    update(messages)
    .where(messages.c.id == bindparam("first_id"))
    .values(
        duplicates=messages.c.duplicates + bindparam("more"),
        last_duplicate_at=bindparam("last_duplicate_at_now"),
    )
)
_INSERT_MESSAGES = Prepared(
    insert(messages), [column.key for column in messages.columns if column.server_default is None]
)
_INSERT_BODIES = Prepared(insert(message_bodies), ["message_id", "body"])


@dataclass(slots=True)
class _Row:
    """A row that arrivals stand for: one that is stored already, or a new one of this batch."""

    id: int
    """0 until it is stored."""
    position: int = -1
    """Its place among the new rows of the batch."""


@dataclass(slots=True)
class _Batch:
    """What the arrivals come to once the duplicates are told."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    outcomes: list[tuple[str, _Row]] = field(default_factory=list)
    """For each arrival the receipt and its row, or the row that it repeats."""
    again: dict[int, tuple[int, float]] = field(default_factory=dict)
    """For each stored row that came again: how often, and when last."""


class Journal(Part):
    """Writes the journal; used by one thread."""

    by_index = True

    def __init__(self, database: Database, keyring: Keyring) -> None:
        super().__init__(database)
        self._keyring = keyring

    def append(
        self, arrivals: Sequence[Arrival], now: float, *, window: float = DUPLICATE_WINDOW_SECONDS
    ) -> list[Stored]:
        """Store all arrivals in one commit, which is on disk when this returns; answers in the same order.

        `now` (POSIX seconds) bounds the duplicate window of seven days (`window`, in seconds), which counts from
        the first row's arrival. A message is a duplicate when listener, MSH-3, MSH-4 and MSH-10 and the content are those
        of a row in the window; equal names with other content are stored and flagged as a conflict. Raises
        NotStored: then nothing of the batch is stored, and the journal can be used again.
        """
        if not arrivals:
            return []
        seal = self._keyring.seal
        names = [self._name(arrival) for arrival in arrivals]
        sealed = [seal("message", arrival.raw) for arrival in arrivals]
        with self._writing(NotStored, pipelined=True) as connection:
            keys_are_good = ask_good(connection, self._keyring, NotStored)  # all is sealed already
            locked = None
            if self._database.shared:  # else what another door stores meanwhile would not be found
                locked = counters.lock(connection, "message")
            asked = {name for name, checked in names if checked}
            namesakes = find_namesakes(connection, asked, now - window)
            batch = _sort_out(arrivals, names, sealed, namesakes)
            keys_are_good()
            if batch.rows:
                _insert(connection, batch, locked)
            _COUNT_DUPLICATES.execute_many(
                connection,
                [
                    {"first_id": id_, "more": more, "last_duplicate_at_now": last}
                    for id_, (more, last) in batch.again.items()
                ],
            )
        return [
            Stored(row.id, receipt, row.id if receipt == "duplicate" else None)
            for receipt, row in batch.outcomes
        ]

    def _name(self, arrival: Arrival) -> tuple[Name, bool]:
        """The arrival's name, and whether duplicates of it count: not those of rejects."""
        digest = self._keyring.digest(arrival.raw)
        checked = arrival.receipt == "stored" and arrival.control_id != ""
        key = b""
        if checked:
            key = self._keyring.lookup(
                f"{arrival.listener}\0{arrival.sender_application}\0{arrival.sender_facility}\0{arrival.control_id}"
            )
        return Name(_clear(arrival.control_id), key, digest), checked


def _sort_out(
    arrivals: Sequence[Arrival], names: list[tuple[Name, bool]], sealed: list[bytes], namesakes: Namesakes
) -> _Batch:
    batch = _Batch()
    firsts = {name: _Row(id_) for name, id_ in namesakes.first.items()}
    keys = namesakes.keys
    for arrival, (name, checked), body in zip(arrivals, names, sealed, strict=True):
        first = firsts.get((name.key, name.digest)) if checked else None
        if first is not None:
            batch.outcomes.append(("duplicate", first))
            _count_again(batch, first, arrival.received_at)
            continue
        conflict = checked and name.key in keys
        row = _Row(0, len(batch.rows))
        if checked:
            firsts[name.key, name.digest] = row
            keys.add(name.key)
        batch.rows.append(_columns(arrival, name, checked, conflict))
        batch.bodies.append(body)
        batch.outcomes.append(("conflict" if conflict else arrival.receipt, row))
    return batch


def _count_again(batch: _Batch, first: _Row, at: float) -> None:
    if first.id:
        batch.again[first.id] = (batch.again.get(first.id, (0, at))[0] + 1, at)
    else:
        row = batch.rows[first.position]
        row["duplicates"] += 1
        row["last_duplicate_at"] = at


def _insert(connection: Connection, batch: _Batch, locked: Cursor | None) -> None:
    """`locked`: what `counters.lock` gave, where it was asked."""
    if locked is None:
        first_id = counters.take(connection, "message", len(batch.rows))
    else:
        first_id = counters.take_locked(connection, "message", locked, len(batch.rows))
    for id_, columns in enumerate(batch.rows, first_id):
        columns["id"] = id_
    _INSERT_MESSAGES.execute_many(connection, batch.rows)
    _INSERT_BODIES.execute_many(
        connection, [{"message_id": id_, "body": body} for id_, body in enumerate(batch.bodies, first_id)]
    )
    for _receipt, row in batch.outcomes:
        if not row.id:
            row.id = first_id + row.position


def _columns(arrival: Arrival, name: Name, checked: bool, conflict: bool) -> dict[str, Any]:
    rejected = arrival.receipt != "stored"
    return {
        "listener": arrival.listener,
        "sender_application": _clear(arrival.sender_application),
        "sender_facility": _clear(arrival.sender_facility),
        "control_id": name.control_id,
        "message_type": _clear(arrival.message_type),
        "processing_id": _clear(arrival.processing_id),
        "peer": arrival.peer,
        "received_at": arrival.received_at,
        "size": len(arrival.raw),
        "receipt": arrival.receipt,
        "dedupe_key": name.key if checked else None,
        "content_digest": name.digest,
        "conflict": conflict,
        "duplicates": 0,
        "last_duplicate_at": None,
        "state": "done" if rejected else "new",
        "decision": "reject" if rejected else None,
        "reasons": _reject_reasons(arrival.receipt) if rejected else "[]",
        "processed_at": arrival.received_at if rejected else None,
        "attempts": 0,
        "patient_id": None,
        "request_id": None,
    }


def _reject_reasons(kind: str) -> str:
    return reasons_json([(kind, REJECTS.get(kind, "the message cannot be read as HL7"))])


def _clear(text: str) -> str:
    """A header field as a database takes it: one message with odd characters must not keep its whole batch
    out.
    """
    return clear(text[:CLEAR_TEXT_CHARACTERS])
