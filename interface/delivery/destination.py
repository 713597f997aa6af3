"""What is known of the destination from the attempts so far: is it taking requests, and since when?

A value that each verdict turns into the next one. The circuit breaker and the pacing of requests belong here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from interface.delivery.verdict import Verdict

OUTAGE_SECONDS = 3600.0
"""Without a delivery for this long, while several patients' requests failed: the destination was away."""

OUTAGE_PATIENTS = 3
"""How many patients' requests must have failed: fewer may be those requests' own fault, and the night is
quiet.
"""


@dataclass(frozen=True, slots=True)
class Destination:
    """`passing_since`: since when requests have been passing without an outage; None: none has passed yet.

    `failed`: patients (row ids) whose requests failed since the last delivery, at most `OUTAGE_PATIENTS`.
    """

    passing_since: float | None = None
    last_delivery: float | None = None
    failed: frozenset[int] = frozenset()

    def after(self, verdict: Verdict, patient: int, now: float) -> Destination:
        """What is known after one more attempt, for `patient`, that ended at `now` (seconds)."""
        if verdict.kind == "delivered":
            anew = self.passing_since is None or self._was_away(now)
            return Destination(now if anew else self.passing_since, now)
        # a refused content (400) is the answer of an API at work, everything else is a failure
        if verdict.kind in ("dead", "apart") or patient in self.failed or len(self.failed) >= OUTAGE_PATIENTS:
            return self
        return replace(self, failed=self.failed | {patient})

    def delivered_since(self, moment: float) -> bool:
        """Whether a request was taken after `moment`."""
        return self.last_delivery is not None and self.last_delivery > moment

    def others_passed(self, now: float) -> bool:
        """Whether requests are passing at `now`."""
        return self.last_delivery is not None and not self._was_away(now)

    def failing_since(self, first_failure_at: float) -> float:
        """From when a request's failing counts against it: not while the destination was away."""
        return first_failure_at if self.passing_since is None else max(first_failure_at, self.passing_since)

    def _was_away(self, now: float) -> bool:
        return (
            self.last_delivery is not None
            and len(self.failed) >= OUTAGE_PATIENTS
            and now - self.last_delivery >= OUTAGE_SECONDS
        )
