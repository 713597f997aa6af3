"""Since when every try fails, where too few are made for the circuit to open: a night with two requests an hour."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from interface.delivery.verdict import Verdict

LEAST_PATIENTS = 2
"""One patient's request may fail for its own fault, unless the API was not even reached."""
LEAST_SECONDS = 60.0
"""From the first failure to the last one, at least: a moment is nothing."""
UNREACHED = frozenset(("refused", "dns", "tls", "timeout-connect"))
"""Codes of verdicts before which no request had left: that is no request's fault."""


@dataclass(frozen=True, slots=True)
class Failing:
    """The tries since the API's last answer, all of which failed. Times are POSIX seconds."""

    since: float
    last: float
    patients: frozenset[int] = frozenset()
    """Row ids, at most `LEAST_PATIENTS`."""
    unreached: bool = True
    """Whether the API was reached by none of them."""

    @property
    def away_since(self) -> float | None:
        """Since when the API is away by all that is known; None: that can't be said yet."""
        many = self.unreached or len(self.patients) >= LEAST_PATIENTS
        return self.since if many and self.last - self.since >= LEAST_SECONDS else None


def failing_after(before: Failing | None, verdict: Verdict, patient: int, now: float) -> Failing | None:
    """After one more POST that ended at `now`; None: the API answers."""
    if verdict.kind == "retry" and verdict.suspect:
        if before is None or now < before.last:  # the clock was set back
            return Failing(now, now, frozenset((patient,)), verdict.code in UNREACHED)
        if before.away_since is not None:  # until it answers: a failure of another kind takes nothing back
            return replace(before, last=now)
        patients = before.patients if len(before.patients) >= LEAST_PATIENTS else before.patients | {patient}
        unreached = before.unreached and verdict.code in UNREACHED
        return replace(before, last=now, patients=patients, unreached=unreached)
    return before if verdict.kind in ("retry", "slow") else None


def failing_restored(since: Any, now: float) -> Failing | None:
    """What `away_since` gave, at a start."""
    known = isinstance(since, int | float) and not isinstance(since, bool) and since + LEAST_SECONDS <= now
    return Failing(since, since + LEAST_SECONDS) if known else None
