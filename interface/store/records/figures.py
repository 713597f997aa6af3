"""How much there is: rows by kind, what waits, and what there is to know of the database."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Counts:
    """How many rows of each kind there are."""

    messages: dict[str, int] = field(default_factory=dict)
    """By state."""
    decisions: dict[str, int] = field(default_factory=dict)
    requests: dict[str, int] = field(default_factory=dict)
    """By state."""
    patients: int = 0


@dataclass(frozen=True, slots=True)
class Backlog:
    """What has not been done yet."""

    new_messages: int
    waiting_requests: int
    oldest_request_at: float | None
    """When the oldest waiting request was made."""
    sending_requests: int
    held_requests: int
    held_for_time: int = 0
    """Those of them that are only held until a time: they need nobody."""


SUITED = "UTF8"
"""The encoding that a database must have, as the server names it."""


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What there is to know of a database server."""

    version: str
    synchronous_commit: str
    """As it is for our connections."""
    fsync: bool
    full_page_writes: bool
    standbys: str
    """Those that a commit waits for, as the server's setting names them; '': none."""
    encoding: str
    """Of the database, as the server names it: UTF8."""
    clock: float
    """What it takes for now, POSIX seconds."""


@dataclass(frozen=True, slots=True)
class StoreStats:
    """The store as files and versions."""

    path: str
    """What it is called: the file, or server and database."""
    schema_version: int
    size_bytes: int
    wal_bytes: int
    free_bytes: int | None
    """Free room of the file system; None: not known, it is a server's."""


@dataclass(frozen=True, slots=True)
class HeldShare:
    """Requests of a while, without those that are held as is expected."""

    asked: int
    held: int
