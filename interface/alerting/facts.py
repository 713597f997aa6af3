"""What is looked at, as values: one look, taken by the daemon, from which all conditions are judged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from interface.alerting.week import Week


@dataclass(frozen=True, slots=True)
class FeedLimit:
    """A feed that is to be heard: a row of `[[alerts.feed]]`."""

    name: str
    """As alerts call it: the scope."""
    listener: str
    application: str = ""
    """MSH-3; empty: any."""
    facility: str = ""
    """MSH-4; empty: any."""
    week: Week = field(default_factory=lambda: Week(()))
    seconds: float = 1800.0
    """Of its windows without a message."""

    @property
    def of_sender(self) -> bool:
        """Whether it is one of those that the listener takes."""
        return bool(self.application or self.facility)


@dataclass(frozen=True, slots=True)
class Limits:
    """The settings of `[alerts]`, and what other sections say to it. Seconds, bytes, counts."""

    disk_low_bytes: int = 2 * 1024**3
    most_waiting: int = 1_000_000
    most_webhooks: int = 100_000
    wal_bytes: int = 256 * 1024**2
    late: float = 600.0
    oldest: float = 3600.0
    paused: float = 60.0
    away: float = 300.0
    held_percent: int = 50
    held_least: int = 20
    refused_percent: int = 10
    refused_least: int = 10
    webhook_silence: float = 72 * 3600.0
    certificate_days: int = 21
    skew: float = 60.0
    clocks: tuple[str, ...] = ("API",)
    """Whose clocks ours is held against."""
    certificates: tuple[str, ...] = ()
    """The sections that have one."""
    deaths: int = 3
    deaths_within: float = 600.0
    feeds: tuple[FeedLimit, ...] = ()
    hold: float = 60.0
    settle: float = 120.0
    grace: float = 900.0
    """What followed from a cause gets so long to pass by itself once that is over."""
    repeat: float = 24 * 3600.0
    """0: said once."""
    off: frozenset[str] = frozenset()
    """Codes that nobody wants to hear."""


@dataclass(frozen=True, slots=True)
class Held:
    """Requests of the last hours."""

    asked: int
    """All of them but those that wait for a time, or as the way to production asks."""
    held: int


@dataclass(frozen=True, slots=True)
class Refused:
    """Messages of the last hour on the listener of which the largest share was refused as no HL7 (AR, AE)."""

    listener: str
    came: int
    refused: int


@dataclass(frozen=True, slots=True)
class Destination:
    """Where requests go, as the work knows it."""

    state: str
    """paused, open, slowed, passing."""
    why: str = ""
    since: float | None = None
    """POSIX seconds, by our clock."""
    node: str = ""
    """Whose view it is, where there are several."""
    away_since: float | None = None
    """Since when every try fails, though too few are made to stop sending; None: they do not."""


STATES = ("paused", "open", "slowed", "passing")
"""The worst first."""


def worst(views: Iterable[Destination]) -> Destination | None:
    """Of what several nodes see: where one of them is stopped that counts; None: nobody knows."""

    def how_bad(one: Destination) -> int:
        stopped = STATES.index("open" if one.away_since is not None else one.state)
        return min(stopped, STATES.index(one.state))

    return min(views, key=how_bad, default=None)


@dataclass(frozen=True, slots=True)
class Certificate:
    """One that is served."""

    where: str
    """The section: the scope."""
    ends: float


@dataclass(frozen=True, slots=True)
class Heard:
    """When a feed was heard last; None: never since it is watched."""

    feed: str
    last: float | None


@dataclass(frozen=True, slots=True)
class Facts:
    """One look. What could not be found out is None, and then what is known of it stays."""

    now: float
    """POSIX seconds."""
    started: float = 0.0
    """When this process began to listen."""
    free_bytes: int | None = None
    wal_bytes: int | None = None
    waiting: int | None = None
    """Messages."""
    late: float | None = None
    """How long the oldest of them has waited."""
    webhooks: int | None = None
    """Those that wait to be joined."""
    oldest: float | None = None
    """How long the oldest waiting request has."""
    dead: int | None = None
    failed: int | None = None
    held: Held | None = None
    refused: Refused | None = None
    webhook_due: bool | None = None
    """Whether a request awaits one for longer than is expected."""
    webhook_last: float | None = None
    """When the last one came; 0.0: none ever."""
    journal: str | None = None
    """Why messages can't be stored; '': they can."""
    inbox: str | None = None
    """The same of webhooks."""
    trouble: str | None = None
    """Why the work can't go on."""
    deaths: tuple[float, ...] = ()
    """When it ended lately."""
    destination: Destination | None = None
    api_key: str | None = None
    """Why it can't be read; '': it can."""
    certificates: tuple[Certificate, ...] = ()
    closed: Mapping[str, str] | None = None
    """Why a listener takes nobody, by the section that names its certificate."""
    skews: Mapping[str, float] = field(default_factory=dict)
    """By how many seconds our clock is ahead, by whose."""
    heard: tuple[Heard, ...] | None = None
