"""How fast requests go out: a token bucket for `requests_per_second`, and the slower pace after the API asked for it.

A value that time, POSTs and 429s turn into the next one. Times are seconds of a clock that never jumps. After a 429
nothing goes out until the time it names; then the pace is half of what it was, and doubles in half a minute. Each
further 429 halves it again, so it swings about what the API takes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from interface.delivery.schedule import DEFAULT

BURST_SECONDS = 0.25
"""So much of a second's POSTs may go out at once: whoever counts by the second must not see twice the rate."""

FLOW_SECONDS = 10.0
"""Over about so long the pace is measured that a 429 halves."""

BEYOND = 4.0
"""Where the settings name no limit, the pace is free again at so many times what it was slowed down to."""


@dataclass(frozen=True, slots=True)
class Pacing:
    """How many POSTs may go out, and how fast.

    `limit`: POSTs per second of the settings; None: no limit. `slowest`: the slowest pace after 429s, in POSTs per
    second; `doubling`: seconds in which a pace doubles.
    """

    limit: float | None = None
    slowest: float = DEFAULT.slowest
    doubling: float = DEFAULT.doubling
    pace: float | None = None
    """POSTs per second after a slow-down; None: the limit counts."""
    ceiling: float = 0.0
    """At this pace the slow-down is over."""
    tokens: float = 1.0
    at: float = 0.0
    """When `tokens` and `pace` were right."""
    held_until: float = -math.inf
    """Nothing goes out before."""
    slowed_at: float = -math.inf
    flow: float = 0.0
    """POSTs per second, measured up to `flow_at`."""
    flow_at: float = 0.0

    @property
    def rate(self) -> float | None:
        """POSTs per second that may go out; None: any number."""
        return self.limit if self.pace is None else self.pace

    @property
    def slowed(self) -> bool:
        """Whether the API's asking to wait still counts."""
        return self.pace is not None

    def until(self, now: float) -> Pacing:
        """The same, `now`: tokens have come and the pace has grown."""
        past = max(0.0, now - max(self.at, self.held_until))
        tokens, pace = self.tokens, self.pace
        if pace is not None:
            # beyond a day of doublings the power overflows; it is at the ceiling long before
            grown = min(self.ceiling, pace * 2 ** min(past / self.doubling, 64.0))
            tokens += past * (pace + grown) / 2
            pace = None if grown >= self.ceiling else grown
        elif self.limit is not None:
            tokens += past * self.limit
        fresh = replace(self, pace=pace, at=max(now, self.at))
        return replace(fresh, tokens=min(tokens, fresh.burst))

    @property
    def burst(self) -> float:
        """How many POSTs may go out at once after a rest."""
        rate = self.rate
        return 1.0 if rate is None else max(1.0, rate * BURST_SECONDS)

    def ready(self, now: float, most: int) -> int:
        """How many POSTs may go out now, at most `most`."""
        if now < self.held_until:
            return 0
        current = self.until(now)
        return most if current.rate is None else max(0, min(most, math.floor(current.tokens + 1e-9)))

    def wait(self, now: float) -> float:
        """Seconds until one POST may go out; 0: now."""
        free = max(now, self.held_until)
        current = self.until(free)
        short = 0.0 if current.rate is None else max(0.0, 1 - 1e-9 - current.tokens) / current.rate
        return free - now + short

    def sent(self, posts: int, now: float) -> Pacing:
        """After `posts` POSTs went out. More than were ready are owed: they lengthen the next wait."""
        current = self.until(now)
        tokens = current.tokens if current.rate is None else current.tokens - posts
        return replace(
            current,
            tokens=tokens,
            flow=self._flow(now) + posts / FLOW_SECONDS,
            flow_at=max(now, self.flow_at),
        )

    def slow(self, wait: float, began: float, now: float) -> Pacing:
        """After a POST that began at `began` was asked to wait: nothing goes out for `wait` seconds.

        Those that were out already when the last one was answered so do not halve the pace once more.
        """
        held = max(self.held_until, now + wait)
        if began <= self.slowed_at:
            return replace(self.until(now), held_until=held)
        current = self.until(now)
        flow = self._flow(now)
        was = flow if current.rate is None else min(flow, current.rate)
        pace = max(self.slowest, was / 2)
        ceiling = max(BEYOND * pace, current.ceiling if current.slowed else 0.0)
        if self.limit is not None:
            pace, ceiling = min(pace, self.limit), self.limit
        return replace(
            current,
            pace=pace,
            ceiling=ceiling,
            tokens=min(current.tokens, 1.0),
            held_until=held,
            slowed_at=now,
        )

    def held(self, until: float, now: float) -> Pacing:
        """After a restart, when the API had asked to wait `until`: then as slowly as after any 429."""
        return self.slow(until - now, now, now)

    def _flow(self, now: float) -> float:
        return self.flow * math.exp(-max(0.0, now - self.flow_at) / FLOW_SECONDS)
