"""What the work stores of requests that were handed out: attempts that ended, and claims that were never sent.

Within a transaction that the caller holds, and before anything else of its turn changes requests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import (
    Boolean,
    Connection,
    Double,
    Text,
    bindparam,
    case,
    cast,
    func,
    insert,
    or_,
    select,
    update,
)

from interface.store import rounds
from interface.store.crypto import Keyring
from interface.store.joining import name_requests
from interface.store.prepared import Prepared, being
from interface.store.records.slots import PRODUCTION_TEST
from interface.store.records.turn import AttemptDone, Unsent
from interface.store.schema import attempts, patients, requests
from interface.store.texts import clear

_END_ATTEMPT = Prepared(
    update(requests)
    .where(requests.c.id == bindparam("b_id"), being(requests.c.state, "sending"))
    .values(
        state=bindparam("b_state"),
        due_at=bindparam("b_due_at"),
        attempts=requests.c.attempts + 1,
        possible_duplicate=or_(
            requests.c.possible_duplicate, bindparam("b_possible_duplicate", type_=Boolean)
        ),
        correlation_id=func.coalesce(bindparam("b_correlation_id", type_=Text), requests.c.correlation_id),
        panel_id=func.coalesce(bindparam("b_panel_id", type_=Text), requests.c.panel_id),
        taken_at=func.coalesce(bindparam("b_taken_at", type_=Double), requests.c.taken_at),
        # an earlier attempt's webhook may have come already: then nobody waits for one
        awaited_since=case(
            (requests.c.events == 0, cast(bindparam("b_awaited_since", type_=Double), Double))
        ),
        last_verdict=bindparam("b_verdict"),
        last_status=bindparam("b_status"),
        changed_at=bindparam("b_now"),
    )
)
_END_UNSENT = Prepared(
    update(requests)
    .where(requests.c.id == bindparam("b_id"), being(requests.c.state, "sending"))
    .values(
        state=bindparam("b_state"),
        due_at=bindparam("b_due_at"),
        reasons=func.coalesce(bindparam("b_reasons", type_=Text), requests.c.reasons),
        changed_at=bindparam("b_now"),
    )
)
_LAND = Prepared(
    update(patients)
    .where(patients.c.id == bindparam("b_id"), patients.c.in_flight == bindparam("b_request_id"))
    .values(in_flight=None, lease_owner=None)
)
_INSERT_ATTEMPTS = Prepared(
    insert(attempts), [column.key for column in attempts.columns if column is not attempts.c.id]
)

LATE = "; it came back after another node had taken the request over: nothing was changed"


def end_attempts(
    connection: Connection,
    keyring: Keyring,
    done: Sequence[AttemptDone | Unsent],
    claimed: Mapping[int, tuple[int | None, int]],
    now: float,
    environment: str = "",
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Record the attempts, move their requests on and let their patients be claimed again.

    `claimed`: for each patient of them what is in flight, and the number of that claim, as they stand now. Gives the
    requests whose claim is no longer ours, and those that were overtaken (`supersede_overtaken`).
    """
    if not done:
        return (), ()
    late = {end.request_id for end in done if not _is_ours(end, claimed)}
    sent = [end for end in done if isinstance(end, AttemptDone)]
    ended = [attempt for attempt in sent if attempt.request_id not in late]
    landed: list[AttemptDone | Unsent] = [end for end in done if end.request_id not in late]
    unsent = [end for end in done if isinstance(end, Unsent) and end.request_id not in late]
    if sent:
        rows = [_attempt(keyring, attempt, late=attempt.request_id in late) for attempt in sent]
        _INSERT_ATTEMPTS.execute_many(connection, rows)
        name_requests(connection, sent)  # late ones too: the API knows the request by that id
    if ended:
        _END_ATTEMPT.execute_many(connection, [_end(attempt, now) for attempt in ended])
        if environment == PRODUCTION_TEST:
            rounds.note_attempts(connection, ended)
    if unsent:
        _END_UNSENT.execute_many(connection, [_end_unsent(end, now) for end in unsent])
    again = [end.request_id for end in landed if end.new_state == "waiting"]
    overtaken = supersede_overtaken(connection, again, now)
    _LAND.execute_many(
        connection, [{"b_id": end.patient_id, "b_request_id": end.request_id} for end in landed]
    )
    return tuple(sorted(late)), tuple(overtaken)


def _is_ours(end: AttemptDone | Unsent, claimed: Mapping[int, tuple[int | None, int]]) -> bool:
    request, fence = claimed.get(end.patient_id, (None, 0))
    return end.fence is None or (request == end.request_id and fence == end.fence)


def _attempt(keyring: Keyring, attempt: AttemptDone, *, late: bool) -> dict[str, object]:
    return {
        "request_id": attempt.request_id,
        "started_at": attempt.started_at,
        "finished_at": attempt.finished_at,
        "status": attempt.status,
        "verdict": attempt.verdict,
        "detail": clear(attempt.detail) + (LATE if late else ""),
        "possible_duplicate": attempt.possible_duplicate,
        "body": None if attempt.body is None else keyring.seal("attempt", attempt.body),
        "reply": None if attempt.reply is None else keyring.seal("reply", attempt.reply),
    }


def _end(attempt: AttemptDone, now: float) -> dict[str, object]:
    due = attempt.finished_at if attempt.due_at is None else attempt.due_at
    taken_at = attempt.finished_at if attempt.new_state == "delivered" else None
    return {
        "b_id": attempt.request_id,
        "b_state": attempt.new_state,
        "b_due_at": due if attempt.new_state == "waiting" else None,
        "b_possible_duplicate": attempt.possible_duplicate,
        "b_correlation_id": None if attempt.correlation_id is None else clear(attempt.correlation_id),
        "b_panel_id": None if attempt.panel_id is None else clear(attempt.panel_id),
        "b_taken_at": taken_at,
        "b_awaited_since": taken_at if attempt.awaited else None,
        "b_verdict": attempt.verdict,
        "b_status": attempt.status,
        "b_now": now,
    }


def _end_unsent(end: Unsent, now: float) -> dict[str, object]:
    return {
        "b_id": end.request_id,
        "b_state": end.new_state,
        "b_due_at": now if end.new_state == "waiting" else None,
        "b_reasons": end.reasons,
        "b_now": now,
    }


_newer = requests.alias("newer")
_OVERTAKEN = Prepared(
    select(requests.c.id, requests.c.patient_id)
    .join(_newer, _newer.c.patient_id == requests.c.patient_id)
    .where(
        requests.c.id.in_(bindparam("ids", expanding=True)),
        requests.c.state == "waiting",
        _newer.c.supersedes == requests.c.id,
    )
)
_SUPERSEDE_OVERTAKEN = Prepared(
    update(requests)
    .where(requests.c.id == bindparam("b_id"))
    .values(state="superseded", due_at=None, changed_at=bindparam("b_now"))
)


def supersede_overtaken(connection: Connection, ids: Sequence[int], now: float) -> dict[int, int]:
    """Close those of these requests, which wait again after an attempt, that a newer one was to supersede; gives
    them, and whose they are.

    While they were being sent that had no effect; tried again, they would outlive a cancellation of the newer.
    """
    overtaken = dict(_OVERTAKEN.among(connection, ids))
    _SUPERSEDE_OVERTAKEN.execute_many(connection, [{"b_id": id_, "b_now": now} for id_ in overtaken])
    return overtaken
