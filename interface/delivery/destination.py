"""What is known of the destination from the attempts so far: what may go out to it now, and whether one request fails
alone.

A value that each verdict turns into the next one. It holds two kinds of time: of a clock that never jumps (`steady`)
for what may go out now, and of the calendar (`now`, POSIX) for days of failing, which outlive the process.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from interface.delivery.breaker import AWAY, REFUSALS, REFUSALS_IN_A_ROW, Breaker
from interface.delivery.failing import Failing, failing_after, failing_restored
from interface.delivery.pacing import Pacing
from interface.delivery.schedule import DEFAULT, Schedule
from interface.delivery.verdict import LONGEST_WAIT, NOT_AUTHORISED, Verdict

State = Literal["passing", "open", "paused", "slowed"]
STATES: tuple[State, ...] = ("passing", "open", "paused", "slowed")

WHY: dict[str, str] = {
    AWAY: "the API is away or fails: it is tried again and again, and all goes out when it answers",
    NOT_AUTHORISED: "the API does not accept the key: correct it where [api] key points to; a file is read anew before the "
    "next try (SIGHUP: at once), a variable of the environment needs a restart",
    "wrong-destination": "the address, a proxy or a limit in between is wrong: correct it, then restart",
    REFUSALS_IN_A_ROW: f"the API refused what was sent for {REFUSALS} patients in a row: `requests show` of a dead one "
    "shows what it said; is the mapping wrong?",
    "slow-down": "the API asked to wait",
}
"""In words for people, by the code of the reason."""

OUTAGE_SECONDS = 3600.0
"""Without a delivery for this long, while several patients' requests failed: the destination was away."""

OUTAGE_PATIENTS = 2
"""How many patients' requests must have failed: one may be that request's own fault, and the night is quiet."""

MARK_SECONDS = 3600.0
"""Of the deliveries the first of each hour is remembered."""

MARKS = 48
"""As many hours."""


@dataclass(frozen=True, slots=True)
class Room:
    """What may be claimed now: POSTs, or one request as a probe."""

    posts: int = 0
    probe: bool = False


@dataclass(frozen=True, slots=True)
class Passed:
    """Deliveries and failures by the calendar: whether others pass while one request fails.

    `passing_since`: since when requests have been passing without an outage; None: none has passed yet.
    `marks`: the first delivery of each of the last hours that had one, oldest first.
    `failed`: patients (row ids) whose requests failed since the last delivery, at most `OUTAGE_PATIENTS`.
    """

    passing_since: float | None = None
    last_delivery: float | None = None
    marks: tuple[float, ...] = ()
    failed: frozenset[int] = frozenset()

    def after(self, verdict: Verdict, patient: int, now: float) -> Passed:
        """After one more POST that ended at `now`."""
        if verdict.kind == "delivered":
            anew = self.passing_since is None or self._was_away(now)
            # a mark ahead of us is of a clock that was wrong
            kept = tuple(mark for mark in self.marks if mark <= now)
            if not kept or now - kept[-1] >= MARK_SECONDS:
                kept = (*kept, now)[-MARKS:]
            return Passed(now if anew else self.passing_since, now, kept)
        # a refused content (400) is the answer of an API at work, everything else is a failure
        if verdict.kind in ("dead", "apart") or patient in self.failed or len(self.failed) >= OUTAGE_PATIENTS:
            return self
        return replace(self, failed=self.failed | {patient})

    def since(self, moment: float) -> bool:
        """Whether a request was taken after `moment`."""
        return self.last_delivery is not None and self.last_delivery > moment

    def others_passed(self, first_failure_at: float, now: float, seconds: float) -> bool:
        """Whether for so many seconds requests have been passing while one has been failing since then.

        One was taken when it had begun to fail, so long ago, and one just now. An outage in between begins it anew.
        """
        since = max(first_failure_at, self.passing_since or first_failure_at)
        began = any(since <= mark <= now - seconds for mark in self.marks)
        return began and self.last_delivery is not None and now - self.last_delivery < OUTAGE_SECONDS

    def _was_away(self, now: float) -> bool:
        return (
            self.last_delivery is not None
            and len(self.failed) >= OUTAGE_PATIENTS
            and now - self.last_delivery >= OUTAGE_SECONDS
        )


@dataclass(frozen=True, slots=True)
class Destination:
    """All that is known of it."""

    breaker: Breaker = field(default_factory=Breaker)
    pacing: Pacing = field(default_factory=Pacing)
    passed: Passed = field(default_factory=Passed)
    failing: Failing | None = None

    def after(
        self,
        verdict: Verdict,
        patient: int,
        request: int,
        *,
        now: float,
        steady: float,
        seconds: float = 0.0,
        rand: float = 0.0,
        schedule: Schedule = DEFAULT,
    ) -> Destination:
        """What is known after one more POST, which took `seconds`, about `patient` (of a panel: one of them)."""
        pacing = self.pacing
        if verdict.kind == "slow":
            wait = schedule.slow if verdict.wait is None else verdict.wait
            pacing = pacing.slow(wait, steady - seconds, steady)
        return Destination(
            self.breaker.after(verdict, patient, request, steady, rand, schedule),
            pacing,
            self.passed.after(verdict, patient, now),
            failing_after(self.failing, verdict, patient, now),
        )

    @property
    def away_since(self) -> float | None:
        """Since when every try fails, be the circuit open or not; None: they do not, or too little is known."""
        return None if self.failing is None else self.failing.away_since

    def room(self, free: int, in_flight: int, steady: float, ahead: int = 0) -> Room:
        """What may be claimed when so many POSTs could start at once, so many are out, and so many more may wait."""
        if self.breaker.stop:
            may = free > 0 and self.breaker.may_probe(steady) and self.pacing.ready(steady, 1) > 0
            return Room(1, probe=True) if may else Room()
        most = min(free + ahead, self.breaker.allowed(free + ahead + in_flight) - in_flight)
        return Room(self.pacing.ready(steady, max(0, most)))

    def sent(self, posts: int, steady: float, probe: int | None = None) -> Destination:
        """After so many POSTs went out; `probe`: the request that went as one."""
        breaker = self.breaker if probe is None else self.breaker.sent(probe)
        return replace(self, breaker=breaker, pacing=self.pacing.sent(posts, steady))

    def not_sent(self, request: int) -> Destination:
        """After a request that was handed out came back unsent: if it was the probe, another may be."""
        return replace(self, breaker=self.breaker.gone(request))

    def wait(self, steady: float) -> float:
        """Seconds until something may go out that may not now; infinite: nothing is held back by time."""
        paced = self.pacing.wait(steady)
        if not self.breaker.stop:
            return paced or float("inf")
        if self.breaker.probe is not None:
            return float("inf")
        return max(paced, self.breaker.next_probe - steady) or float("inf")

    def hurried(self, steady: float) -> Destination:
        """Somebody may have put something right: where it is stopped, the next probe may go out at once."""
        return replace(self, breaker=self.breaker.hurried(steady))

    def state(self, steady: float) -> State:
        """In one word."""
        if self.breaker.stop:
            return self.breaker.stop
        return "slowed" if self.pacing.until(steady).slowed else "passing"

    def reason(self, steady: float) -> str:
        """The code of why it is not passing; '' when it is."""
        return {"passing": "", "slowed": "slow-down"}.get(self.state(steady), self.breaker.reason)

    def news(self, steady: float) -> tuple[object, ...]:
        """What `kept` tells, in times that do not depend on when it is asked."""
        breaker, passed = self.breaker, self.passed
        return (
            self.state(steady),
            self.reason(steady),
            breaker.since,
            breaker.next_probe,
            self.pacing.held_until,
            passed.marks,
            passed.passing_since,
            self.away_since,
        )

    def kept(self, now: float, steady: float) -> dict[str, Any]:
        """What a restart must know, as JSON values with calendar times."""
        state, breaker, pacing = self.state(steady), self.breaker, self.pacing

        def calendar(moment: float) -> float:
            return round(now - (steady - moment), 1)

        since = until = None
        if breaker.stop:
            since, until = calendar(breaker.since), calendar(breaker.next_probe)
        elif state == "slowed":
            since, until = calendar(pacing.slowed_at), calendar(pacing.held_until)
        return {
            "state": state,
            "reason": self.reason(steady),
            "since": since,
            "next_at": until,
            "held_until": calendar(pacing.held_until) if pacing.held_until > steady else None,
            "marks": list(self.passed.marks),
            "passing_since": self.passed.passing_since,
            "away_since": self.away_since,
        }

    @staticmethod
    def restored(told: dict[str, Any], pacing: Pacing, now: float, steady: float) -> Destination:
        """What `kept` gave, at a start. Where it was stopped a probe goes out at once: a start mostly means that
        something was put right. Anything that is not understood is as if nothing had been kept.
        """
        marks = told.get("marks")
        numbers = [mark for mark in marks if _is_time(mark)] if isinstance(marks, list) else []
        past = tuple(sorted(mark for mark in numbers if mark <= now))[-MARKS:]
        passing = told.get("passing_since")
        passed = Passed(passing if _is_time(passing) else past[0], past[-1], past) if past else Passed()
        held = told.get("held_until")
        if isinstance(held, int | float) and 0 < held - now <= LONGEST_WAIT:
            pacing = pacing.held(steady + held - now, steady)
        state, reason, since = told.get("state"), told.get("reason"), told.get("since")
        breaker = Breaker()
        if state in ("open", "paused") and isinstance(reason, str) and isinstance(since, int | float):
            breaker = Breaker(state, reason, since=steady - max(0.0, now - since), next_probe=steady)
        return Destination(breaker, pacing, passed, failing_restored(told.get("away_since"), now))


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
