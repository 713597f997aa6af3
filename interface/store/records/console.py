"""Who uses the console, what they did there, and the figures that it shows at a glance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Role = Literal["viewer", "analyst", "admin"]
ROLES: tuple[Role, ...] = ("viewer", "analyst", "admin")
"""From the one who may least: each may what those before it may."""


@dataclass(frozen=True, slots=True)
class User:
    """One who may sign in."""

    name: str
    role: Role
    disabled: bool
    created_at: float
    password_at: float
    """When the password was set last."""
    password: str
    """Hashed."""

    def __repr__(self) -> str:
        """Without the password's hash."""
        return f"User({self.name!r}, {self.role!r}, disabled={self.disabled})"


@dataclass(frozen=True, slots=True)
class Session:
    """One who is signed in."""

    user_name: str
    role: Role
    began_at: float
    used_at: float
    shows_until: float
    """Until then patient data is not masked; 0: it is."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Somebody saw or did something."""

    at: float
    user_name: str
    """Whom the browser said to be, where nobody was signed in."""
    peer: str
    """The address the browser came from."""
    action: str
    subject: str
    """Ids of ours, as in `message 12`; no patient data."""
    detail: str | None = None
    """What somebody typed; stored sealed."""
    id: int = 0


@dataclass(frozen=True, slots=True)
class FeedCount:
    """Messages of one sender on one listener within a stretch of time."""

    listener: str
    application: str
    facility: str
    messages: int
    last_at: float


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What webhooks have said of requests so far."""

    taken: int
    """By the API."""
    found: int
    """Records were found."""
    insufficient: int
    """What was sent was not enough to find the patient."""
    delivered: int
    """All documents were delivered."""
    documents: int
    awaited: int
    """No webhook has come yet."""
    looked_at: int
    """Requests that were looked at, the newest."""


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that have one reason in common."""

    code: str
    text: str
    """The reason, as far as they say it alike."""
    count: int


@dataclass(frozen=True, slots=True)
class Grouped:
    """Rows of a state by their reasons; one with two reasons is in two groups."""

    total: int
    groups: tuple[Group, ...]
    """The largest first."""
    looked_at: int
    """How many of them, the newest, the groups were made of."""


Trouble = Literal["held", "dead", "failed", "unassigned"]
"""What waits for a person: requests that are held or dead, messages that failed or are held without a request."""
TROUBLES: tuple[Trouble, ...] = ("dead", "failed", "held", "unassigned")


@dataclass(frozen=True, slots=True)
class Reason:
    """One of the reasons of a row."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """Rows that have the same reasons, and the same status of the last attempt where they are dead."""

    reasons: tuple[Reason, ...]
    status: int | None
    count: int
    first: int
    """The least id."""
    last: int
    oldest: float
    newest: float
    since: tuple[int, ...]
    """How many came since each of the times that were asked for."""


@dataclass(frozen=True, slots=True)
class LookedAt:
    """What is in trouble."""

    total: int
    looked_at: int
    """How many of them, the newest, were looked at."""
    stretches: tuple[Stretch, ...]


@dataclass(frozen=True, slots=True)
class Several:
    """Which rows that are in trouble."""

    kind: Trouble
    code: str = ""
    """Those that have a reason of this code; '': any, unless `without_reason`."""
    only: tuple[str, ...] = ()
    """… and none that has not one of these codes."""
    without_reason: bool = False
    """Those that have none; of dead ones, of this status."""
    status: int | None = None
