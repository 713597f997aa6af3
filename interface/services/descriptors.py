"""How many files and connections the process may have open, and how they are shared out: whoever connects must not take
what the journal, the console and the work need.
"""

from __future__ import annotations

from dataclasses import dataclass

from interface.settings import Settings

MOST_CONNECTIONS = 256
"""To a web port."""
OWN = 128
"""For ourselves: the store, its threads, the work's pipes, the log, files that are read."""


@dataclass(slots=True)
class Places:
    """Connections of all listeners together."""

    most: int
    taken: int = 0

    @property
    def full(self) -> bool:
        """Whether no more may be taken."""
        return self.taken >= self.most


@dataclass(frozen=True, slots=True)
class Shares:
    """Who may open how many."""

    limit: int
    """Of the process."""
    wanted: int
    """What the settings would have it be."""
    senders: int
    """Connections of all listeners together."""
    web: int
    """Connections of each web door."""

    @property
    def enough(self) -> bool:
        """Whether everybody gets what the settings say."""
        return self.limit >= self.wanted


def shares(settings: Settings, limit: int) -> Shares:
    """Share out `limit`. Where it is too small, web doors get an eighth of it each at most, the senders the rest."""
    doors = 1 if settings.webhooks_door is None else 2
    senders = sum(section.max_connections for section in settings.listeners)
    wanted = OWN + doors * MOST_CONNECTIONS + senders
    if limit >= wanted:
        return Shares(limit, wanted, senders, MOST_CONNECTIONS)
    room = max(16, limit - OWN)
    web = max(4, min(MOST_CONNECTIONS, room // 8))
    return Shares(limit, wanted, max(1, min(senders, room - doors * web)), web)


def raise_limit(wanted: int) -> int:
    """Raise the process's own limit to what is wanted, as far as it may; the limit that holds now."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    ceiling = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < ceiling:
        resource.setrlimit(resource.RLIMIT_NOFILE, (ceiling, hard))
        soft = ceiling
    return wanted if soft == resource.RLIM_INFINITY else soft


def most_possible() -> int | None:
    """How far the limit can be raised; None: as far as wanted."""
    import resource

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return None if hard == resource.RLIM_INFINITY else hard
