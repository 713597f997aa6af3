"""Values of older keys are sealed anew by the newest, in small portions; then the older keys are deleted.

Plan: once the newest key is old enough that every process knows it, the older ones are retired: no transaction that
sealed by one of them is committed any more. So one walk through the tables finds all that is theirs, and after it they
can go. A walk that is interrupted begins anew and passes over what is done. Which columns are sealed says the schema.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, LargeBinary, Table, bindparam, func, select, update

from interface.store import key_rows
from interface.store.crypto import CLEAR_ID, HEADER_BYTES, LOOK_SECONDS, Keyring
from interface.store.database import Database, Part
from interface.store.errors import Unreadable
from interface.store.schema import metadata

GRACE_SECONDS = 4 * LOOK_SECONDS
"""How old a key is when every process seals by it."""
WINDOW = 500
"""Rows looked at in one step."""
ROWS = 50
"""Rows sealed anew in one transaction, at most."""


class _Sealed:
    """A table with sealed columns, and its statements."""

    def __init__(self, table: Table) -> None:
        (key,) = table.primary_key.columns
        self.name = table.name
        self.columns: list[Column[Any]] = [column for column in table.columns if "sealed" in column.info]
        headers = [func.substr(column, 1, HEADER_BYTES, type_=LargeBinary) for column in self.columns]
        self.look = select(key, *headers).where(key > bindparam("after")).order_by(key).limit(WINDOW)
        self.read = select(key, *self.columns).where(key.in_(bindparam("ids", expanding=True)))
        self.write = [
            update(table)
            .where(key == bindparam("b_id"), column == bindparam("b_old"))
            .values({column: bindparam("b_new")})
            for column in self.columns
        ]


TABLES = tuple(
    _Sealed(table)
    for table in metadata.sorted_tables
    if any("sealed" in column.info for column in table.columns)
)


@dataclass(slots=True)
class Walk:
    """How far the walk through the tables has come."""

    table: int = 0
    after: int = 0
    looked_at: int = 0
    sealed: int = 0
    unreadable: int = 0

    @property
    def ended(self) -> bool:
        """All tables were walked through."""
        return self.table >= len(TABLES)


@dataclass(frozen=True, slots=True)
class Resealed:
    """A walk that has come to its end."""

    sealed: int
    dropped: int
    """Older keys that are gone."""
    unreadable: int
    """Values that can't be opened: their keys stay."""


class Resealing(Part):
    """One thread's: the work's, or a command's where no daemon runs."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        super().__init__(database)
        self._keyring = keyring
        self.grace = GRACE_SECONDS
        """0 for who knows that no other process seals."""
        self.walk: Walk | None = None
        self.ended: Resealed | None = None
        """What the last walk came to."""
        self._given_up: tuple[bytes, ...] = ()
        """Keys that a walk has found values of that can't be opened."""

    def older(self) -> tuple[key_rows.KeyRow, ...]:
        """The keys that are to go, oldest first; none where new values are stored in the clear."""
        with self._reading() as connection:
            rows = key_rows.read(connection)
        newest = max((row.number for row in rows if row.kind == "data"), default=0)
        found = {
            row.key_id: row
            for row in rows
            if row.kind == "clear" or (row.kind == "data" and row.number < newest)
        }
        return () if self._keyring.key_id == CLEAR_ID else tuple(found.values())

    def waits(self) -> float:
        """Seconds until every process is sure to seal by the newest key."""
        with self._reading() as connection:
            rows = key_rows.read(connection)
        made = max((row.made_at for row in rows if row.kind == "data"), default=0.0)
        return max(0.0, made + self.grace - time.time())

    def step(self) -> bool:
        """A portion; whether there is more to do at once. Raises StoreError."""
        older = self.older()
        ids = tuple(row.key_id for row in older)
        if not older or ids == self._given_up or self.waits() > 0:
            return False
        if any(row.retired_at is None for row in older) or self.walk is None:
            self._keyring.look()
            with self._writing() as connection:
                key_rows.retire(connection, ids, time.time())
            self.walk, self.ended = Walk(), None
            return True
        if not self.walk.ended:
            self._portion(self.walk)
            return True
        self._end(self.walk, ids)
        return False

    def _portion(self, walk: Walk) -> None:
        table = TABLES[walk.table]
        with self._reading() as connection:
            rows = connection.execute(table.look, {"after": walk.after}).all()
        header = self._keyring.header
        stale = [row[0] for row in rows if any(begins not in (None, b"", header) for begins in row[1:])]
        if len(stale) > ROWS:
            stale = stale[:ROWS]
            rows = [row for row in rows if row[0] <= stale[-1]]
        if stale:
            with self._writing() as connection:
                self._seal(connection, table, stale, walk)
        walk.looked_at += len(rows)
        if len(rows) < WINDOW and len(stale) < ROWS:
            walk.table, walk.after = walk.table + 1, 0
        else:
            walk.after = rows[-1][0]

    def _seal(self, connection: Connection, table: _Sealed, ids: Sequence[int], walk: Walk) -> None:
        header = self._keyring.header
        for id_, *values in connection.execute(table.read, {"ids": ids}).all():
            for column, write, old in zip(table.columns, table.write, values, strict=True):
                if old is None or old[:HEADER_BYTES] == header:
                    continue
                purpose = column.info["sealed"]
                try:
                    new = self._keyring.seal(purpose, self._keyring.open(purpose, old))
                except Unreadable:
                    walk.unreadable += 1
                    continue
                connection.execute(write, {"b_id": id_, "b_old": old, "b_new": new})
                walk.sealed += 1
        key_rows.still_good(connection, self._keyring)

    def _end(self, walk: Walk, ids: tuple[bytes, ...]) -> None:
        if walk.unreadable:
            self._given_up = ids
        else:
            with self._writing() as connection:
                key_rows.drop(connection, ids)
            self._keyring.look()
        self.ended = Resealed(walk.sealed, 0 if walk.unreadable else len(ids), walk.unreadable)
        self.walk = None
