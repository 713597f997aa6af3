"""What alerts are judged by, of the store: counts that are bounded, whatever is stored. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Select, and_, bindparam, case, func, select

from interface.store.clock import DatabaseNow
from interface.store.database import Part
from interface.store.filtering import without_codes
from interface.store.records.figures import HeldShare
from interface.store.schema import messages, requests, webhooks

MOST_COUNTED = 1000
"""Dead requests and failed messages are counted no further."""
MOST_REQUESTS = 20_000
"""Of the newest requests so many are looked at for the share that is held."""
MOST_REFUSED = 5000
"""Of the newest messages so many are looked at for the share that was refused."""
HEARD_ROWS = 5000
"""Messages looked at in one go for who sent them."""


class HeardRow(NamedTuple):
    """A sender and when it was heard last."""

    listener: str
    application: str
    facility: str
    last: float


def _up_to(rows: Select[Any]) -> Select[Any]:
    return select(func.count()).select_from(rows.limit(MOST_COUNTED).subquery())


_DEAD = _up_to(
    select(requests.c.id)
    .where(requests.c.state == "dead", requests.c.changed_at > bindparam("after"))
    .order_by(requests.c.id.desc())
)
_FAILED_IS = (messages.c.state == "failed", messages.c.decision.is_(None))
_FAILED = _up_to(
    select(messages.c.id)
    .where(*_FAILED_IS, func.coalesce(messages.c.processed_at, messages.c.received_at) > bindparam("after"))
    .order_by(messages.c.id.desc())
)
_NEWEST_DEAD = select(func.max(requests.c.changed_at)).where(requests.c.state == "dead")
_NEWEST_FAILED = select(func.max(func.coalesce(messages.c.processed_at, messages.c.received_at))).where(
    *_FAILED_IS
)
_SINCE = requests.c.id >= bindparam("first")
_ASKED = select(func.count()).select_from(requests).where(_SINCE)
_HELD = _ASKED.where(requests.c.state == "held")
_NEWEST_REQUEST = select(func.max(requests.c.id))
_REFUSED = (
    select(messages.c.listener, func.count(), func.sum(case((messages.c.decision == "reject", 1), else_=0)))
    .where(messages.c.id >= bindparam("first"))
    .group_by(messages.c.listener)
)
_LAST_WEBHOOK = select(webhooks.c.received_at).order_by(webhooks.c.id.desc()).limit(1)
_NOW = select(DatabaseNow())
_NEWEST_MESSAGE = select(func.max(messages.c.id))
_SENDER = (messages.c.listener, messages.c.sender_application, messages.c.sender_facility)
_HEARD = (
    select(*_SENDER, func.max(messages.c.received_at))
    .where(and_(messages.c.id > bindparam("after"), messages.c.id <= bindparam("upto")))
    .group_by(*_SENDER)
)

_PORTION = (
    select(*_SENDER)
    .where(messages.c.id >= bindparam("first"), messages.c.id < bindparam("end"))
    .order_by(messages.c.id)
    .limit(bindparam("most"))
    .subquery()
)
_SENDERS = select(*_PORTION.c, func.count()).group_by(*_PORTION.c)
MOST_OF_HOUR = 300
"""Messages of an hour of the past that are looked at for who sent them."""


class AlertFacts(Part):
    """Used by one thread at a time."""

    def dead(self, after: float) -> int:
        """Dead requests that died after a time, counted up to `MOST_COUNTED`."""
        with self._reading() as connection:
            return int(connection.execute(_DEAD, {"after": after}).scalar_one())

    def failed(self, after: float) -> int:
        """The same of messages that could not be decided."""
        with self._reading() as connection:
            return int(connection.execute(_FAILED, {"after": after}).scalar_one())

    def newest_dead(self) -> float | None:
        """When the last request died; None: none is dead."""
        with self._reading() as connection:
            found: float | None = connection.execute(_NEWEST_DEAD).scalar_one()
            return found

    def newest_failed(self) -> float | None:
        """When the last message failed; None: none has."""
        with self._reading() as connection:
            found: float | None = connection.execute(_NEWEST_FAILED).scalar_one()
            return found

    def held(self, first: int, expected: Sequence[str]) -> HeldShare:
        """Of the requests from this id on, of the newest at most: how many there are, and are held for other reasons than
        `expected` ones. Those that are held for these alone count as if they were not there.
        """
        with self._reading() as connection:
            newest = connection.execute(_NEWEST_REQUEST).scalar_one() or 0
            least = {"first": max(first, newest - MOST_REQUESTS + 1)}
            asked = connection.execute(_ASKED, least).scalar_one()
            held = connection.execute(_HELD, least).scalar_one()
            waits = connection.execute(_HELD.where(without_codes(requests.c.reasons, expected)), least)
            as_expected: int = waits.scalar_one()
        return HeldShare(asked - as_expected, held - as_expected)

    def refused(self, first: int) -> tuple[str, int, int]:
        """Of the messages from this id on, of the newest at most: the listener of which the largest share was refused, how
        many came there, and how many of them were.
        """
        with self._reading() as connection:
            newest = connection.execute(_NEWEST_MESSAGE).scalar_one() or 0
            rows = connection.execute(_REFUSED, {"first": max(first, newest - MOST_REFUSED + 1)})
            found = [(str(listener), int(came), int(refused)) for listener, came, refused in rows]
        return max(found, key=lambda row: row[2] / row[1], default=("", 0, 0))

    def last_webhook(self) -> float | None:
        """When the last webhook came; None: none ever did."""
        with self._reading() as connection:
            found: float | None = connection.execute(_LAST_WEBHOOK).scalar_one_or_none()
            return found

    def database_now(self) -> float:
        """The database's clock, POSIX seconds."""
        with self._reading() as connection:
            return float(connection.execute(_NOW).scalar_one())

    def newest_message(self) -> int:
        """The row id of the newest message; 0: there is none."""
        with self._reading() as connection:
            return int(connection.execute(_NEWEST_MESSAGE).scalar_one() or 0)

    def heard(self, after: int, upto: int) -> Sequence[HeardRow]:
        """Who sent the messages with ids above `after` up to `upto`, and when the last one came; ask for
        `HEARD_ROWS` at most.
        """
        with self._reading() as connection:
            return [HeardRow(*row) for row in connection.execute(_HEARD, {"after": after, "upto": upto})]

    def senders(self, first: int, end: int) -> dict[tuple[str, str, str], int]:
        """Who sent the messages with ids from `first` to below `end`, of the first of them: listener, MSH-3, MSH-4, and
        how many.
        """
        with self._reading() as connection:
            rows = connection.execute(_SENDERS, {"first": first, "end": end, "most": MOST_OF_HOUR})
            return {(row[0], row[1], row[2]): int(row[3]) for row in rows}
