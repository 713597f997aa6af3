"""What persons have seen done on the way to production: which step, who, when, and a note of theirs.

Written by who confirms, in a short transaction of its own: nothing that the work decides depends on it.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import bindparam, insert, select, update

from interface.store.crypto import Keyring
from interface.store.database import Database, Part
from interface.store.errors import Unreadable
from interface.store.key_rows import still_good
from interface.store.schema import confirmations

_ADD = insert(confirmations)
_OPEN = (
    select(
        confirmations.c.id,
        confirmations.c.step,
        confirmations.c.at,
        confirmations.c.who,
        confirmations.c.note,
    )
    .where(confirmations.c.undone_at.is_(None))
    .order_by(confirmations.c.id)
)
_UNDO = (
    update(confirmations)
    .where(confirmations.c.step == bindparam("b_step"), confirmations.c.undone_at.is_(None))
    .values(undone_at=bindparam("b_now"), undone_by=bindparam("b_who"))
)


@dataclass(frozen=True, slots=True)
class Confirmation:
    """One step that somebody has seen done."""

    step: str
    at: float
    """POSIX seconds."""
    who: str
    """A login name."""
    note: str
    """What was noted; patient data may be in it. Empty: it can't be opened."""


class Confirmations(Part):
    """Used by one thread, beside a running daemon or without one."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        super().__init__(database)
        self._keyring = keyring

    def add(self, step: str, who: str, note: str, now: float) -> None:
        """Note that a step was seen done; an earlier confirmation of it is taken back."""
        row = {
            "step": step,
            "at": now,
            "who": who,
            "note": self._keyring.seal("confirmation", note.encode()),
        }
        with self._writing() as connection:
            connection.execute(_UNDO, {"b_step": step, "b_now": now, "b_who": who})
            connection.execute(_ADD, row)
            still_good(connection, self._keyring)

    def undo(self, step: str, who: str, now: float) -> bool:
        """Take a confirmation back; False: there was none."""
        with self._writing() as connection:
            return connection.execute(_UNDO, {"b_step": step, "b_now": now, "b_who": who}).rowcount > 0

    def all(self) -> dict[str, Confirmation]:
        """Those that count, by step."""
        with self._reading() as connection:
            rows = connection.execute(_OPEN).all()
        return {step: Confirmation(step, at, who, self._opened(note)) for _, step, at, who, note in rows}

    def _opened(self, note: bytes) -> str:
        try:
            return self._keyring.open("confirmation", note).decode("utf-8", "replace")
        except Unreadable:
            return ""
