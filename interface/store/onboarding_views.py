"""Evidence of the steps to production: the requests of an environment, with their bodies opened. Reads only.

Requests of before production have an index of their own. All others are read from one end in windows of ids, each in a
short transaction, and whoever wants only a sample looks into a bounded number of windows: nothing reads a whole table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, bindparam, func, select

from interface.store.crypto import Keyring
from interface.store.database import Database, Part
from interface.store.errors import Unreadable
from interface.store.in_lists import chunks
from interface.store.schema import (
    ASKED_BEFORE_PRODUCTION,
    BEFORE_PRODUCTION,
    request_bodies,
    requests,
)

WINDOW = 500
"""Rows read in one transaction."""
COUNTED = 100_000
"""More requests than this are not counted."""
_ABOVE_ALL = 2**62

_COLUMNS = tuple(
    requests.c[name]
    for name in (
        "id",
        "environment",
        "created_at",
        "state",
        "correlation_id",
        "last_status",
        "taken_at",
        "awaited_since",
        "found_at",
        "insufficient_at",
        "delivered_at",
        "documents",
        "events",
    )
)
# said in the words of the index, for a planner that does not know the parameter's value
_INDEXED = (
    requests.c.environment == bindparam("environment"),
    ASKED_BEFORE_PRODUCTION,
)
_NEWEST = (
    select(*_COLUMNS)
    .where(requests.c.id < bindparam("before"))
    .order_by(requests.c.id.desc())
    .limit(bindparam("count"))
)
_NEWEST_OF = _NEWEST.where(*_INDEXED)
_OLDEST = (
    select(*_COLUMNS)
    .where(requests.c.id > bindparam("after"))
    .order_by(requests.c.id)
    .limit(bindparam("count"))
)
_COUNT_OF = select(func.count()).select_from(
    select(requests.c.id).where(*_INDEXED).limit(bindparam("most")).subquery()
)
_BODIES = select(request_bodies.c.request_id, request_bodies.c.body, request_bodies.c.detail).where(
    request_bodies.c.request_id.in_(bindparam("ids", expanding=True))
)

_DELIVERED_OF = (
    select(requests.c.patient_id)
    .where(
        requests.c.patient_id.in_(bindparam("ids", expanding=True)),
        requests.c.state == "delivered",
        requests.c.environment == bindparam("environment"),
    )
    .distinct()
)


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """One request as evidence."""

    id: int
    environment: str
    created_at: float
    state: str
    correlation_id: str | None
    last_status: int | None
    taken_at: float | None
    """When the API took it in, POSIX seconds."""
    awaited_since: float | None
    """The same while no webhook came and one is to come."""
    found_at: float | None
    insufficient_at: float | None
    delivered_at: float | None
    """When we received the first webhook that said so."""
    documents: int
    events: int


@dataclass(frozen=True, slots=True)
class EvidenceFilter:
    """Which requests count; None: all."""

    environment: str | None = None
    state: str | None = None
    since: float | None = None
    """Made at or after this time, POSIX seconds."""
    until: float | None = None

    def takes(self, row: EvidenceRow) -> bool:
        """Whether a request counts."""
        return (
            self.environment in (None, row.environment)
            and self.state in (None, row.state)
            and (self.since is None or row.created_at >= self.since)
            and (self.until is None or row.created_at < self.until)
        )


class OnboardingViews(Part):
    """Used by one thread at a time, beside a running daemon or without one."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        super().__init__(database)
        self._keyring = keyring

    def rows(self, where: EvidenceFilter, most: int | None = None) -> Iterator[list[EvidenceRow]]:
        """The requests that count, newest first, in portions. `most`: look into no more rows than about so many."""
        indexed = where.environment in BEFORE_PRODUCTION
        statement = _NEWEST_OF if indexed else _NEWEST
        parameters = {"environment": where.environment} if indexed else {}
        before, looked_at = _ABOVE_ALL, 0
        while most is None or looked_at < most:
            window = self._window(statement, {**parameters, "before": before, "count": WINDOW})
            if found := [row for row in window if where.takes(row)]:
                yield found
            if len(window) < WINDOW or (where.since is not None and window[-1].created_at < where.since):
                return
            before, looked_at = window[-1].id, looked_at + len(window)

    def first_rows(self, where: EvidenceFilter, most: int = WINDOW) -> list[EvidenceRow]:
        """Those that count among the oldest `most` requests that are stored, oldest first."""
        return [row for row in self._window(_OLDEST, {"after": 0, "count": most}) if where.takes(row)]

    def count(self, environment: str) -> int:
        """How many requests were made for one of `BEFORE_PRODUCTION`, up to `COUNTED`."""
        with self._reading() as connection:
            number: int = connection.execute(
                _COUNT_OF, {"environment": environment, "most": COUNTED}
            ).scalar_one()
            return number

    def patients_delivered(self, environment: str, patient_ids: Iterable[int]) -> set[int]:
        """Of which of these patients a request was delivered in an environment."""
        found: set[int] = set()
        with self._reading() as connection:
            for ids in chunks(sorted(set(patient_ids))):
                wanted = {"ids": ids, "environment": environment}
                found.update(connection.execute(_DELIVERED_OF, wanted).scalars())
        return found

    def _window(self, statement: Select[Any], parameters: dict[str, Any]) -> list[EvidenceRow]:
        with self._reading() as connection:
            return [EvidenceRow(*row) for row in connection.execute(statement, parameters)]

    def opened(self, ids: Sequence[int]) -> dict[int, tuple[bytes | None, bytes | None]]:
        """Body and detail of these requests, a few hundred at most; None: it is gone or can't be opened."""
        with self._reading() as connection:
            rows = connection.execute(_BODIES, {"ids": list(ids)}).all()
        return {
            id_: (self._open("request", body), self._open("detail", detail)) for id_, body, detail in rows
        }

    def _open(self, purpose: str, sealed: bytes) -> bytes | None:
        try:
            return self._keyring.open(purpose, sealed)
        except Unreadable:
            return None
