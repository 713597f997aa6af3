"""Requests and messages that wait for a person, by reason. Reads only, each call one short transaction.

A reason's code, a state and an HTTP status name a group. How many rows are in it is found by looking at `MOST_LOOKED_AT` of
a state, the newest: an index by reason would cost something for each request that is ever held.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, bindparam, case, func, literal, null, select

from interface.store.database import Part
from interface.store.filtering import code_pattern, without_codes
from interface.store.records.console import LookedAt, Reason, Several, Stretch, Trouble
from interface.store.records.lists import MessageSummary, RequestSummary
from interface.store.records.reasons import reasons_of
from interface.store.schema import messages, requests
from interface.store.views import (
    MESSAGE_COLUMNS,
    REQUEST_COLUMNS,
    message_summary,
    request_summary,
)

MOST_LOOKED_AT = 100_000
_WHERE: Mapping[Trouble, tuple[ColumnElement[bool], ...]] = {
    "held": (requests.c.state == "held",),
    "dead": (requests.c.state == "dead",),
    "failed": (messages.c.state == "failed", messages.c.decision.is_(None)),
    # those that led to a request are told by it
    "unassigned": (
        messages.c.state == "done",
        messages.c.decision == "hold",
        messages.c.request_id.is_(None),
    ),
}
MESSAGES: tuple[Trouble, ...] = ("failed", "unassigned")
"""The troubles that are messages'; the others are requests'."""


def _table(kind: Trouble) -> Table:
    return messages if kind in MESSAGES else requests


def _status(kind: Trouble) -> ColumnElement[Any]:
    return requests.c.last_status if kind == "dead" else null()


def _grouped(kind: Trouble, days: int) -> Select[Any]:
    """By reasons (and status): how many, the first and last id and time, and how many since each of so many times."""
    table = _table(kind)
    at = (table.c.received_at if kind in MESSAGES else table.c.created_at).label("at")
    newest = (
        select(table.c.id, at, table.c.reasons, _status(kind).label("status"))
        .where(*_WHERE[kind])
        .order_by(table.c.id.desc())
        .limit(bindparam("most"))
        .subquery()
    )
    since = [
        func.coalesce(func.sum(case((newest.c.at >= bindparam(f"day_{day}"), 1), else_=0)), 0)
        for day in range(days)
    ]
    columns = newest.c
    return select(
        columns.reasons,
        columns.status,
        func.count(),
        func.min(columns.id),
        func.max(columns.id),
        func.min(columns.at),
        func.max(columns.at),
        *since,
    ).group_by(columns.reasons, columns.status)


_NEWEST_HELD = (
    select(requests.c.reasons)
    .where(*_WHERE["held"])
    .order_by(requests.c.id.desc())
    .limit(bindparam("most"))
    .subquery()
)
_HELD_BY_REASONS = select(_NEWEST_HELD.c.reasons, func.count()).group_by(_NEWEST_HELD.c.reasons)
_COUNT = {
    kind: select(func.count()).select_from(_table(kind)).where(*where) for kind, where in _WHERE.items()
}


class Unsettled(Part):
    """Used by one thread, beside a running daemon."""

    def looked_at(self, kind: Trouble, days: Sequence[float], most: int = MOST_LOOKED_AT) -> LookedAt:
        """What is in trouble, by its reasons. `days`: POSIX seconds, ascending; told is how many came since each."""
        parameters = {"most": most, **{f"day_{number}": at for number, at in enumerate(days)}}
        with self._reading() as connection:
            total = connection.execute(_COUNT[kind]).scalar_one()
            rows = connection.execute(_grouped(kind, len(days)), parameters).all() if total else []
        found = []
        for reasons, status, count, first, last, oldest, newest, *since in rows:
            told = tuple(Reason(code, text) for code, text in dict(reasons_of(reasons)).items())
            found.append(
                Stretch(told, status, count, first, last, oldest, newest, tuple(int(n) for n in since))
            )
        return LookedAt(total, sum(stretch.count for stretch in found), tuple(found))

    def held(self, most: int) -> list[tuple[tuple[str, ...], int]]:
        """The reasons' codes of held requests, of the newest `most`, and how many have these."""
        with self._reading() as connection:
            rows = connection.execute(_HELD_BY_REASONS, {"most": most}).all()
        return [(tuple(code for code, _ in reasons_of(reasons)), count) for reasons, count in rows]

    def requests(self, of: Several, *, after: int = 0, limit: int = 50) -> list[RequestSummary]:
        """Requests of a group whose id is above `after`, oldest first."""
        statement, parameters = _of(of, REQUEST_COLUMNS, after, limit)
        with self._reading() as connection:
            return [request_summary(row) for row in connection.execute(statement, parameters)]

    def messages(self, of: Several, *, after: int = 0, limit: int = 50) -> list[MessageSummary]:
        """Messages of a group whose id is above `after`, oldest first."""
        statement, parameters = _of(of, MESSAGE_COLUMNS, after, limit)
        with self._reading() as connection:
            return [message_summary(row) for row in connection.execute(statement, parameters)]

    def ids(self, of: Several, limit: int) -> list[int]:
        """The oldest of a group."""
        statement, parameters = _of(of, (_table(of.kind).c.id,), 0, limit)
        with self._reading() as connection:
            return list(connection.execute(statement, parameters).scalars())


def _of(
    of: Several, columns: Iterable[ColumnElement[Any]], after: int, limit: int
) -> tuple[Select[Any], dict[str, Any]]:
    table = _table(of.kind)
    statement = (
        select(*columns)
        .where(*_WHERE[of.kind], table.c.id > bindparam("after"))
        .order_by(table.c.id)
        .limit(bindparam("count"))
    )
    parameters: dict[str, Any] = {"after": after, "count": limit}
    if of.code:
        statement = statement.where(code_pattern(table.c.reasons, of.code))
    elif of.without_reason:
        statement = statement.where(table.c.reasons == literal("[]"))
    if of.only:
        statement = statement.where(without_codes(table.c.reasons, of.only))
    if of.kind == "dead" and of.without_reason:
        status = requests.c.last_status
        statement = statement.where(status.is_(None) if of.status is None else status == bindparam("status"))
        parameters |= {} if of.status is None else {"status": of.status}
    return statement, parameters
