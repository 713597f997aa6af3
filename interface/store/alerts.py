"""Books of alerts: texts that a daemon keeps, one for what all share and one for each node's own; and what was looked at.

A book has one keeper at a time. Where several nodes share a database, who keeps the shared one says so again and again; when
it says nothing for a while, another takes it over, with all that was known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, insert, literal, or_, select, update

from interface.store.clock import DatabaseNow
from interface.store.database import Part
from interface.store.schema import alert_books, alerts_seen

KEEPER_SECONDS = 30.0
"""After so long without a word another may keep a book."""
FORGOTTEN_SECONDS = 7 * 86_400.0
"""After so long the book of a node that is no more goes."""
SHARED = ""
"""The name of the book that is everybody's."""

_UNTIL = DatabaseNow() + literal(KEEPER_SECONDS)
_NAMED = alert_books.c.name == bindparam("b_name")
_OWNED = (_NAMED, alert_books.c.owner == bindparam("b_owner"))
_TAKE = (
    update(alert_books)
    .where(
        _NAMED,
        or_(
            alert_books.c.owner == bindparam("b_owner"),
            alert_books.c.until < DatabaseNow(),
            bindparam("b_by_force") == 1,
        ),
    )
    .values(owner=bindparam("b_owner"), until=_UNTIL)
)
_MAKE = insert(alert_books).values(
    name=bindparam("b_name"), book="", changed_at=0.0, owner=bindparam("b_owner"), until=_UNTIL
)
_IS_THERE = select(alert_books.c.name).where(_NAMED)
_READ = select(alert_books.c.book).where(*_OWNED)
_WRITE = (
    update(alert_books)
    .where(*_OWNED)
    .values(book=bindparam("b_book"), changed_at=bindparam("b_now"), until=_UNTIL)
)
_ALL = select(
    alert_books.c.name, alert_books.c.book, alert_books.c.changed_at, alert_books.c.until >= DatabaseNow()
).order_by(alert_books.c.name)
_FORGET = delete(alert_books).where(
    alert_books.c.name != SHARED, alert_books.c.until < DatabaseNow() - literal(FORGOTTEN_SECONDS)
)
_SEEN = select(alerts_seen.c.code, alerts_seen.c.up_to)
_SEE = (
    update(alerts_seen)
    .where(alerts_seen.c.code == bindparam("b_code"))
    .values(up_to=bindparam("b_up_to"), at=bindparam("b_now"), who=bindparam("b_who"))
)


@dataclass(frozen=True, slots=True)
class StoredBook:
    """A book as it was written last."""

    name: str
    """'': shared; else the node's."""
    book: str
    changed_at: float
    kept: bool
    """A daemon keeps it now."""


class AlertBooks(Part):
    """Used by one thread at a time."""

    def take(self, name: str, owner: str, *, by_force: bool = False) -> str | None:
        """Keep a book from now on, and give its text ('' for a new one); None: another daemon keeps it."""
        mine = {"b_name": name, "b_owner": owner}
        with self._writing() as connection:
            if not connection.execute(_TAKE, {**mine, "b_by_force": int(by_force)}).rowcount:
                if connection.execute(_IS_THERE, {"b_name": name}).one_or_none() is not None:
                    return None
                connection.execute(_MAKE, mine)
                connection.execute(_FORGET)
            text: str = connection.execute(_READ, mine).scalar_one()
            return text

    def write(self, name: str, owner: str, book: str, now: float) -> bool:
        """Write a book that we keep; False: another daemon does, and nothing was written."""
        row = {"b_name": name, "b_owner": owner, "b_book": book, "b_now": now}
        with self._writing() as connection:
            return connection.execute(_WRITE, row).rowcount > 0

    def all(self) -> Sequence[StoredBook]:
        """All books."""
        with self._reading() as connection:
            return [
                StoredBook(name, book, at, bool(kept)) for name, book, at, kept in connection.execute(_ALL)
            ]

    def seen(self) -> dict[str, float]:
        """Up to when somebody has looked at what an alert counts, by its code; POSIX seconds of the rows' clock."""
        with self._reading() as connection:
            return {row.code: row.up_to for row in connection.execute(_SEEN)}

    def see(self, code: str, up_to: float, who: str, now: float) -> None:
        """Somebody has looked at all that there is up to a time."""
        row = {"b_code": code, "b_up_to": up_to, "b_now": now, "b_who": who}
        with self._writing() as connection:
            if not connection.execute(_SEE, row).rowcount:
                connection.execute(insert(alerts_seen), {"code": code, "up_to": up_to, "at": now, "who": who})
