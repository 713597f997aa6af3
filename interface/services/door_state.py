"""What the door is, as a value: for who shows it, and has the door's threads to itself no more than others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from interface.alerting.on import On
from interface.settings import Settings
from interface.store.store import Store


@dataclass(frozen=True, slots=True)
class ListenerState:
    """One listener."""

    name: str
    host: str
    port: int
    connections: int
    """Open now."""
    closed: str = ""
    """Why it takes nobody; empty: it does."""


@dataclass(frozen=True, slots=True)
class DoorState:
    """The door at a moment, without patient data."""

    listeners: tuple[ListenerState, ...] = ()
    work_alive: bool = True
    work_pid: int | None = None
    work_restarts: int = 0
    """Since the door's start."""
    trouble: str = ""
    """Why the work can't go on; empty: it can."""
    journal_alive: bool = True
    """Its thread runs."""
    journal_failing: str = ""
    """Why nothing can be stored; empty: it can."""
    webhooks_failing: str = ""
    """The same of webhooks."""
    alerts: tuple[On, ...] = ()
    """What is on, the worst first."""
    destination: Mapping[str, Any] | None = None
    """What the work says of where requests go; None: it has said nothing, or is down."""
    free_bytes: int | None = None
    """On the store's disk; None: it is a server's."""
    size_bytes: int = 0
    """Of the store."""
    stopping: bool = False


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the door gives to the console."""

    settings: Settings
    store: Store
    reactor: Any
    state: Callable[[], DoorState]
    """To be asked in the reactor's thread."""
    wake: Callable[[], None]
    """There is a command for the work (any thread)."""
    work_ahead: float = 0.0
    """Seconds by which the work's clock is ahead of the machine's (`run --now`); requests bear its time."""


class Console(Protocol):
    """The console, as the door knows it."""

    def page(self, segments: Any) -> Any:
        """The resource for a path that is none of the door's own."""

    def stop(self) -> None:
        """Take no more requests, and end what runs; called when the reactor has stopped."""


MakeConsole = Callable[[Surroundings], Console]
