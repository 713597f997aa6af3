"""What one turn of the work writes, step by step, within a transaction that the caller holds.

The patient's row carries the claim: `due_at` is when its oldest waiting request (lowest id) is due,
`in_flight` the request that is being sent. So claims never search the requests: they read a small index of
patients. The price is paid here: whoever changes a request says whose it is, and `set_due` puts those
patients right before the commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, Double, Text, bindparam, case, delete, func, insert, select, update

from interface.store import counters
from interface.store.crypto import Keyring
from interface.store.errors import StoreError, Unreadable
from interface.store.prepared import Asked, NotByIndex, Prepared, being, changed, iso
from interface.store.records.reasons import reasons_json
from interface.store.records.turn import CloseRow, MessageDone, NewRequestRow, PatientWrite, RewriteRow
from interface.store.schema import (
    attempts,
    charts,
    message_notes,
    messages,
    patient_keys,
    patients,
    request_bodies,
    requests,
)

OPEN_STATES = ("waiting", "held")
"""A request in one of these may still be rewritten or closed."""

_IS_OPEN = being(requests.c.state, *OPEN_STATES)


# ------------------------------------------------------------------------------------------------ requests

_OPEN_AMONG = Prepared(
    select(requests.c.id, requests.c.patient_id).where(
        requests.c.id.in_(bindparam("ids", expanding=True)), _IS_OPEN
    )
)
_CLOSE = Prepared(
    update(requests)
    .where(requests.c.id == bindparam("b_id"), _IS_OPEN)
    .values(
        state=bindparam("b_state"),
        due_at=None,
        wake_at=None,
        reasons=bindparam("b_reasons"),
        changed_at=bindparam("b_now"),
    )
)
_SUPERSEDED = reasons_json([("superseded", "a newer request for this appointment takes its place")])
_SUPERSEDE = Prepared(
    update(requests)
    .where(requests.c.id == bindparam("b_id"), _IS_OPEN)
    .values(state="superseded", due_at=None, wake_at=None, reasons=_SUPERSEDED, changed_at=bindparam("b_now"))
)
_INSERT_REQUESTS = Prepared(
    insert(requests),
    (
        "id",
        "patient_id",
        "message_id",
        "appointment_key",
        "appointment_date",
        "state",
        "due_at",
        "reasons",
        "attempts",
        "possible_duplicate",
        "supersedes",
        "created_at",
        "changed_at",
        "environment",
        "wake_at",
    ),
)
_INSERT_BODIES = Prepared(insert(request_bodies), ("request_id", "appointment", "body", "detail"))
_REWRITE = Prepared(
    update(requests)
    .where(requests.c.id == bindparam("b_id"), _IS_OPEN)
    .values(
        patient_id=bindparam("b_patient_id"),
        message_id=func.coalesce(
            bindparam("b_message_id", type_=requests.c.message_id.type), requests.c.message_id
        ),
        state=bindparam("b_state"),
        # what waits for its next attempt is not sent sooner for having changed: Retry-After holds
        due_at=case(
            (
                bindparam("b_state", type_=Text) == "waiting",
                func.coalesce(requests.c.due_at, bindparam("b_now", type_=Double)),
            )
        ),
        appointment_date=bindparam("b_appointment_date", type_=requests.c.appointment_date.type),
        reasons=bindparam("b_reasons"),
        environment=bindparam("b_environment"),
        wake_at=bindparam("b_wake_at"),
        changed_at=bindparam("b_now"),
    )
)
_REWRITE_BODY = Prepared(
    update(request_bodies)
    .where(request_bodies.c.request_id == bindparam("b_id"))
    .values(body=bindparam("b_body"), detail=bindparam("b_detail"))
)

_SENT_AS_STORED = Prepared(
    select(attempts.c.id, request_bodies.c.body)
    .join(request_bodies, request_bodies.c.request_id == attempts.c.request_id)
    .where(attempts.c.request_id.in_(bindparam("ids", expanding=True)), attempts.c.body.is_(None))
)
_KEEP_SENT = Prepared(
    update(attempts).where(attempts.c.id == bindparam("b_id")).values(body=bindparam("b_body"))
)

RequestChange = NewRequestRow | RewriteRow | CloseRow


_WOKEN = Prepared(
    update(requests)
    .where(
        requests.c.patient_id.in_(bindparam("ids", expanding=True)),
        requests.c.state == "held",
        requests.c.wake_at <= bindparam("b_now"),
    )
    .values(wake_at=None)
)


def note_woken(connection: Connection, patient_ids: Iterable[int], now: float) -> None:
    """The time of these patients' held requests has come, and they were looked at: not again for that."""
    _WOKEN.change_among(connection, patient_ids, b_now=now)


def change_requests(
    connection: Connection,
    keyring: Keyring,
    changes: Sequence[RequestChange],
    now: float,
    environment: str = "sandbox",
) -> tuple[set[int], tuple[int, ...]]:
    """Store new, rewritten and closed requests; gives the patients whose requests changed, and the ids that
    a rewrite, a close or a superseding found no longer open: those stay as they are.
    """
    if not changes:
        return set(), ()
    new = [change for change in changes if isinstance(change, NewRequestRow)]
    rewrites = [change for change in changes if isinstance(change, RewriteRow)]
    closes = [change for change in changes if isinstance(change, CloseRow)]
    superseded = [change.supersedes for change in new if change.supersedes is not None]
    wanted = [*superseded, *(change.id for change in rewrites), *(change.id for change in closes)]
    open_now: dict[int, int] = dict(_OPEN_AMONG.among(connection, wanted))
    # new ones last: what they supersede may have been rewritten or closed before, never after
    _rewrite(connection, keyring, [change for change in rewrites if change.id in open_now], now, environment)
    _close(connection, [change for change in closes if change.id in open_now], now)
    _supersede(connection, [id_ for id_ in superseded if id_ in open_now], now)
    _insert(connection, keyring, new, now, environment)
    touched = {change.patient_id for change in changes} | set(open_now.values())
    return touched, tuple(id_ for id_ in wanted if id_ not in open_now)


def _supersede(connection: Connection, ids: list[int], now: float) -> None:
    _SUPERSEDE.execute_many(connection, [{"b_id": id_, "b_now": now} for id_ in ids])


def _insert(
    connection: Connection, keyring: Keyring, new: list[NewRequestRow], now: float, environment: str
) -> None:
    if not new:
        return
    _INSERT_REQUESTS.execute_many(
        connection,
        [
            {
                "id": row.id,
                "patient_id": row.patient_id,
                "message_id": row.message_id,
                "appointment_key": keyring.lookup(row.appointment),
                "appointment_date": iso(row.appointment_date),
                "state": row.state,
                "due_at": now if row.state == "waiting" else None,
                "reasons": row.reasons,
                "attempts": 0,
                "possible_duplicate": False,
                "supersedes": row.supersedes,
                "created_at": now,
                "changed_at": now,
                "environment": environment,
                "wake_at": row.wake_at,
            }
            for row in new
        ],
    )
    _INSERT_BODIES.execute_many(
        connection,
        [
            {
                "request_id": row.id,
                "appointment": keyring.seal("appointment", row.appointment.encode("utf-8", "replace")),
                "body": keyring.seal("request", row.body),
                "detail": keyring.seal("detail", row.detail),
            }
            for row in new
        ],
    )
    counters.raise_to(connection, "request", max(row.id for row in new) + 1)


def _rewrite(
    connection: Connection, keyring: Keyring, rewrites: list[RewriteRow], now: float, environment: str
) -> None:
    if not rewrites:
        return
    keep_what_was_sent(connection, keyring, [row.id for row in rewrites])
    _REWRITE.execute_many(
        connection,
        [
            {
                "b_id": row.id,
                "b_patient_id": row.patient_id,
                "b_message_id": row.message_id,
                "b_state": row.state,
                "b_appointment_date": iso(row.appointment_date),
                "b_reasons": row.reasons,
                "b_environment": environment,
                "b_wake_at": row.wake_at,
                "b_now": now,
            }
            for row in rewrites
        ],
    )
    _REWRITE_BODY.execute_many(
        connection,
        [
            {
                "b_id": row.id,
                "b_body": keyring.seal("request", row.body),
                "b_detail": keyring.seal("detail", row.detail),
            }
            for row in rewrites
        ],
    )


def keep_what_was_sent(connection: Connection, keyring: Keyring, ids: list[int]) -> None:
    """Before bodies are rewritten: attempts made with them get copies."""
    kept = []
    for attempt, sealed in _SENT_AS_STORED.among(connection, ids):
        with suppress(Unreadable):
            kept.append({"b_id": attempt, "b_body": keyring.seal("attempt", keyring.open("request", sealed))})
    _KEEP_SENT.execute_many(connection, kept)


def _close(connection: Connection, closes: list[CloseRow], now: float) -> None:
    rows = [{"b_id": row.id, "b_state": row.state, "b_reasons": row.reasons, "b_now": now} for row in closes]
    _CLOSE.execute_many(connection, rows)


# ------------------------------------------------------------------------------------------------ patients

_INSERT_PATIENTS = Prepared(insert(patients), ("id", "fence", "created_at", "changed_at"))
_INSERT_CHARTS = Prepared(insert(charts), ("patient_id", "chart"))
_UPDATE_CHART = Prepared(
    update(charts).where(charts.c.patient_id == bindparam("b_id")).values(chart=bindparam("b_chart"))
)
_SET_MERGED = Prepared(
    update(patients).where(patients.c.id == bindparam("b_id")).values(merged_into=bindparam("b_into"))
)
_KEYS = select(patient_keys.c.key_hash, patient_keys.c.patient_id)
_KEYS_OF = Prepared(_KEYS.where(patient_keys.c.patient_id.in_(bindparam("ids", expanding=True))))
_OWNERS_OF = Prepared(_KEYS.where(patient_keys.c.key_hash.in_(bindparam("ids", expanding=True))))
_DELETE_KEYS = Prepared(delete(patient_keys).where(patient_keys.c.key_hash == bindparam("b_hash")))
_INSERT_KEYS = Prepared(insert(patient_keys), ("key_hash", "patient_id"))


def add_patients(connection: Connection, writes: Sequence[PatientWrite], now: float) -> None:
    """Make the rows of new patients, before anything refers to them."""
    new = [write.id for write in writes if write.new]
    if new:
        rows = [{"id": id_, "fence": 0, "created_at": now, "changed_at": now} for id_ in new]
        _INSERT_PATIENTS.execute_many(connection, rows)
        counters.raise_to(connection, "patient", max(new) + 1)


def write_charts(connection: Connection, keyring: Keyring, writes: Sequence[PatientWrite]) -> None:
    """Store charts and say by which keys they are found; the last of several writes of a patient counts."""
    new = {write.id for write in writes if write.new}
    last = {write.id: keyring.seal("chart", write.chart) for write in writes}
    fresh = [{"patient_id": id_, "chart": chart} for id_, chart in last.items() if id_ in new]
    known = [{"b_id": id_, "b_chart": chart} for id_, chart in last.items() if id_ not in new]
    _INSERT_CHARTS.execute_many(connection, fresh)
    _UPDATE_CHART.execute_many(connection, known)
    keys = {write.id: write.keys for write in writes if write.keys is not None}
    if keys:
        _write_keys(connection, keyring, keys, new)
    merged = [{"b_id": w.id, "b_into": w.merged_into or None} for w in writes if w.merged_into is not None]
    _SET_MERGED.execute_many(connection, merged)


def _write_keys(
    connection: Connection, keyring: Keyring, keys: dict[int, tuple[str, ...]], new: set[int]
) -> None:
    """Make the stored keys of these patients equal to `keys`; a key that another patient had moves here."""
    wanted = {keyring.lookup(key): id_ for id_, texts in keys.items() for key in texts}
    stored: dict[bytes, int] = dict(_KEYS_OF.among(connection, keys.keys() - new))
    stored.update(_OWNERS_OF.among(connection, wanted.keys() - stored.keys()))
    gone = [{"b_hash": hash_} for hash_, owner in stored.items() if wanted.get(hash_) != owner]
    come = [
        {"key_hash": hash_, "patient_id": owner}
        for hash_, owner in wanted.items()
        if stored.get(hash_) != owner
    ]
    _DELETE_KEYS.execute_many(connection, gone)
    _INSERT_KEYS.execute_many(connection, come)


OLDEST_WAITING_DUE = (
    select(requests.c.due_at)
    .where(requests.c.patient_id == patients.c.id, being(requests.c.state, "waiting"))
    .order_by(NotByIndex(requests.c.id))
    .limit(1)
    .scalar_subquery()
)
_SET_DUE = Prepared(
    update(patients)
    .where(patients.c.id.in_(bindparam("ids", expanding=True)))
    .values(due_at=OLDEST_WAITING_DUE, changed_at=bindparam("b_now"))
)


def set_due(connection: Connection, patient_ids: Iterable[int], now: float) -> None:
    """Put right when each of these patients is due: when its oldest waiting request is."""
    _SET_DUE.change_among(connection, patient_ids, b_now=now)


# ------------------------------------------------------------------------------------------------ messages

_END_MESSAGE = Prepared(
    update(messages)
    .where(messages.c.id == bindparam("b_id"), being(messages.c.state, "new"))
    .values(
        state=bindparam("b_state"),
        decision=bindparam("b_decision"),
        reasons=bindparam("b_reasons"),
        processed_at=bindparam("b_now"),
        patient_id=bindparam("b_patient_id"),
        request_id=bindparam("b_request_id"),
    )
)
_INSERT_NOTES = Prepared(insert(message_notes), ("message_id", "note"))


def end_messages(connection: Connection, keyring: Keyring, done: Sequence[MessageDone], now: float) -> Asked:
    """Record what became of messages. What is asked: StoreError when one of them was not new any more, for it must not
    count twice.
    """
    if not done:
        return lambda: None
    rows: list[dict[str, Any]] = [
        {
            "b_id": message.id,
            "b_state": message.state,
            "b_decision": message.decision,
            "b_reasons": message.reasons,
            "b_now": now,
            "b_patient_id": message.patient_id,
            "b_request_id": message.request_id,
        }
        for message in done
    ]
    ended = _END_MESSAGE.start_many(connection, rows)
    add_notes(connection, keyring, done)

    def each_was_new() -> None:
        if changed(connection, ended) != len(rows):
            raise StoreError(
                "a message of this turn has been processed already: is a second daemon running on this store?"
            )

    return each_was_new


def add_notes(connection: Connection, keyring: Keyring, done: Iterable[MessageDone]) -> None:
    """Store what there is to say of messages, sealed; in the caller's transaction."""
    notes = [
        {"message_id": message.id, "note": keyring.seal("note", message.note)}
        for message in done
        if message.note is not None
    ]
    _INSERT_NOTES.execute_many(connection, notes)
