"""In which environment the store lives, and what going live finds there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from sqlalchemy import bindparam, exists, func, not_, or_, select, update

from interface.store import counters, seen
from interface.store.database import Part
from interface.store.records.reasons import reasons_of
from interface.store.records.slots import PRODUCTION_TEST
from interface.store.schema import ASKED_BEFORE_PRODUCTION, intake_turn, messages, requests

ENVIRONMENT = "environment"
"""The name under which it is remembered."""
_API_VERSION = "api version"

_NOBODY_SENDS = update(intake_turn).where(intake_turn.c.id == 1).values(settled_on=None)
_HELD = (
    select(requests.c.id, requests.c.created_at, requests.c.appointment_date, requests.c.reasons)
    .where(requests.c.state == "held", requests.c.id > bindparam("after"))
    .order_by(requests.c.id)
    .limit(bindparam("count"))
)
_CREATED = (
    select(requests.c.id, requests.c.created_at)
    .where(requests.c.id >= bindparam("least"))
    .order_by(requests.c.id)
    .limit(1)
)
_newer = requests.alias("newer")
_ONLY_CHECKED = (
    select(requests.c.id)
    .where(
        ASKED_BEFORE_PRODUCTION,
        requests.c.environment == PRODUCTION_TEST,
        requests.c.state == "delivered",
        or_(requests.c.appointment_date.is_(None), requests.c.appointment_date >= bindparam("today")),
        not_(
            exists().where(
                _newer.c.patient_id == requests.c.patient_id,
                _newer.c.appointment_key == requests.c.appointment_key,
                _newer.c.id > requests.c.id,
            )
        ),
    )
    .order_by(requests.c.environment, requests.c.id)
    .limit(bindparam("count"))
)
_OF_TRIALS = (
    select(messages.c.patient_id)
    .distinct()
    .where(
        messages.c.id > bindparam("after"),
        func.upper(messages.c.processing_id).in_(("T", "D")),
        messages.c.patient_id.is_not(None),
        messages.c.decision.in_(("post", "chart", "hold", "cancel")),
        messages.c.set_aside.is_(False),
    )
)
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class HeldRow:
    """A held request, without patient data."""

    id: int
    created_at: float
    appointment_date: date | None
    codes: tuple[str, ...]


class Environments(Part):
    """Used by one thread at a time."""

    def remembered(self) -> str | None:
        """What is remembered of the environment; None: nothing, the store is new."""
        with self._reading() as connection:
            return seen.read(connection, ENVIRONMENT)

    def enter(self, text: str, now: float) -> None:
        """Remember another environment: no node sends anything before all open requests are settled for it."""
        with self._writing() as connection:
            seen.write(connection, {ENVIRONMENT: text}, now)
            connection.execute(_NOBODY_SENDS)

    def version(self) -> str | None:
        """In which version of the API requests are written; None: that was never noted."""
        with self._reading() as connection:
            return seen.read(connection, _API_VERSION)

    def use_version(self, version: str, now: float) -> None:
        """Remember another version of the API: no node sends anything before all open requests are written anew for it."""
        with self._writing() as connection:
            seen.write(connection, {_API_VERSION: version}, now)
            connection.execute(_NOBODY_SENDS)

    def held(self) -> Iterator[HeldRow]:
        """All held requests, oldest first, read in pages."""
        after = 0
        while True:
            with self._reading() as connection:
                rows = connection.execute(_HELD, {"after": after, "count": _PAGE}).all()
            for row in rows:
                codes = tuple(code for code, _ in reasons_of(row[3]))
                yield HeldRow(row[0], row[1], row[2], codes)
            if len(rows) < _PAGE:
                return
            after = rows[-1][0]

    def first_since(self, moment: float) -> int:
        """The id from which on requests were made at that moment (POSIX seconds) or later: ids are given in order."""
        with self._reading() as connection:
            least, most = 1, counters.peek(connection, "request")
            while least < most:
                middle = (least + most) // 2
                found = connection.execute(_CREATED, {"least": middle}).one_or_none()
                if found is None or found[1] >= moment:
                    most = middle
                else:
                    least = found[0] + 1
        return least

    def only_checked(self, today: date, most: int) -> list[int]:
        """Requests that a production test delivered, for appointments to come that nothing was asked for since, by id."""
        with self._reading() as connection:
            return list(connection.execute(_ONLY_CHECKED, {"today": today, "count": most}).scalars())

    def patients_of_trials(self, *, after: int = 0) -> set[int]:
        """Patients in whose charts a message that is none of production (MSH-11 is T or D) was taken; ids above `after`."""
        with self._reading() as connection:
            return {int(found) for found in connection.execute(_OF_TRIALS, {"after": after}).scalars()}
