"""Taking requests to send, and taking them back after a crash.

Claimed is, for a patient with nothing in flight, the oldest waiting request and no other: while it waits
for its next attempt the newer ones wait with it. Held and dead requests are not waiting and stop nobody.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Date,
    bindparam,
    case,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.sql.functions import max as sql_max
from sqlalchemy.sql.functions import min as sql_min

from interface.store import rounds
from interface.store.crypto import Keyring
from interface.store.errors import Unreadable
from interface.store.in_lists import chunks
from interface.store.nodes import living
from interface.store.prepared import NotByIndex, Prepared, being, day_of, iso
from interface.store.records.slots import PRODUCTION_TEST, Round
from interface.store.records.turn import Claimed, Wake
from interface.store.schema import attempts, patients, request_bodies, requests
from interface.store.turns import OLDEST_WAITING_DUE, set_due

_END_OF_TIME = 1e300

INTERRUPTED = "interrupted"
"""The verdict of an attempt whose end nobody saw."""

_older = requests.alias("older")
_OLDEST_WAITING = (
    select(sql_min(NotByIndex(_older.c.id)))
    .where(_older.c.patient_id == patients.c.id, being(_older.c.state, "waiting"))
    .correlate(patients)
    .scalar_subquery()
)
_tried = attempts.alias("tried")
_given_up = attempts.alias("given_up")
_LAST_GIVEN_UP = (
    select(func.coalesce(sql_max(_given_up.c.id), 0))
    .where(_given_up.c.request_id == requests.c.id, _given_up.c.verdict == "dead")
    .correlate(requests)
    .scalar_subquery()
)


def _of_its_attempts(what: ColumnElement[float], verdict: str) -> ColumnElement[float | None]:
    """Of the attempts since it was given up last, if it was: a person let it go again.

    Asked only of those that were tried before, which are few: the others cost nothing.
    """
    found = (
        select(what)
        .where(
            _tried.c.request_id == requests.c.id, _tried.c.verdict == verdict, _tried.c.id > _LAST_GIVEN_UP
        )
        .correlate(requests)
        .scalar_subquery()
    )
    return case((requests.c.attempts > 0, found))


# on PostgreSQL the rows stay locked and what others have locked is passed over; who changes a patient's requests
# locks the patient first, so that what is read of them afterwards stands
_FIND_DUE = (
    select(patients.c.id)
    .where(patients.c.in_flight.is_(None), patients.c.due_at <= bindparam("now"))
    .order_by(patients.c.due_at, patients.c.id)
    .limit(bindparam("count"))
    .with_for_update(of=patients, skip_locked=True)
)
_CLAIMED = (
    patients.c.id,
    requests.c.id,
    requests.c.attempts,
    requests.c.appointment_date,
    requests.c.possible_duplicate,
    requests.c.created_at,
    request_bodies.c.body,
    _of_its_attempts(sql_min(_tried.c.finished_at), "retry"),
    _of_its_attempts(sql_max(_tried.c.finished_at), "pause"),
    requests.c.message_id,
    patients.c.fence,
)
_READ_DUE = Prepared(
    select(*_CLAIMED)
    .select_from(patients)
    .join(requests, requests.c.id == _OLDEST_WAITING)
    .join(request_bodies, request_bodies.c.request_id == requests.c.id)
    .where(patients.c.id.in_(bindparam("ids", expanding=True)))
)
_NOT_PAST = or_(
    requests.c.appointment_date.is_(None), requests.c.appointment_date >= bindparam("not_before", type_=Date)
)
_FIND_DUE_FROM_A_DAY_ON = (
    _FIND_DUE.select_from(patients.join(requests, requests.c.id == _OLDEST_WAITING))
    .where(_NOT_PAST)
    .with_for_update(of=patients, skip_locked=True)
)
_HAS_A_SLOT = _OLDEST_WAITING.in_(bindparam("ids", expanding=True))
_DUE, _DUE_FROM_A_DAY_ON = Prepared(_FIND_DUE), Prepared(_FIND_DUE_FROM_A_DAY_ON)
_SLOTTED = Prepared(_FIND_DUE.where(_HAS_A_SLOT))
_SLOTTED_FROM_A_DAY_ON = Prepared(_FIND_DUE_FROM_A_DAY_ON.where(_HAS_A_SLOT))
_MARK_SENDING = Prepared(
    update(requests)
    .where(requests.c.id == bindparam("b_id"), being(requests.c.state, "waiting"))
    .values(state="sending", due_at=None, claimed_at=bindparam("b_now"), changed_at=bindparam("b_now"))
)
_MARK_IN_FLIGHT = Prepared(
    update(patients)
    .where(patients.c.id == bindparam("b_id"))
    .values(
        in_flight=bindparam("b_request_id"),
        lease_owner=bindparam("b_node"),
        fence=patients.c.fence + 1,
        due_at=OLDEST_WAITING_DUE,  # of what is waiting still: as `set_due`
        changed_at=bindparam("b_now"),
    )
)


def claim(
    connection: Connection,
    keyring: Keyring,
    now: float,
    limit: int,
    node: str,
    blocked: frozenset[int] = frozenset(),
    *,
    probe: bool = False,
    not_before: date | None = None,
    environment: str = "",
) -> tuple[Claimed, ...]:
    """Mark up to `limit` due requests as being sent by `node`, those due longest first; in the caller's transaction.

    Nothing of the patients in `blocked`, who are few. `probe`: though its time has not come. `not_before`: nothing
    for an appointment before this day. In the production test only what has a slot, or gets one of those that are left.
    """
    if limit <= 0:
        return ()
    wanted: dict[str, object] = {"now": _END_OF_TIME if probe else now, "count": limit + len(blocked)}
    if not_before is not None:
        wanted["not_before"] = iso(not_before)
    this_round = rounds.locked(connection) if environment == PRODUCTION_TEST else None
    if this_round is None:
        due = (_DUE if not_before is None else _DUE_FROM_A_DAY_ON).execute(connection, wanted).fetchall()
    else:
        due = _find_in_test(connection, this_round, wanted)
        limit = min(limit, len(this_round.free)) if this_round.free else limit
    ids = [id_ for (id_,) in due if id_ not in blocked][:limit]
    if not ids:
        return ()
    rows = {row[0]: row for row in _READ_DUE.among(connection, ids)}
    found = [rows[id_] for id_ in ids if id_ in rows and not _is_past(day_of(rows[id_][3]), not_before)]
    if this_round is not None:
        rounds.take(connection, this_round, [row[1] for row in found], now)
    _MARK_SENDING.execute_many(connection, [{"b_id": row[1], "b_now": now} for row in found])
    _MARK_IN_FLIGHT.execute_many(
        connection,
        [{"b_id": row[0], "b_request_id": row[1], "b_node": node, "b_now": now} for row in found],
    )
    set_due(connection, set(ids).difference(row[0] for row in found), now)
    return tuple(_claimed(keyring, row[:-1], row[-1] + 1) for row in found)


def _find_in_test(connection: Connection, this_round: Round, wanted: dict[str, object]) -> list[tuple[int]]:
    """While slots are left whoever is due, else those whose request has one: they must not wait behind the others."""
    from_a_day_on = "not_before" in wanted
    if this_round.free:
        return (_DUE_FROM_A_DAY_ON if from_a_day_on else _DUE).execute(connection, wanted).fetchall()
    slotted = [id_ for id_, slot in this_round.held.items() if slot.state == "waiting"]
    return (_SLOTTED_FROM_A_DAY_ON if from_a_day_on else _SLOTTED).among(connection, slotted, **wanted)


def _is_past(day: date | None, not_before: date | None) -> bool:
    return day is not None and not_before is not None and day < not_before


def _claimed(keyring: Keyring, row: Sequence[Any], fence: int) -> Claimed:
    patient_id, request_id, tried, day, doubtful, created_at, sealed, failing_since, paused_at, message = row
    try:
        body, readable = keyring.open("request", sealed), True
    except Unreadable:
        body, readable = b"", False
    return Claimed(
        request_id,
        patient_id,
        body,
        tried,
        day_of(day),
        bool(doubtful),
        created_at,
        readable,
        failing_since,
        paused_at,
        fence,
        message,
    )


_CLAIMED_BY = (
    select(*_CLAIMED)
    .select_from(requests)
    .join(patients, patients.c.id == requests.c.patient_id)
    .join(request_bodies, request_bodies.c.request_id == requests.c.id)
    .where(
        requests.c.state == "sending",
        patients.c.in_flight == requests.c.id,
        patients.c.lease_owner == bindparam("b_node"),
    )
)


def claimed_by(connection: Connection, keyring: Keyring, node: str) -> tuple[Claimed, ...]:
    """All that `node` has claimed and not brought back."""
    rows = connection.execute(_CLAIMED_BY, {"b_node": node})
    return tuple(_claimed(keyring, row[:-1], row[-1]) for row in rows)


_LOCK = Prepared(
    select(patients.c.id, patients.c.in_flight, patients.c.fence)
    .where(patients.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(patients.c.id)
    .with_for_update()
)
_IN_FLIGHT = Prepared(
    select(patients.c.in_flight, patients.c.id).where(
        patients.c.id.in_(bindparam("ids", expanding=True)),
        patients.c.in_flight.is_not(None),
        or_(patients.c.lease_owner.is_(None), patients.c.lease_owner != bindparam("b_node")),
    )
)


def lock(connection: Connection, patient_ids: Collection[int]) -> dict[int, tuple[int | None, int]]:
    """Keep other nodes from claiming anything of these patients until the transaction ends.

    Gives what is in flight of each, and the number of the claim. Always in the order of ids, so that two nodes do not
    wait for each other.
    """
    return {id_: (request, fence) for id_, request, fence in _LOCK.among(connection, patient_ids)}


def sent_by_others(
    connection: Connection, node: str, wanted: Mapping[int, int], whose: Collection[int] = ()
) -> dict[int, int]:
    """The requests, and whose they are, that other nodes than `node` are sending: of `wanted` (by patient), and all of
    the patients `whose`.
    """
    return {
        request: owner
        for request, owner in _IN_FLIGHT.among(connection, {*wanted.values(), *whose}, b_node=node)
        if request in wanted or owner in whose
    }


_SENT_ELSEWHERE = (
    select(requests.c.id, requests.c.patient_id)
    .join(patients, patients.c.id == requests.c.patient_id)
    .where(
        requests.c.state == "sending",
        or_(patients.c.lease_owner.is_(None), patients.c.lease_owner != bindparam("b_node")),
    )
)


def sent_elsewhere(connection: Connection, node: str) -> dict[int, int]:
    """All requests, and whose they are, that other nodes than `node` are sending."""
    rows = connection.execute(_SENT_ELSEWHERE, {"b_node": node})
    return {row[0]: row[1] for row in rows}


_WAKE = (
    update(requests)
    .where(requests.c.state == "waiting", requests.c.due_at > bindparam("b_beyond"))
    .values(due_at=bindparam("b_now"))
)
_WAKE_FAILED = _WAKE.where(or_(requests.c.last_verdict.is_(None), requests.c.last_verdict != "slow"))
_WAKE_PATIENTS = (
    update(patients)
    .where(patients.c.in_flight.is_(None), patients.c.due_at > bindparam("b_now"))
    .values(due_at=OLDEST_WAITING_DUE)
)


def wake(connection: Connection, which: Wake, now: float, beyond: float | None = None) -> None:
    """Make waiting requests due at once whose time has not come (`beyond`: comes later than then); in the caller's
    transaction.

    It reads all that waits: for the end of an outage and for a clock that was set, not for each turn.
    """
    if which:
        times = {"b_now": now, "b_beyond": now if beyond is None else beyond}
        connection.execute(_WAKE if which == "all" else _WAKE_FAILED, times)
        connection.execute(_WAKE_PATIENTS, {"b_now": now})


_FIND_SENDING = (
    select(requests.c.id, requests.c.patient_id, requests.c.claimed_at)
    .join(patients, patients.c.id == requests.c.patient_id)
    .where(requests.c.state == "sending")
    .order_by(patients.c.id)
    .with_for_update(of=patients, skip_locked=True)
)
_FIND_ABANDONED = _FIND_SENDING.where(
    or_(patients.c.lease_owner.is_(None), patients.c.lease_owner.not_in(living))
)
_TAKE_BACK = (
    update(requests)
    .where(requests.c.id == bindparam("b_id"), being(requests.c.state, "sending"))
    .values(
        state="waiting",
        due_at=bindparam("b_now"),
        attempts=requests.c.attempts + 1,
        possible_duplicate=True,
        last_verdict=INTERRUPTED,
        last_status=None,
        changed_at=bindparam("b_now"),
    )
)
_IDLE = (
    update(patients)
    .where(patients.c.id.in_(bindparam("ids", expanding=True)))
    .values(in_flight=None, lease_owner=None)
)
_INSERT_ATTEMPTS = insert(attempts)


def take_back(connection: Connection, now: float, *, abandoned: bool) -> list[int]:
    """Make every request that was being sent wait again, marked as a possible duplicate; gives their ids.

    `abandoned`: only of nodes that are not alive.
    """
    sending = connection.execute(_FIND_ABANDONED if abandoned else _FIND_SENDING).all()
    if not sending:
        return []
    connection.execute(
        _INSERT_ATTEMPTS,
        [
            {
                "request_id": id_,
                "started_at": claimed_at,
                "finished_at": now,
                "status": None,
                "verdict": INTERRUPTED,
                "detail": "the program ended while this was being sent: it may have arrived",
                "possible_duplicate": True,
                "body": None,
                "reply": None,
            }
            for id_, _patient_id, claimed_at in sending
        ],
    )
    rounds.note_interrupted(connection, (id_ for id_, _patient_id, _claimed_at in sending), now)
    connection.execute(_TAKE_BACK, [{"b_id": id_, "b_now": now} for id_, _patient_id, _claimed_at in sending])
    owners = sorted({patient_id for _id, patient_id, _claimed_at in sending})
    for ids in chunks(owners):
        connection.execute(_IDLE, {"ids": ids})
    set_due(connection, owners, now)
    return [id_ for id_, _patient_id, _claimed_at in sending]
