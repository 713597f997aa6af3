"""When nothing but probes goes out: the circuit that opens when the API is away, and the pauses until somebody has put
something right.

A value that each verdict turns into the next one. Times are seconds of a clock that never jumps (monotonic). While it
is stopped one request at a time is sent, the probe; what it brings decides. Whatever the state: one delivery, and
requests go out again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from interface.delivery.schedule import DEFAULT, Schedule, backoff
from interface.delivery.verdict import Verdict

Stop = Literal["", "open", "paused"]
"""Why only probes go out. `open`: the API is away, which passes by itself; `paused`: somebody must put something
right."""

OPENS_AT = 5
"""So many patients' requests must fail, none taken in between. Two may be those requests' own fault."""

REFUSALS = 10
"""So many patients' requests must be refused for their content, none taken in between, to call it one fault of ours."""

REFUSALS_IN_A_ROW = "refusals-in-a-row"
AWAY = "away"

RAMP_FIRST = 4
RAMP_STEP = 2
"""When it works again, so many requests are in flight at first, and so many more with each that is taken: an API that
comes back must not meet the whole backlog at once, and 15 deliveries later it has all 32."""
RAMP_END = 256
"""Deliveries after which the largest concurrency is reached, and an outage counts as over."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """Whether requests go out, and when the next probe may."""

    stop: Stop = ""
    reason: str = ""
    """Code of what stopped it."""
    since: float = 0.0
    next_probe: float = 0.0
    probe: int | None = None
    """The request (row id) that is out as a probe; None: none is."""
    missed: int = 0
    """Probes of this stop that came back without a good answer."""
    failed: frozenset[int] = frozenset()
    """Patients (row ids) whose requests failed since the last delivery, at most OPENS_AT."""
    refused: frozenset[int] = frozenset()
    """Patients whose requests were refused for their content since the last delivery, at most REFUSALS."""
    passed: int = RAMP_END
    """Deliveries since it works again, at most RAMP_END."""

    @property
    def refusing(self) -> bool:
        """Whether it is paused because of a run of refused contents: then none of them is given up."""
        return self.stop == "paused" and self.reason == REFUSALS_IN_A_ROW

    def may_probe(self, now: float) -> bool:
        """Whether a probe may go out now."""
        return bool(self.stop) and self.probe is None and now >= self.next_probe

    def allowed(self, concurrency: int) -> int:
        """How many POSTs may be in flight while it is not stopped."""
        return min(concurrency, RAMP_FIRST + RAMP_STEP * self.passed)

    def sent(self, request: int) -> Breaker:
        """After `request` went out as the probe."""
        return replace(self, probe=request)

    def gone(self, request: int) -> Breaker:
        """After `request` turned out not to have been sent: another may be the probe."""
        return replace(self, probe=None) if self.probe == request else self

    def hurried(self, now: float) -> Breaker:
        """Somebody may have put it right: the next probe may go out at once."""
        return replace(self, next_probe=min(self.next_probe, now)) if self.stop else self

    def after(
        self,
        verdict: Verdict,
        patient: int,
        request: int,
        now: float,
        rand: float,
        schedule: Schedule = DEFAULT,
    ) -> Breaker:
        """What follows from one POST that ended: its verdict, and a patient and request it was about.

        `rand` is in [0, 1), for the jitter of the next probe.
        """
        probed = self.stop != "" and request == self.probe
        now_idle = self.gone(request)
        if verdict.kind == "delivered":
            return now_idle._delivered()
        if verdict.kind == "pause":
            return now_idle._paused(verdict.code, now, rand, schedule, missed=probed)
        if verdict.kind in ("dead", "apart"):
            return now_idle._answered(verdict, patient, now, rand, schedule, probed=probed)
        if probed:
            return now_idle._missed(now, rand, schedule)
        if verdict.kind == "retry" and not self.stop:
            return now_idle._failed(patient, now, rand, schedule)
        return now_idle

    def _delivered(self) -> Breaker:
        passed = 1 if self.stop else min(RAMP_END, self.passed + 1)
        # an outage that comes back before the backlog is through goes on with the waits it had come to
        return Breaker(missed=0 if passed == RAMP_END else self.missed, passed=passed)

    def _failed(self, patient: int, now: float, rand: float, schedule: Schedule) -> Breaker:
        failed = self.failed if len(self.failed) >= OPENS_AT else self.failed | {patient}
        if len(failed) < OPENS_AT:
            return replace(self, failed=failed)
        return replace(self, failed=failed)._stopped("open", AWAY, now)._waiting(now, rand, schedule)

    def _answered(
        self, verdict: Verdict, patient: int, now: float, rand: float, schedule: Schedule, *, probed: bool
    ) -> Breaker:
        """A content was refused: that is the answer of an API that is there and knows us."""
        if self.refusing:
            return self._missed(now, rand, schedule) if probed else self
        working = Breaker(missed=self.missed, passed=0, refused=self.refused) if self.stop else self
        if verdict.kind == "apart":
            return working
        refused = working.refused | {patient}
        if len(refused) < REFUSALS:
            return replace(working, refused=refused)
        paused = replace(working, refused=refused, missed=0)._stopped("paused", REFUSALS_IN_A_ROW, now)
        return paused._waiting(now, rand, schedule)

    def _paused(self, reason: str, now: float, rand: float, schedule: Schedule, *, missed: bool) -> Breaker:
        if self.stop != "paused":
            return replace(self, missed=0)._stopped("paused", reason, now)._waiting(now, rand, schedule)
        told = self if self.reason == reason else replace(self, reason=reason)
        return told._missed(now, rand, schedule) if missed else told

    def _stopped(self, stop: Stop, reason: str, now: float) -> Breaker:
        return replace(self, stop=stop, reason=reason, since=now, probe=None)

    def _missed(self, now: float, rand: float, schedule: Schedule) -> Breaker:
        return replace(self, missed=self.missed + 1)._waiting(now, rand, schedule)

    def _waiting(self, now: float, rand: float, schedule: Schedule) -> Breaker:
        if self.stop == "open":
            wait = backoff(self.missed + 1, rand, schedule)
        elif self.refusing:
            wait = min(schedule.refused_cap, schedule.refused * 2 ** min(self.missed, 30))
        else:
            wait = schedule.pause * (1 + schedule.spread * rand)
        return replace(self, next_probe=now + wait)
