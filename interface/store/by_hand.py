"""What persons do to requests by hand, within a turn's transaction: let one go again, hurry one, give one up."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, update

from interface.store.crypto import Keyring
from interface.store.records.turn import DiscardRow, HurryRow, ReopenRow
from interface.store.schema import request_bodies, requests
from interface.store.turns import keep_what_was_sent

HandRow = ReopenRow | HurryRow | DiscardRow

_AS_IT_WAS = (requests.c.id == bindparam("b_id"), requests.c.state == bindparam("b_was"))
_REOPEN = (
    update(requests)
    .where(*_AS_IT_WAS)
    .values(
        patient_id=bindparam("b_patient_id"),
        state=bindparam("b_state"),
        due_at=bindparam("b_due_at"),
        appointment_date=bindparam("b_appointment_date", type_=requests.c.appointment_date.type),
        reasons=bindparam("b_reasons"),
        environment=bindparam("b_environment"),
        wake_at=bindparam("b_wake_at"),
        changed_at=bindparam("b_now"),
    )
)
_HURRY = (
    update(requests)
    .where(requests.c.id == bindparam("b_id"), requests.c.state == "waiting")
    .values(due_at=bindparam("b_now"), changed_at=bindparam("b_now"))
)
_DISCARD = (
    update(requests)
    .where(*_AS_IT_WAS)
    .values(
        state="discarded",
        due_at=None,
        wake_at=None,
        reasons=bindparam("b_reasons"),
        changed_at=bindparam("b_now"),
    )
)
_BODY = (
    update(request_bodies)
    .where(request_bodies.c.request_id == bindparam("b_id"))
    .values(body=bindparam("b_body"), detail=bindparam("b_detail"))
)
_DETAIL = (
    update(request_bodies)
    .where(request_bodies.c.request_id == bindparam("b_id"))
    .values(detail=bindparam("b_detail"))
)


def change_by_hand(
    connection: Connection,
    keyring: Keyring,
    changes: Sequence[HandRow],
    now: float,
    environment: str = "sandbox",
) -> set[int]:
    """Store what persons did; gives the patients whose requests changed."""
    for change in changes:  # few: a command is about a portion of requests
        if isinstance(change, ReopenRow):
            _reopen(connection, keyring, change, now, environment)
        elif isinstance(change, DiscardRow):
            _discard(connection, keyring, change, now)
        else:
            connection.execute(_HURRY, {"b_id": change.id, "b_now": now})
    return {change.patient_id for change in changes}


def _reopen(connection: Connection, keyring: Keyring, row: ReopenRow, now: float, environment: str) -> None:
    keep_what_was_sent(connection, keyring, [row.id])
    changed = connection.execute(
        _REOPEN,
        {
            "b_id": row.id,
            "b_was": row.was,
            "b_patient_id": row.patient_id,
            "b_state": row.state,
            "b_due_at": now if row.state == "waiting" else None,
            "b_appointment_date": row.appointment_date,
            "b_reasons": row.reasons,
            "b_environment": environment,
            "b_wake_at": row.wake_at,
            "b_now": now,
        },
    )
    if changed.rowcount:
        body, detail = keyring.seal("request", row.body), keyring.seal("detail", row.detail)
        connection.execute(_BODY, {"b_id": row.id, "b_body": body, "b_detail": detail})


def _discard(connection: Connection, keyring: Keyring, row: DiscardRow, now: float) -> None:
    parameters = {"b_id": row.id, "b_was": row.was, "b_reasons": row.reasons, "b_now": now}
    if connection.execute(_DISCARD, parameters).rowcount:
        connection.execute(_DETAIL, {"b_id": row.id, "b_detail": keyring.seal("detail", row.detail)})
