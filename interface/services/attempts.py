"""What an attempt means for its request, as the row to store, and what attempts say of the destination."""

from __future__ import annotations

import logging
from collections.abc import Callable

from interface.delivery.destination import Destination
from interface.delivery.schedule import DEFAULT, Next, Schedule, after_attempt
from interface.delivery.verdict import Reply, Verdict, judge
from interface.services.courier import Attempt
from interface.services.logs import event
from interface.store.records import AttemptDone, Claimed, Unsent, reasons_json

log = logging.getLogger(__name__)

EXPIRED = ("expired", "the appointment's day has passed")
UNREADABLE = ("request-unreadable", "the stored request cannot be opened")

REMEMBERED = 100_000
"""How many failing requests are remembered; beyond, the oldest gets a new day."""


class Ledger:
    """Judges attempts. It remembers since when requests have been failing; a restart gives them a new day."""

    def __init__(self, rand: Callable[[], float], schedule: Schedule = DEFAULT) -> None:
        """`rand` gives numbers in [0, 1), for the jitter."""
        self._rand = rand
        self._schedule = schedule
        self._destination = Destination()
        self._failing_since: dict[int, float] = {}

    def conclude(self, attempt: Attempt) -> AttemptDone:
        """The row for an attempt that ended. Logged here, with our ids alone."""
        job, reply = attempt.job, attempt.reply
        verdict = judge(reply)
        self._destination = self._destination.after(verdict, job.patient_id, attempt.ended)
        following = self._following(attempt, verdict)
        if following.state == "waiting":
            self._failing_since.setdefault(job.request_id, attempt.ended)
            if (
                len(self._failing_since) > REMEMBERED
            ):  # requests that were closed between attempts stay behind
                del self._failing_since[next(iter(self._failing_since))]
        else:
            self._failing_since.pop(job.request_id, None)
        _log(attempt, verdict, following)
        return AttemptDone(
            request_id=job.request_id,
            patient_id=job.patient_id,
            started_at=attempt.started,
            finished_at=attempt.ended,
            status=reply.status,
            verdict=verdict.kind,
            detail=_detail(reply, following),
            new_state=following.state,
            due_at=following.due if following.state == "waiting" else None,
            # a refusal may bear an id too; the request's own is the one of the reply that took it
            correlation_id=(reply.correlation_id or None) if verdict.kind == "delivered" else None,
            possible_duplicate=verdict.possible_duplicate,
            reply=reply.excerpt if reply.excerpt and verdict.kind != "delivered" else None,
        )

    def _following(self, attempt: Attempt, verdict: Verdict) -> Next:
        first = self._failing_since.get(attempt.job.request_id, attempt.ended)
        return after_attempt(
            attempt.job.attempts + 1,
            attempt.ended,
            verdict,
            self._rand(),
            first_failure_at=self._destination.failing_since(first),
            others_passed=self._destination.others_passed(attempt.ended),
            schedule=self._schedule,
        )


def expired(claimed: Claimed) -> Unsent:
    """A claimed request whose day has passed."""
    event(log, logging.INFO, "expired", request=claimed.request_id)
    return Unsent(claimed.request_id, claimed.patient_id, "expired", reasons_json([EXPIRED]))


def unreadable(claimed: Claimed) -> Unsent:
    """A claimed request whose body cannot be opened: it is dead, the rest goes on."""
    event(log, logging.ERROR, "request-unreadable", request=claimed.request_id)
    return Unsent(claimed.request_id, claimed.patient_id, "dead", reasons_json([UNREADABLE]))


def _detail(reply: Reply, following: Next) -> str:
    """One line: status and our words. What the API wrote may repeat patient data and is not in it."""
    what = f"HTTP {reply.status}" if reply.status is not None else "no reply"
    return f"{what}: {following.text} ({following.code})"


def _log(attempt: Attempt, verdict: Verdict, following: Next) -> None:
    levels = {"delivered": logging.INFO, "waiting": logging.WARNING, "dead": logging.ERROR}
    more: dict[str, object] = {}
    if following.state == "waiting":
        more["again_in"] = f"{following.due - attempt.ended:.1f}s"
    if attempt.error:
        more["error"] = attempt.error
    event(
        log,
        levels[following.state],
        "attempt",
        request=attempt.job.request_id,
        status=attempt.reply.status or "-",
        verdict=verdict.kind,
        code=following.code,
        seconds=f"{attempt.ended - attempt.started:.3f}",
        **more,
    )
