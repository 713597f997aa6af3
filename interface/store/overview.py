"""Counts for people, at a glance. Reads only, each call one short transaction, whatever is stored.

Neither messages nor requests nor the audit have an index of their times: it would cost something for each. Their ids grow
with time, so where an hour begins is found by halving, in some twenty look-ups, and what is between two ids is read by the
primary key.
Times that a clock set back are found a few rows off; figures may be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

from sqlalchemy import Column, ColumnElement, Connection, Select, Table, bindparam, func, select

from interface.store.database import Part
from interface.store.records.console import FeedCount, Group, Grouped, Outcomes
from interface.store.records.reasons import in_common, reasons_of
from interface.store.schema import audit, messages, requests

Kind = Literal["messages", "requests", "audit"]
MOST_FEEDS = 200
"""Senders that are told apart: what a message says of its sender may be anything."""
MOST_OUTCOMES = 100_000
"""Requests whose outcomes are counted, the newest."""
MOST_GROUPED = 20_000
"""Rows whose reasons are read, the newest; how many there are is always counted."""


def _row_at(table: Table, time: Column[float]) -> Select[Any]:
    """The first row from an id on."""
    return select(table.c.id, time).where(table.c.id >= bindparam("least")).order_by(table.c.id).limit(1)


_ROW_AT: Mapping[str, Select[Any]] = {
    "messages": _row_at(messages, messages.c.received_at),
    "requests": _row_at(requests, requests.c.created_at),
    "audit": _row_at(audit, audit.c.at),
}
_NEWEST: Mapping[str, Select[Any]] = {
    table.name: select(table.c.id).where(table.c.id < bindparam("above")).order_by(table.c.id.desc()).limit(1)
    for table in (messages, requests, audit)
}
_ABOVE_ALL = 2**62


def _between(table: Table) -> tuple[Any, Any]:
    return table.c.id >= bindparam("first"), table.c.id < bindparam("end")


_COUNT_REQUESTS = select(func.count()).select_from(requests).where(*_between(requests))
_SENDER = (messages.c.listener, messages.c.sender_application, messages.c.sender_facility)
_FEEDS = (
    select(*_SENDER, func.count(), func.max(messages.c.received_at), func.sum(func.count()).over())
    .where(*_between(messages))
    .group_by(*_SENDER)
    .order_by(func.count().desc(), *_SENDER)
    .limit(bindparam("most"))
)


def _newest_reasons(table: Table, *where: ColumnElement[bool]) -> tuple[Select[Any], Select[Any]]:
    """How many rows there are, and the reasons of the newest."""
    return (
        select(func.count()).select_from(table).where(*where),
        select(table.c.reasons).where(*where).order_by(table.c.id.desc()).limit(bindparam("most")),
    )


_REQUESTS_IN = _newest_reasons(requests, requests.c.state == bindparam("state"))
_MESSAGES_FAILED = _newest_reasons(messages, messages.c.state == "failed", messages.c.decision.is_(None))
_OUTCOMES = select(
    *(func.count(requests.c[name]) for name in ("taken_at", "found_at", "insufficient_at", "delivered_at")),
    func.coalesce(func.sum(requests.c.documents), 0),
    func.count(requests.c.awaited_since),
    func.count(),
).where(requests.c.id >= bindparam("first"))
_UNANSWERED = select(func.count()).select_from(requests).where(requests.c.awaited_since < bindparam("before"))
_UNASSIGNED = _newest_reasons(
    messages,
    messages.c.state == "done",
    messages.c.decision == "hold",
    messages.c.id >= bindparam("first"),
    messages.c.request_id.is_(None),
)


class Overview(Part):
    """Used by one thread, beside a running daemon."""

    def first_ids(self, kind: Kind, times: Sequence[float]) -> list[int]:
        """The first id at or after each of these times (POSIX seconds, ascending); one above the newest id where there
        is none.
        """
        with self._reading() as connection:
            end = _end(connection, kind)
            found: list[int] = []
            for time in times:
                found.append(_first_since(connection, _ROW_AT[kind], time, found[-1] if found else 1, end))
            return found

    def requests_between(self, first: int, end: int) -> int:
        """How many requests have an id from `first` to below `end`."""
        with self._reading() as connection:
            number: int = connection.execute(_COUNT_REQUESTS, {"first": first, "end": end}).scalar_one()
            return number

    def feeds_between(self, first: int, end: int, most: int = MOST_FEEDS) -> tuple[int, list[FeedCount]]:
        """How many messages have an id from `first` to below `end`, and by who sent them where: the busiest."""
        with self._reading() as connection:
            rows = connection.execute(_FEEDS, {"first": first, "end": end, "most": most}).all()
        return int(rows[0][-1]) if rows else 0, [FeedCount(*row[:-1]) for row in rows]

    def outcomes(self, first: int, most: int = MOST_OUTCOMES) -> Outcomes:
        """What webhooks said of the requests with an id from `first` on, of the newest."""
        with self._reading() as connection:
            least = max(first, _end(connection, "requests") - most)
            return Outcomes(*map(int, connection.execute(_OUTCOMES, {"first": least}).one()))

    def unanswered(self, before: float) -> int:
        """How many requests that the API took in before a time (POSIX seconds) have had no webhook."""
        with self._reading() as connection:
            number: int = connection.execute(_UNANSWERED, {"before": before}).scalar_one()
            return number

    def requests_in(self, state: str, most: int = MOST_GROUPED, *, apart: Collection[str] = ()) -> Grouped:
        """The requests in a state by their reasons; by those `apart` only where they have no other."""
        return self._grouped(_REQUESTS_IN, most, apart, state=state)

    def failed_messages(self, most: int = MOST_GROUPED) -> Grouped:
        """The messages that could not be decided."""
        return self._grouped(_MESSAGES_FAILED, most)

    def unassigned_messages(self, first: int, most: int = MOST_GROUPED) -> Grouped:
        """The messages from this id on that are held and led to no request: it can't be told whose they are."""
        return self._grouped(_UNASSIGNED, most, first=first)

    def _grouped(
        self,
        statements: tuple[Select[Any], Select[Any]],
        most: int,
        apart: Collection[str] = (),
        **parameters: Any,
    ) -> Grouped:
        number, newest = statements
        with self._reading() as connection:
            total = connection.execute(number, parameters).scalar_one()
            texts = Counter(connection.execute(newest, {**parameters, "most": most}).scalars())
        return Grouped(total, _groups(texts, apart), texts.total())


def _end(connection: Connection, kind: Kind) -> int:
    """One above the newest id."""
    return (connection.execute(_NEWEST[kind], {"above": _ABOVE_ALL}).scalar_one_or_none() or 0) + 1


def _groups(texts: Mapping[str, int], apart: Collection[str] = ()) -> tuple[Group, ...]:
    """By code, of reasons as they are stored and how often; those `apart` count only where there is no other."""
    groups: dict[str, Group] = {}
    for stored, number in texts.items():
        all_of_it = dict(reasons_of(stored) or (("", ""),))
        own = {code: text for code, text in all_of_it.items() if code not in apart}
        for code, text in (own or all_of_it).items():
            known = groups.get(code)
            said = in_common(known.text, text) if known else text
            groups[code] = Group(code, said, number + (known.count if known else 0))
    return tuple(sorted(groups.values(), key=lambda group: (-group.count, group.code)))


def _first_since(connection: Connection, row_at: Select[Any], time: float, low: int, end: int) -> int:
    """The first id at or after a time, from `low` on; `end`: there is none."""
    high = end
    while low < high:
        middle = (low + high) // 2
        row = connection.execute(row_at, {"least": middle}).one_or_none()
        if row is None or row[1] >= time:
            high = middle
        else:
            low = row[0] + 1
    return low
