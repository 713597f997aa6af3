"""Taking requests to send, and taking them back after a crash.

Claimed is, for a patient with nothing in flight, the oldest waiting request and no other: while it waits
for its next attempt the newer ones wait with it. Held and dead requests are not waiting and stop nobody.
"""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, insert, select, update
from sqlalchemy.sql.functions import min as sql_min

from interface.store.crypto import Keyring
from interface.store.errors import Unreadable
from interface.store.records import Claimed
from interface.store.schema import attempts, patients, request_bodies, requests
from interface.store.turns import chunks, set_due

INTERRUPTED = "interrupted"
"""The verdict of an attempt whose end nobody saw."""

_older = requests.alias("older")
_OLDEST_WAITING = (
    select(sql_min(_older.c.id))
    .where(_older.c.patient_id == patients.c.id, _older.c.state == "waiting")
    .correlate(patients)
    .scalar_subquery()
)
_FIND_DUE = (
    select(
        patients.c.id,
        requests.c.id,
        requests.c.attempts,
        requests.c.appointment_date,
        requests.c.possible_duplicate,
        requests.c.created_at,
        request_bodies.c.body,
    )
    .select_from(patients)
    .join(requests, requests.c.id == _OLDEST_WAITING)
    .join(request_bodies, request_bodies.c.request_id == requests.c.id)
    .where(patients.c.in_flight.is_(None), patients.c.due_at <= bindparam("now"))
    .order_by(patients.c.due_at, patients.c.id)
    .limit(bindparam("count"))
)
_MARK_SENDING = (
    update(requests)
    .where(requests.c.id == bindparam("b_id"), requests.c.state == "waiting")
    .values(state="sending", due_at=None, claimed_at=bindparam("b_now"), changed_at=bindparam("b_now"))
)
_MARK_IN_FLIGHT = (
    update(patients)
    .where(patients.c.id == bindparam("b_id"))
    .values(in_flight=bindparam("b_request_id"), fence=patients.c.fence + 1)
)


def claim(
    connection: Connection, keyring: Keyring, now: float, limit: int, blocked: frozenset[int] = frozenset()
) -> tuple[Claimed, ...]:
    """Mark up to `limit` due requests as being sent, those due longest first; in the caller's transaction.

    Nothing of the patients in `blocked`, who are few.
    """
    if limit <= 0:
        return ()
    due = connection.execute(_FIND_DUE, {"now": now, "count": limit + len(blocked)})
    found = [row for row in due if row[0] not in blocked][:limit]
    if not found:
        return ()
    connection.execute(_MARK_SENDING, [{"b_id": row[1], "b_now": now} for row in found])
    connection.execute(_MARK_IN_FLIGHT, [{"b_id": row[0], "b_request_id": row[1]} for row in found])
    set_due(connection, [row[0] for row in found], now)
    claimed = []
    for patient_id, request_id, tried, day, possible_duplicate, created_at, sealed in found:
        try:
            body, readable = keyring.open("request", sealed), True
        except Unreadable:
            body, readable = b"", False
        claimed.append(
            Claimed(request_id, patient_id, body, tried, day, possible_duplicate, created_at, readable)
        )
    return tuple(claimed)


_FIND_SENDING = select(requests.c.id, requests.c.patient_id, requests.c.claimed_at).where(
    requests.c.state == "sending"
)
_TAKE_BACK = (
    update(requests)
    .where(requests.c.id == bindparam("b_id"), requests.c.state == "sending")
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
    .values(in_flight=None, lease_owner=None, lease_until=None)
)
_INSERT_ATTEMPTS = insert(attempts)


def take_back(connection: Connection, now: float) -> int:
    """Make every request that was being sent wait again, marked as a possible duplicate; gives their
    number.
    """
    sending = connection.execute(_FIND_SENDING).all()
    if not sending:
        return 0
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
    connection.execute(_TAKE_BACK, [{"b_id": id_, "b_now": now} for id_, _patient_id, _claimed_at in sending])
    owners = sorted({patient_id for _id, patient_id, _claimed_at in sending})
    for ids in chunks(owners):
        connection.execute(_IDLE, {"ids": ids})
    set_due(connection, owners, now)
    return len(sending)
