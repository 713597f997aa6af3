"""When a request is tried again, and when it is given up: pure functions of the verdict and the times passed
in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from interface.delivery.verdict import LONGEST_WAIT, PAUSE_SECONDS, SLOW_SECONDS, Verdict


@dataclass(frozen=True, slots=True)
class Schedule:
    """The constants of the retry schedule, in seconds. Tests pass small ones."""

    first: float = 1.0
    factor: float = 2.0
    cap: float = 300.0
    spread: float = 0.1
    """Part of a fixed wait that is added at random, so that what was told to wait does not come back as one.
    """
    pause: float = PAUSE_SECONDS
    slow: float = SLOW_SECONDS
    dead_after: float = 24 * 3600.0
    """How long one request may fail while others pass."""
    refused: float = 600.0
    """How long the first probe waits after a run of refused contents; then doubled each time up to `refused_cap`."""
    refused_cap: float = 3600.0
    slowest: float = 1.0
    """The slowest pace after the API asked to wait, in POSTs per second."""
    doubling: float = 30.0
    """How long that pace takes to double."""

    @property
    def longest(self) -> float:
        """Nothing is due later than in so many seconds."""
        return max(LONGEST_WAIT, self.cap, self.pause, self.slow) * (1 + self.spread)


DEFAULT = Schedule()


@dataclass(frozen=True, slots=True)
class Next:
    """What follows an attempt: the request's new state, when it is due, and the reason in words of ours."""

    state: Literal["delivered", "dead", "waiting"]
    due: float
    code: str
    text: str


def backoff(attempts: int, rand: float, schedule: Schedule = DEFAULT) -> float:
    """Seconds to wait after `attempts` failed attempts (1 or more): exponential, between half of it and the
    whole.

    `rand` is in [0, 1). The lower half is fixed so that a retry never comes at once; the upper half spreads a
    crowd.
    """
    steps = max(0, attempts - 1)
    # beyond 64 doublings the power overflows before the cap is looked at; it is at the cap long before
    whole = schedule.cap if steps > 64 else min(schedule.cap, schedule.first * schedule.factor**steps)
    return whole * (0.5 + rand / 2)


def next_due(attempts: int, now: float, verdict: Verdict, rand: float, schedule: Schedule = DEFAULT) -> float:
    """The time (seconds, the clock `now` is of) of the next attempt after `attempts` made so far.

    `pause` and `slow` wait the verdict's own seconds, never less; `retry` follows `backoff`; `apart` waits for
    nothing. There is no last attempt.
    """
    if verdict.kind == "apart":
        return now
    if verdict.kind == "pause":
        return now + schedule.pause * (1 + schedule.spread * rand)
    if verdict.kind == "slow":
        wait = schedule.slow if verdict.wait is None else verdict.wait
        return now + wait * (1 + schedule.spread * rand)
    return now + backoff(attempts, rand, schedule)


def is_hopeless(
    verdict: Verdict, now: float, first_failure_at: float, others_passed: bool, schedule: Schedule = DEFAULT
) -> bool:
    """Whether a request that keeps failing is its own fault: for a day, while others passed.

    Only a `retry` counts: a destination that must be put right or asks to wait says nothing about one
    request.
    """
    return verdict.kind == "retry" and others_passed and now - first_failure_at >= schedule.dead_after


def after_attempt(
    attempts: int,
    now: float,
    verdict: Verdict,
    rand: float,
    *,
    first_failure_at: float,
    others_passed: bool,
    schedule: Schedule = DEFAULT,
) -> Next:
    """The request's state after its attempt number `attempts` got `verdict` at `now`."""
    if verdict.kind == "delivered":
        return Next("delivered", now, verdict.code, verdict.text)
    if verdict.kind == "dead":
        return Next("dead", now, verdict.code, verdict.text)
    if is_hopeless(verdict, now, first_failure_at, others_passed, schedule):
        return Next(
            "dead", now, "failing-alone", f"failed for a day while other requests passed: {verdict.text}"
        )
    return Next("waiting", next_due(attempts, now, verdict, rand, schedule), verdict.code, verdict.text)
