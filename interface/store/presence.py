"""Whether a daemon runs on a store, and who may do the work beside it: a lock file with SQLite, the nodes' rows else."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

from interface.store.database import Database
from interface.store.errors import StoreError
from interface.store.lock import Role, StoreLock
from interface.store.nodes import Nodes


class Presence(Protocol):
    """Somebody's hold on a store, as the door or for the work."""

    def acquire(self, wait: float = 0.0) -> None:
        """Be there, after up to `wait` seconds; StoreError when another process has it to itself."""

    def is_held(self) -> bool:
        """Whether a daemon is there now. StoreError when that can't be found out."""

    def release(self) -> None:
        """Be there no longer."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Shared:
    """A database that several daemons use at once: nobody has it to himself. Who decides is settled by the turn."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._nodes: Nodes | None = None

    def acquire(self, wait: float = 0.0) -> None:
        """Nothing to be had."""

    def is_held(self) -> bool:
        """Whether a daemon is alive."""
        if self._nodes is None:
            self._nodes = Nodes(self._database)
        return bool(self._nodes.daemons())

    def release(self) -> None:
        """Let the connection go."""
        if self._nodes is not None:
            self._nodes.close()
            self._nodes = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class BesideDaemons(Shared):
    """The work done by a command: only where no daemon is alive."""

    def acquire(self, wait: float = 0.0) -> None:  # noqa: ARG002
        """StoreError when a daemon is alive: it does the work."""
        if self.is_held():
            raise StoreError("a daemon runs on this store: it does the work")


def presence(database: Database, role: Role) -> Presence:
    """How the door or the work of a store are told from others."""
    if database.path is not None:
        return StoreLock.of(database.path, role)
    return Shared(database) if role == "door" else BesideDaemons(database)
