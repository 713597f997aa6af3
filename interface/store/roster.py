"""The vendor's test patients as they are stored: sealed documents, found by a keyed hash of the number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from interface.store.crypto import Keyring
from interface.store.database import Database, Part
from interface.store.errors import Unreadable
from interface.store.in_lists import chunks
from interface.store.records.roster import RosterRow, RosterWrite
from interface.store.schema import intake_turn, test_patients

PURPOSE = "test-patient"

_COLUMNS = (
    test_patients.c.document,
    test_patients.c.source,
    test_patients.c.imported_at,
    test_patients.c.removed_at,
)
_ALL = select(*_COLUMNS).order_by(test_patients.c.id)
_SOME = select(*_COLUMNS).where(test_patients.c.mrn_hash.in_(bindparam("hashes", expanding=True)))
_DELETE = delete(test_patients).where(test_patients.c.mrn_hash == bindparam("b_hash"))
_INSERT = insert(test_patients)
_REMOVE = (
    update(test_patients)
    .where(test_patients.c.mrn_hash == bindparam("b_hash"), test_patients.c.removed_at.is_(None))
    .values(removed_at=bindparam("b_now"))
)
_NOBODY_SENDS = update(intake_turn).where(intake_turn.c.id == 1).values(settled_on=None)


class RosterRows(Part):
    """Reads only; used by one thread at a time."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        super().__init__(database)
        self._keyring = keyring

    def all(self) -> list[RosterRow]:
        """Every one, those removed too; of what can't be opened nothing is known, and it is left out."""
        with self._reading() as connection:
            return read_all(connection, self._keyring)

    def of_numbers(self, mrns: Iterable[str]) -> list[RosterRow]:
        """Those with these numbers, as they stand at this moment."""
        hashes = {_hash(self._keyring, mrn) for mrn in mrns}
        with self._reading() as connection:
            rows = [
                row for part in chunks(sorted(hashes)) for row in connection.execute(_SOME, {"hashes": part})
            ]
        return _opened(self._keyring, rows)


def read_all(connection: Connection, keyring: Keyring) -> list[RosterRow]:
    """Every one, in the caller's transaction."""
    return _opened(keyring, connection.execute(_ALL))


def write(connection: Connection, keyring: Keyring, writes: Sequence[RosterWrite], now: float) -> None:
    """Import, remove or forget, in the caller's transaction. No node sends anything before all open requests are settled
    by what is so now.
    """
    if not writes:
        return
    for entry in writes:
        hash_ = _hash(keyring, entry.mrn)
        if entry.document is None and not entry.forget:
            connection.execute(_REMOVE, {"b_hash": hash_, "b_now": now})
            continue
        connection.execute(_DELETE, {"b_hash": hash_})
        if entry.document is not None:
            row = {
                "mrn_hash": hash_,
                "document": keyring.seal(PURPOSE, entry.document),
                "source": entry.source,
                "imported_at": now,
                "removed_at": None,
            }
            connection.execute(_INSERT, row)
    connection.execute(_NOBODY_SENDS)


def _hash(keyring: Keyring, mrn: str) -> bytes:
    return keyring.lookup(f"test patient|{mrn}")


def _opened(keyring: Keyring, rows: Iterable[Any]) -> list[RosterRow]:
    found = []
    for sealed, source, imported_at, removed_at in rows:
        try:
            document = keyring.open(PURPOSE, sealed)
        except Unreadable:
            continue
        found.append(RosterRow(document, source, imported_at, removed_at))
    return found
