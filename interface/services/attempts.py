"""What an attempt means for its request, as the row to store, and what attempts say of the destination."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from itertools import groupby
from operator import itemgetter

from interface.chart.holds import hold
from interface.delivery.schedule import DEFAULT, Next, Schedule, after_attempt
from interface.delivery.verdict import Reply, Verdict, judge
from interface.services import mending
from interface.services.courier import Attempt, Job
from interface.services.logs import Event, Seconds, event, events
from interface.services.passage import Passage
from interface.store.records.reasons import reasons_json
from interface.store.records.turn import AttemptDone, Claimed, Unsent

log = logging.getLogger(__name__)

EXPIRED = ("expired", "the appointment's day has passed")
STRANGER = ("not-test-patient", f"{hold('not-test-patient').text}: found by the last look before it was sent")
UNREADABLE = ("request-unreadable", mending.REQUEST)

LOOK_AGAIN_SECONDS = 30.0
"""When a request is tried again that was not sent because the store did not answer."""
REMEMBERED = 100_000
"""How many requests are remembered that must go with fewer others."""


class Ledger:
    """Judges attempts, and tells the passage to the destination of them."""

    def __init__(
        self,
        rand: Callable[[], float],
        schedule: Schedule = DEFAULT,
        passage: Passage | None = None,
        *,
        awaited: bool = True,
    ) -> None:
        """`rand` gives numbers in [0, 1), for the jitter. `passage` None: one without a limit. `awaited`: whether
        webhooks are to come of what is taken in: a path that only validates sends none.
        """
        self._rand = rand
        self._awaited = awaited
        self._schedule = schedule
        self.passage = passage or Passage(rand, schedule)
        self._fewer: dict[int, int] = {}
        """With how many a request may share a panel, itself counted, since one with more of them failed."""
        self._untold: list[tuple[int, Event]] = []
        """Lines of the log to be written, each with its level."""

    def most_together(self, request_id: int, most: int) -> int:
        """With how many others' requests this one may share its next POST, itself counted; at most `most`."""
        return min(most, self._fewer.get(request_id, most))

    def conclude(self, attempt: Attempt) -> AttemptDone:
        """The row for an attempt that ended; `tell` logs it, with our ids alone."""
        job, reply = attempt.job, attempt.reply
        verdict = self._verdict(attempt)
        if reply.failure == "lapsed":  # nothing was heard of the destination
            self.passage.not_sent(job.request_id)
        elif attempt.place == 0:
            self.passage.took(attempt, verdict)
        if verdict.kind == "dead" and self.passage.destination.breaker.refusing:
            # the mapping may be wrong: no more of them are given up until one is taken
            verdict = replace(verdict, kind="pause")
        following = self._following(attempt, verdict)
        if following.state == "waiting":
            self._remember(attempt, verdict)
        else:
            self._fewer.pop(job.request_id, None)
        self._untold.append(_line(attempt, verdict, following))
        return AttemptDone(
            request_id=job.request_id,
            patient_id=job.patient_id,
            started_at=attempt.started,
            finished_at=attempt.ended,
            status=reply.status,
            verdict="dead" if following.state == "dead" else verdict.kind,
            detail=_detail(reply, following),
            new_state=following.state,
            due_at=following.due if following.state == "waiting" else None,
            # a refusal may bear an id too; the request's own is the one of the reply that took it
            correlation_id=(reply.correlation_id or None) if verdict.kind == "delivered" else None,
            named=(reply.correlation_id or None) if verdict.kind != "delivered" else None,
            panel_id=reply.panel_id or None,
            awaited=self._awaited,
            possible_duplicate=verdict.possible_duplicate,
            reply=reply.excerpt if reply.excerpt and verdict.kind != "delivered" else None,
            fence=job.fence,
        )

    def tell(self) -> None:
        """Log what was concluded since: a line for each, together, for one costs as much as twenty (50 us of 1,050)."""
        told, self._untold = self._untold, []
        for level, lines in groupby(told, key=itemgetter(0)):
            events(log, level, [line for _, line in lines])

    def _verdict(self, attempt: Attempt) -> Verdict:
        """What the table says, unless this one request paused the destination before and others were taken since.

        Then the fault is in the request (too large, say), and must not stop the others again and again.
        """
        verdict = judge(attempt.reply, attempt.ended, checks_only=not self._awaited)
        paused_at = attempt.job.paused_at
        alone = paused_at is not None and self.passage.destination.passed.since(paused_at)
        if verdict.kind == "pause" and alone:
            return replace(verdict, kind="retry", wait=None, suspect=False)
        return verdict

    def _remember(self, attempt: Attempt, verdict: Verdict) -> None:
        """Whether it is to go with fewer.

        With fewer after a refusal of the panel, and where requests were taken since this one began to fail: then it is
        not the API that is away, and one request of the panel may keep the others from being taken.
        """
        number, together, since = attempt.job.request_id, attempt.reply.together, attempt.job.failing_since
        passed = self.passage.destination.passed
        alone_fails = verdict.kind == "retry" and since is not None and passed.since(since)
        if together > 1 and (verdict.kind == "apart" or alone_fails):
            self._fewer[number] = together // 2
        if len(self._fewer) > REMEMBERED:  # requests that were closed between attempts stay behind
            del self._fewer[next(iter(self._fewer))]

    def _following(self, attempt: Attempt, verdict: Verdict) -> Next:
        since, now = attempt.job.failing_since, attempt.ended
        return after_attempt(
            attempt.job.attempts + 1,
            now,
            verdict,
            self._rand(),
            first_failure_at=now if since is None else since,
            others_passed=since is not None and self.passage.failed_alone(since, now),
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


def stranger(claimed: Claimed) -> Unsent:
    """A claimed request of somebody who is no test patient, in staging: it is dead."""
    event(log, logging.ERROR, "not-test-patient", request=claimed.request_id)
    return Unsent(claimed.request_id, claimed.patient_id, "dead", reasons_json([STRANGER]), claimed.fence)


def given_back(claim: Job | Claimed) -> Unsent:
    """A claim of which nothing was sent: its request waits as it did before."""
    return Unsent(claim.request_id, claim.patient_id, "waiting", None, claim.fence)


def not_sent_yet(claimed: Claimed, now: float) -> AttemptDone:
    """A claimed request of which the store did not say whether it may go out: it waits."""
    event(log, logging.WARNING, "not-sent-yet", request=claimed.request_id)
    return AttemptDone(
        claimed.request_id,
        claimed.patient_id,
        started_at=now,
        finished_at=now,
        status=None,
        verdict="unsent",
        detail="not sent: the store did not say whether this is a test patient's",
        new_state="waiting",
        due_at=now + LOOK_AGAIN_SECONDS,
        fence=claimed.fence,
    )


def _detail(reply: Reply, following: Next) -> str:
    """One line: status and our words. What the API wrote may repeat patient data and is not in it."""
    what = f"HTTP {reply.status}" if reply.status is not None else "no reply"
    return f"{what}: {following.text} ({following.code}){_shared(reply)}"


def _shared(reply: Reply) -> str:
    """In which panel it went; support knows the panel by its id."""
    if reply.together == 1:
        return f", panel {reply.panel_id}" if reply.panel_id else ""
    return f", {reply.together} patients in panel {reply.panel_id}".rstrip()


_LEVELS = {"delivered": logging.INFO, "waiting": logging.WARNING, "dead": logging.ERROR}


def _line(attempt: Attempt, verdict: Verdict, following: Next) -> tuple[int, Event]:
    fields: dict[str, object] = {
        "request": attempt.job.request_id,
        "status": attempt.reply.status,
        "verdict": verdict.kind,
        "code": following.code,
        "seconds": round(attempt.ended - attempt.started, 3),
    }
    if following.state == "waiting":
        fields["again_in"] = Seconds(round(following.due - attempt.ended, 1))
    if attempt.reply.together > 1:
        fields["together"] = attempt.reply.together
    if attempt.error:
        fields["error"] = attempt.error
    return _LEVELS[following.state], Event("attempt", fields)
