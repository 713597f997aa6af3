"""What goes wrong in the simulated API, and when: drawn from a seed, one draw for each call."""

import random
import uuid
from dataclasses import dataclass
from enum import Enum


class Fault(Enum):
    """What happens to a call instead of an answer on its merits."""

    NONE = "none"
    THROTTLE = "throttle"
    """429 with Retry-After; not taken in."""
    FAIL = "fail"
    """500, 502 or 503; not taken in."""
    DROP_BEFORE = "drop before"
    """The connection is closed; not taken in."""
    DROP_AFTER = "drop after"
    """Taken in, and the connection is closed in place of the answer."""
    HANG = "hang"
    """Taken in and never answered, until the client leaves."""

    @property
    def after_taking_in(self) -> bool:
        """Whether the request is taken in all the same: the client cannot know."""
        return self in (Fault.DROP_AFTER, Fault.HANG)


@dataclass(frozen=True)
class Faults:
    """Shares of all calls, each 0 to 1; together at most 1."""

    throttle: float = 0.0
    fail: float = 0.0
    drop: float = 0.0
    """Half of them before and half after taking the request in."""
    hang: float = 0.0
    retry_after_seconds: int = 1

    def __post_init__(self) -> None:
        shares = (self.throttle, self.fail, self.drop, self.hang)
        if not all(0.0 <= share <= 1.0 for share in shares) or sum(shares) > 1.0 + 1e-9:
            raise ValueError("shares of calls lie between 0 and 1, and together make at most 1")


FAIL_STATUSES = (500, 502, 503)


class Dice:
    """Faults and correlation ids in an order that a seed repeats; without a seed they are new each time."""

    def __init__(self, faults: Faults, seed: int | None = None) -> None:
        self._bounds = _bounds(faults)
        # apart, so that the ids do not change with the faults
        self._faults = random.Random(seed)  # noqa: S311 - made-up faults, no secrets
        self._ids = random.Random(seed)  # noqa: S311

    def fault(self) -> Fault:
        """What happens to the next call."""
        drawn = self._faults.random()
        for bound, fault in self._bounds:
            if drawn < bound:
                return fault
        return Fault.NONE

    def fail_status(self) -> int:
        """The status of a call that fails."""
        return self._faults.choice(FAIL_STATUSES)

    def correlation_id(self) -> str:
        """A new UUID (version 4)."""
        return str(uuid.UUID(int=self._ids.getrandbits(128), version=4))


def _bounds(faults: Faults) -> tuple[tuple[float, Fault], ...]:
    """Upper ends of each fault's part of 0 to 1."""
    end = 0.0
    bounds = []
    for share, fault in (
        (faults.throttle, Fault.THROTTLE),
        (faults.fail, Fault.FAIL),
        (faults.drop / 2, Fault.DROP_BEFORE),
        (faults.drop / 2, Fault.DROP_AFTER),
        (faults.hang, Fault.HANG),
    ):
        end += share
        bounds.append((end, fault))
    return tuple(bounds)
