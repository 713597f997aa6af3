"""A sender's pace: how long to read no further after so many messages. Nothing is refused for it: TCP tells the sender."""

from __future__ import annotations

from dataclasses import dataclass, field

BURST_SECONDS = 1.0
"""What was not used of the second before may come at once."""
MANY = 1024
"""Addresses that are remembered before those that owe nothing are forgotten."""


@dataclass(slots=True)
class Pace:
    """Of one listener, address by address. Values in, values out: the time is passed in (seconds that only go on)."""

    per_second: float
    _due: dict[str, float] = field(default_factory=dict)
    """When all that came of an address would have come, at this pace."""

    def wait(self, host: str, messages: int, now: float) -> float:
        """Seconds for which `host` is to be read no further, now that `messages` more have come; 0: read on."""
        due = max(self._due.get(host, now - BURST_SECONDS), now - BURST_SECONDS) + messages / self.per_second
        if host not in self._due and len(self._due) >= MANY:
            self._due = {name: when for name, when in self._due.items() if when > now}
        self._due[host] = due
        return max(0.0, due - now)
