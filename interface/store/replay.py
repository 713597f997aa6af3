"""What rebuilding a chart reads and writes: the messages of a patient, and of all whose charts became part of his."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, or_, select, update

from interface.store.crypto import Keyring
from interface.store.errors import Unreadable
from interface.store.in_lists import among
from interface.store.records.reading import AskedRow, ReplayRow
from interface.store.records.reasons import reasons_of
from interface.store.records.turn import MessageAgain
from interface.store.schema import (
    message_bodies,
    message_notes,
    messages,
    patients,
    request_bodies,
    requests,
)
from interface.store.turns import add_notes

_COLUMNS = (
    messages.c.id,
    messages.c.listener,
    message_bodies.c.body,
    messages.c.received_at,
    messages.c.patient_id,
    messages.c.set_aside,
    messages.c.request_id,
    messages.c.decision,
)
_WITH_BODY = messages.join(message_bodies, message_bodies.c.message_id == messages.c.id)
_OF_PATIENTS = (
    select(*_COLUMNS)
    .select_from(_WITH_BODY)
    .where(messages.c.patient_id.in_(bindparam("ids", expanding=True)), messages.c.state != "new")
    .order_by(messages.c.id)
)
_PAGE_OF_PATIENTS = (
    select(*_COLUMNS)
    .select_from(messages.join(message_bodies, message_bodies.c.message_id == messages.c.id, isouter=True))
    .where(
        messages.c.patient_id.in_(bindparam("ids", expanding=True)),
        messages.c.state != "new",
        messages.c.id > bindparam("after"),
        messages.c.id <= bindparam("up_to"),
    )
    .order_by(messages.c.id)
    .limit(bindparam("count"))
)
_BY_ID = (
    select(*_COLUMNS)
    .select_from(_WITH_BODY)
    .where(messages.c.id.in_(bindparam("ids", expanding=True)), messages.c.state != "new")
)
_ASKED = (
    select(
        requests.c.id,
        requests.c.patient_id,
        requests.c.state,
        request_bodies.c.appointment,
        request_bodies.c.body,
        requests.c.reasons,
        requests.c.environment,
        requests.c.wake_at,
    )
    .join(request_bodies, request_bodies.c.request_id == requests.c.id)
    .where(requests.c.patient_id.in_(bindparam("ids", expanding=True)))
    .order_by(requests.c.id)
)
_RELATED = select(patients.c.id, patients.c.merged_into).where(
    or_(
        patients.c.id.in_(bindparam("ids", expanding=True)),
        patients.c.merged_into.in_(bindparam("ids", expanding=True)),
    )
)
_AGAIN = (
    update(messages)
    .where(messages.c.id == bindparam("b_id"))
    .values(patient_id=bindparam("b_patient_id"), set_aside=bindparam("b_set_aside"))
)
_DECIDED = (
    update(messages)
    .where(messages.c.id == bindparam("b_id"))
    .values(
        state=bindparam("b_state"),
        decision=bindparam("b_decision"),
        reasons=bindparam("b_reasons"),
        processed_at=bindparam("b_now"),
        request_id=bindparam("b_request_id"),
    )
)
_DELETE_NOTE = delete(message_notes).where(message_notes.c.message_id == bindparam("b_id"))


def family(connection: Connection, ids: Iterable[int]) -> set[int]:
    """These patients, all whose charts became part of theirs, and whose theirs became part of."""
    found: set[int] = set()
    wanted = set(ids)
    while wanted:
        found |= wanted
        related: set[int] = set()
        for id_, into in among(connection, _RELATED, wanted):
            related |= {id_} if into is None else {id_, into}
        wanted = related - found
    return found


def messages_of(
    connection: Connection, patient_ids: Iterable[int], message_ids: Iterable[int] = ()
) -> list[Any]:
    """The messages that were decided for these patients, and these messages, in the order of arrival: for `opened`, which
    is no work for a transaction, of as many as there may be.
    """
    found: dict[int, Any] = {}
    for statement, ids in ((_OF_PATIENTS, patient_ids), (_BY_ID, message_ids)):
        for row in among(connection, statement, ids):
            found.setdefault(row[0], row)
    return [found[id_] for id_ in sorted(found)]


def opened(keyring: Keyring, rows: Iterable[Any]) -> list[ReplayRow]:
    """What `messages_of` has found."""
    return [_row(keyring, *row) for row in rows]


def page_of(
    connection: Connection, keyring: Keyring, patient_ids: Iterable[int], after: int, up_to: int, count: int
) -> list[ReplayRow]:
    """A page of the messages that were decided for these patients, in the order of arrival, those without a body, too."""
    parameters = {"ids": sorted(set(patient_ids)), "after": after, "up_to": up_to, "count": count}
    return [_row(keyring, *row) for row in connection.execute(_PAGE_OF_PATIENTS, parameters)]


def asked_of(connection: Connection, patient_ids: Iterable[int]) -> list[Any]:
    """All requests of these patients, oldest first: for `opened_asked`."""
    return list(among(connection, _ASKED, patient_ids))


def opened_asked(keyring: Keyring, rows: Iterable[Any]) -> list[AskedRow]:
    """What `asked_of` has found."""
    return [
        AskedRow(
            id_,
            owner,
            state,
            None if (found := _open(keyring, "appointment", appointment)) is None else found.decode(),
            _open(keyring, "request", body),
            tuple(code for code, _ in reasons_of(reasons)),
            environment,
            wake_at,
        )
        for id_, owner, state, appointment, body, reasons, environment, wake_at in rows
    ]


def _open(keyring: Keyring, purpose: str, sealed: bytes) -> bytes | None:
    try:
        return keyring.open(purpose, sealed)
    except Unreadable:
        return None


def _row(
    keyring: Keyring,
    id_: int,
    listener: str,
    sealed: bytes | None,
    received: float,
    patient: int | None,
    aside: bool,
    request: int | None,
    decision: str | None,
) -> ReplayRow:
    raw = _open(keyring, "message", sealed) if sealed is not None else None
    at = datetime.fromtimestamp(received, UTC)
    readable, kept = raw is not None, sealed is not None
    return ReplayRow(id_, listener, raw or b"", at, patient, bool(aside), readable, request, decision, kept)


def decide_again(connection: Connection, keyring: Keyring, again: Sequence[MessageAgain], now: float) -> None:
    """Record whose chart messages are in now, and what was decided anew; in the caller's transaction."""
    if not again:
        return
    rows: list[dict[str, Any]] = [
        {"b_id": row.id, "b_patient_id": row.patient_id, "b_set_aside": row.set_aside} for row in again
    ]
    connection.execute(_AGAIN, rows)
    decided = [row.decided for row in again if row.decided is not None]
    if not decided:
        return
    connection.execute(
        _DECIDED,
        [
            {
                "b_id": row.id,
                "b_state": row.state,
                "b_decision": row.decision,
                "b_reasons": row.reasons,
                "b_now": now,
                "b_request_id": row.request_id,
            }
            for row in decided
        ],
    )
    connection.execute(_DELETE_NOTE, [{"b_id": row.id} for row in decided])
    add_notes(connection, keyring, decided)
