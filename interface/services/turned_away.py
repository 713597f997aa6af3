"""Which refusals are said in the log: all that help somebody, and no more of them however many come."""

from __future__ import annotations

from dataclasses import dataclass, field

QUIET_SECONDS = 3600.0
"""After so long without one, the next is news again."""
MOST_TOLD_APART = 20
"""Cases (an address, and what was wrong with it) that are told apart for one reason; a scan from more addresses is said
by its tenfolds."""


@dataclass(slots=True)
class _Run:
    """Refusals of one kind, none of them long after the one before."""

    count: int = 0
    last: float = float("-inf")

    def another(self, now: float) -> bool:
        """Count one; whether it is the first or a tenfold."""
        self.count = 1 if now - self.last > QUIET_SECONDS else self.count + 1
        self.last = now
        return str(self.count).strip("0") == "1"


@dataclass(slots=True)
class _Kind:
    """Refusals for one reason."""

    all: _Run = field(default_factory=_Run)
    of: dict[str, _Run] = field(default_factory=dict)
    """By case."""


class TurnedAway:
    """Remembers what was said. Values in, values out: the time is passed in."""

    def __init__(self) -> None:
        self._kinds: dict[str, _Kind] = {}

    def to_be_said(self, reason: str, case: str, now: float) -> int | None:
        """Count a refusal for `reason` (one of ours, so there are few) at `now` (seconds that only go on). `case`: of
        whom, and why exactly.

        The number to say: how many there have been, since it was quiet, of this case, or of all where there are
        too many. None: it is not to be said.
        """
        kind = self._kinds.setdefault(reason, _Kind())
        of_all = kind.all.another(now)
        if case not in kind.of and len(kind.of) >= MOST_TOLD_APART:
            kind.of = {name: run for name, run in kind.of.items() if now - run.last <= QUIET_SECONDS}
        if case in kind.of or len(kind.of) < MOST_TOLD_APART:
            run = kind.of.setdefault(case, _Run())
            return run.count if run.another(now) else None
        return kind.all.count if of_all else None
