"""What an attempt means for its request, as the row to store, and what attempts say of the destination."""

from __future__ import annotations

import logging
from collections.abc import Callable

from interface.delivery.destination import Destination
from interface.delivery.schedule import DEFAULT, Next, Schedule, after_attempt
from interface.delivery.verdict import Reply, Verdict, judge
from interface.services import mending
from interface.services.courier import Attempt
from interface.services.logs import event
from interface.store.records import AttemptDone, Claimed, Unsent, reasons_json

log = logging.getLogger(__name__)

EXPIRED = ("expired", "the appointment's day has passed")
UNREADABLE = ("request-unreadable", mending.REQUEST)

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
        self._fewer: dict[int, int] = {}
        """With how many a request may share a panel, itself counted, since one with more of them failed."""

    def most_together(self, request_id: int, most: int) -> int:
        """With how many others' requests this one may share its next POST, itself counted; at most `most`."""
        return min(most, self._fewer.get(request_id, most))

    def conclude(self, attempt: Attempt) -> AttemptDone:
        """The row for an attempt that ended. Logged here, with our ids alone."""
        job, reply = attempt.job, attempt.reply
        verdict = judge(reply)
        self._destination = self._destination.after(verdict, job.patient_id, attempt.ended)
        following = self._following(attempt, verdict)
        if following.state == "waiting":
            self._remember(attempt, verdict)
        else:
            self._failing_since.pop(job.request_id, None)
            self._fewer.pop(job.request_id, None)
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
            fence=job.fence,
        )

    def _remember(self, attempt: Attempt, verdict: Verdict) -> None:
        """Since when it has been failing, and whether it is to go with fewer.

        With fewer after a refusal of the panel, and where requests were taken since this one began to fail: then it is
        not the API that is away, and one request of the panel may keep the others from being taken.
        """
        number, together = attempt.job.request_id, attempt.reply.together
        since = self._failing_since.setdefault(number, attempt.ended)
        alone_fails = verdict.kind == "retry" and self._destination.delivered_since(since)
        if together > 1 and (verdict.kind == "apart" or alone_fails):
            self._fewer[number] = together // 2
        for kept in (self._failing_since, self._fewer):
            if len(kept) > REMEMBERED:  # requests that were closed between attempts stay behind
                del kept[next(iter(kept))]

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
    return Unsent(claimed.request_id, claimed.patient_id, "expired", reasons_json([EXPIRED]), claimed.fence)


def unreadable(claimed: Claimed) -> Unsent:
    """A claimed request whose body cannot be opened: it is dead, the rest goes on."""
    event(log, logging.ERROR, "request-unreadable", request=claimed.request_id)
    return Unsent(claimed.request_id, claimed.patient_id, "dead", reasons_json([UNREADABLE]), claimed.fence)


def _detail(reply: Reply, following: Next) -> str:
    """One line: status and our words. What the API wrote may repeat patient data and is not in it."""
    what = f"HTTP {reply.status}" if reply.status is not None else "no reply"
    return f"{what}: {following.text} ({following.code}){_shared(reply)}"


def _shared(reply: Reply) -> str:
    """In which panel it went; support knows the panel by its id."""
    if reply.together == 1:
        return f", panel {reply.panel_id}" if reply.panel_id else ""
    return f", {reply.together} patients in panel {reply.panel_id}".rstrip()


def _log(attempt: Attempt, verdict: Verdict, following: Next) -> None:
    levels = {"delivered": logging.INFO, "waiting": logging.WARNING, "dead": logging.ERROR}
    more: dict[str, object] = {}
    if following.state == "waiting":
        more["again_in"] = f"{following.due - attempt.ended:.1f}s"
    if attempt.reply.together > 1:
        more["together"] = attempt.reply.together
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
