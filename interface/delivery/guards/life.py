"""In which environment a store lives, since when, and how it went live: one value, kept in the store as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace

PRODUCTION = "production"


@dataclass(frozen=True, slots=True)
class GoingLive:
    """The switch as it was thrown: what becomes of the requests that were held then."""

    at: float
    """POSIX seconds."""
    who: str
    """The login name of who threw it."""
    below: int
    """Requests with lower ids were there."""
    drop_below: int = 0
    """Held ones with lower ids are dropped: they were too old."""
    from_day: str = ""
    """Held ones for appointments before this day (`yyyy-MM-dd`) are dropped; empty: none for its day."""
    seconds: float = 0.0
    """Over how long the held ones are spread."""


@dataclass(frozen=True, slots=True)
class Life:
    """Where the store lives now."""

    environment: str
    since: float
    """POSIX seconds."""
    live: bool = False
    """In production: whether requests go out."""
    going: GoingLive | None = None
    """How it went live; None: it did not, or has been live from its first day."""

    @classmethod
    def begin(cls, environment: str, now: float) -> Life:
        """Of a store that is new: in production it is live, for nothing waits from before."""
        return cls(environment, now, environment == PRODUCTION)

    def moved(self, environment: str, now: float) -> Life:
        """In another environment from now on; into production only as far as the door: the switch is still to be thrown."""
        return self if environment == self.environment else Life(environment, now)

    def switched(self, going: GoingLive) -> Life:
        """Live from now on."""
        return replace(self, live=True, going=going)

    def as_text(self) -> str:
        """For the store."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def of_text(cls, text: str) -> Life:
        """From the store. Raises ValueError, KeyError or TypeError for what is none."""
        found = json.loads(text)
        going = found.pop("going")
        return cls(**found, going=GoingLive(**going) if going else None)
