"""Rounds and slots of the production test: never more than ten requests of a round that the API may have accepted.

Goal: that holds across crashes at any point and for several nodes. Plan: a claim takes a slot for each request in its own
transaction, and whoever does locks the first round's row before it looks (on SQLite there is one writer anyway). Which
slots are taken follows from the attempts and the request's state (`interface.store.records.slots`), so nothing that closes
a request has to think of its slot; a unique index lets no number be taken twice. Only in the production test any of this
is asked.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, or_, select, update
from sqlalchemy.sql.functions import max as sql_max

from interface.store.crypto import Keyring
from interface.store.database import Database, Part
from interface.store.errors import Unreadable
from interface.store.in_lists import among
from interface.store.records.reasons import reasons_of
from interface.store.records.slots import PRODUCTION_TEST, Round, Slot
from interface.store.records.turn import AttemptDone, NewRound, Picking
from interface.store.schema import attempts, requests, test_rounds, test_slots

ACCEPTED = "accepted"
REFUSED = "refused"

_other = test_rounds.alias("other")
_LOCK = select(test_rounds.c.number).where(test_rounds.c.number == 1).with_for_update()
_NUMBER = select(sql_max(_other.c.number)).where(_other.c.number > 0).scalar_subquery()
"""Of the newest; said so that both engines look it up in the index."""
_NEWEST = select(
    test_rounds.c.number,
    test_rounds.c.began_at,
    test_rounds.c.began_by,
    test_rounds.c.by_hand,
    test_rounds.c.copied,
).where(test_rounds.c.number == _NUMBER)
_SLOTS = (
    select(
        test_slots.c.number,
        test_slots.c.request_id,
        test_slots.c.taken_at,
        test_slots.c.ended_at,
        test_slots.c.outcome,
        test_slots.c.doubtful,
        requests.c.state,
    )
    .select_from(test_slots.outerjoin(requests, requests.c.id == test_slots.c.request_id))
    .where(test_slots.c.round == bindparam("b_round"), test_slots.c.freed_at.is_(None))
    .order_by(test_slots.c.number)
)
_FREE = (
    update(test_slots)
    .where(
        test_slots.c.round == bindparam("b_round"),
        test_slots.c.number == bindparam("b_number"),
        test_slots.c.freed_at.is_(None),
    )
    .values(freed_at=bindparam("b_now"))
)
_TAKE = insert(test_slots)
_last = test_slots.alias("last")
_IS_LAST = test_slots.c.id == (
    select(sql_max(_last.c.id)).where(_last.c.request_id == bindparam("b_request_id")).scalar_subquery()
)
_END = (
    update(test_slots)
    .where(_IS_LAST)
    .values(
        ended_at=bindparam("b_at"),
        outcome=func.coalesce(bindparam("b_outcome"), test_slots.c.outcome),
        doubtful=or_(test_slots.c.doubtful, bindparam("b_doubtful")),
    )
)
_BEGIN = insert(test_rounds)
_PICK = (
    update(test_rounds)
    .where(test_rounds.c.number == bindparam("b_number"))
    .values(by_hand=bindparam("b_by_hand"))
)


def newest(connection: Connection) -> Round:
    """The round that is now, as this transaction sees it."""
    number, began_at, began_by, by_hand, copied = connection.execute(_NEWEST).one()
    rows = connection.execute(_SLOTS, {"b_round": number})
    slots = tuple(
        Slot(place, request, taken, ended, outcome == ACCEPTED, doubtful, state or "")
        for place, request, taken, ended, outcome, doubtful, state in rows
    )
    return Round(number, began_at, began_by, by_hand, copied, slots)


def locked(connection: Connection) -> Round:
    """The round that is now; nobody else takes a slot before the caller's transaction ends."""
    connection.execute(_LOCK).one()
    return newest(connection)


def take(connection: Connection, found: Round, wanted: Sequence[int], now: float) -> None:
    """Slots for those of these requests that have none; there must be enough. `found` is as `locked` gave it."""
    given = found.given(wanted)
    left = {slot.number for slot in found.slots}
    freed = [{"b_round": found.number, "b_number": n, "b_now": now} for n in given.values() if n in left]
    if freed:
        connection.execute(_FREE, freed)
    if given:
        rows = [
            {
                "round": found.number,
                "number": number,
                "request_id": request,
                "taken_at": now,
                "ended_at": None,
                "outcome": None,
                "doubtful": False,
                "freed_at": None,
            }
            for request, number in given.items()
        ]
        connection.execute(_TAKE, rows)


def note_attempts(connection: Connection, ended: Sequence[AttemptDone]) -> None:
    """What attempts of the production test mean for the slots of their requests."""
    rows = [
        {
            "b_request_id": attempt.request_id,
            "b_at": attempt.finished_at,
            "b_outcome": _outcome(attempt),
            "b_doubtful": attempt.possible_duplicate,
        }
        for attempt in ended
    ]
    if rows:
        connection.execute(_END, rows)


def _outcome(attempt: AttemptDone) -> str | None:
    if attempt.new_state == "delivered":
        return ACCEPTED
    return REFUSED if attempt.new_state == "dead" else None


_OF_THE_TEST = select(requests.c.id).where(
    requests.c.id.in_(bindparam("ids", expanding=True)), requests.c.environment == PRODUCTION_TEST
)


def note_interrupted(connection: Connection, ids: Iterable[int], now: float) -> None:
    """Nobody saw how the attempts of these requests ended: those of the production test may have arrived."""
    found = [row[0] for row in among(connection, _OF_THE_TEST, sorted(ids))]
    rows = [{"b_request_id": id_, "b_at": now, "b_outcome": None, "b_doubtful": True} for id_ in found]
    if rows:
        connection.execute(_END, rows)


def change(
    connection: Connection, keyring: Keyring, changes: Sequence[NewRound | Picking], now: float
) -> None:
    """What persons change, in the caller's transaction."""
    for one in changes:
        found = locked(connection)
        if isinstance(one, Picking):
            connection.execute(_PICK, {"b_number": found.number, "b_by_hand": one.by_hand})
            continue
        row = {
            "number": found.number + 1,
            "began_at": now,
            "began_by": one.by,
            "why": keyring.seal("round", one.why.encode("utf-8", "replace")),
            "by_hand": found.by_hand,
            "copied": False,
        }
        connection.execute(_BEGIN, row)


_WAITING = (
    select(requests.c.id, requests.c.patient_id)
    .where(requests.c.state == "waiting", requests.c.environment == PRODUCTION_TEST)
    .order_by(requests.c.id)
    .limit(bindparam("count"))
)
_MOST_WAITING = 1000


def without_slot(connection: Connection, found: Round) -> dict[int, int]:
    """The requests that wait and have no slot, and whose they are: what is chosen and not claimed yet, so few."""
    held = found.held
    rows = connection.execute(_WAITING, {"count": _MOST_WAITING})
    return {request: patient for request, patient in rows if request not in held}


@dataclass(frozen=True, slots=True)
class InTest:
    """A request of the production test, as lists show it; no patient data but the reply."""

    id: int
    state: str
    correlation_id: str | None
    status: int | None
    verdict: str | None
    changed_at: float
    slot: Slot | None = None
    reply: str = ""
    """What the API said where it refused it; may hold patient data."""


_COLUMNS = (
    requests.c.id,
    requests.c.state,
    requests.c.correlation_id,
    requests.c.last_status,
    requests.c.last_verdict,
    requests.c.changed_at,
)
_BY_ID = select(*_COLUMNS).where(requests.c.id.in_(bindparam("ids", expanding=True)))
_REFUSED = (
    select(*_COLUMNS)
    .where(
        requests.c.state == "dead",
        requests.c.environment == PRODUCTION_TEST,
        requests.c.changed_at >= bindparam("since"),
    )
    .order_by(requests.c.id.desc())
    .limit(bindparam("count"))
)
_REPLY = (
    select(attempts.c.reply)
    .where(attempts.c.request_id == bindparam("b_id"), attempts.c.reply.is_not(None))
    .order_by(attempts.c.id.desc())
    .limit(1)
)
_HELD = (
    select(requests.c.id, requests.c.reasons)
    .where(requests.c.state == "held", requests.c.id > bindparam("after"))
    .order_by(requests.c.id)
    .limit(bindparam("count"))
)
_FIRST = json.dumps({"code": PRODUCTION_TEST})[:-1]
"""How the text of reasons begins whose first is the test: to read the others of a large backlog would take long."""
_WHY = select(test_rounds.c.why).where(test_rounds.c.number == bindparam("b_number"))


class Rounds(Part):
    """Reads how the production test stands; used by one thread at a time."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        super().__init__(database)
        self._keyring = keyring

    def now(self) -> Round:
        """The round that is now."""
        with self._reading() as connection:
            return newest(connection)

    def without_slot(self, found: Round) -> dict[int, int]:
        """The requests that wait and have no slot, and whose they are."""
        with self._reading() as connection:
            return without_slot(connection, found)

    def held_for_the_test(self, after: int, count: int) -> tuple[list[int], int | None]:
        """Of so many held requests with ids above `after` those that nothing holds but the test; and the last id that was
        looked at, None when that was all.
        """
        with self._reading() as connection:
            rows = connection.execute(_HELD, {"after": after, "count": count}).all()
        found = [
            id_ for id_, reasons in rows if reasons.startswith(_FIRST, 1) and len(reasons_of(reasons)) == 1
        ]
        return found, rows[-1][0] if len(rows) == count else None

    def why(self, number: int) -> str:
        """Why a round was begun, in the words of who did; empty: nobody said, or it can't be opened."""
        with self._reading() as connection:
            sealed = connection.execute(_WHY, {"b_number": number}).scalar()
        return self._open("round", sealed)

    def tested(self, found: Round) -> list[InTest]:
        """The requests that have slots, by slot."""
        with self._reading() as connection:
            rows = {row[0]: row for row in among(connection, _BY_ID, found.held)}
        return [
            _in_test(rows.get(id_) or (id_, "", None, None, None, slot.taken_at), slot)
            for id_, slot in sorted(found.held.items(), key=lambda pair: pair[1].number)
        ]

    def refused(self, found: Round, limit: int = 20) -> list[InTest]:
        """Requests that the API has refused since the round began, the newest first."""
        with self._reading() as connection:
            rows = connection.execute(_REFUSED, {"since": found.began_at, "count": limit}).all()
            replies = [connection.execute(_REPLY, {"b_id": row[0]}).scalar() for row in rows]
        held = found.held
        return [
            _in_test(row, held.get(row[0]), self._open("reply", reply))
            for row, reply in zip(rows, replies, strict=True)
        ]

    def _open(self, purpose: str, sealed: bytes | None) -> str:
        try:
            return "" if sealed is None else self._keyring.open(purpose, sealed).decode("utf-8", "replace")
        except Unreadable:
            return ""


def _in_test(row: Any, slot: Slot | None, reply: str = "") -> InTest:
    id_, state, correlation_id, status, verdict, changed_at = row
    return InTest(id_, state, correlation_id, status, verdict, changed_at, slot, reply)
