"""What is made at some cost and looked at often, kept for a while: the mapping, and what is made in the background."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from interface.chart.decide import Engine
from interface.services.charts_shown import key_of
from interface.services.logs import event, where
from interface.settings import Settings
from interface.store.store import Store

log = logging.getLogger(__name__)

BOOK_SECONDS = 30.0
"""How long the mapping is taken as it was read."""


class EndedError(Exception):
    """The console ends, or the time is up: what is being made is given up."""


@dataclass(frozen=True, slots=True)
class Making:
    """Something that is made in the background, at a moment."""

    state: str = "none"
    """none, making, made, failed."""
    done: int = 0
    total: int = 0
    result: Any = None
    at: float = 0.0
    """When it was made, or failed (POSIX seconds)."""
    why: str = ""
    """Why it failed."""


class Kept:
    """Any thread."""

    def __init__(
        self,
        settings: Settings,
        another: Callable[[], Store],
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`another` opens a store; called in the thread that uses it."""
        self._settings = settings
        self._another = another
        self._now = now
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._engine: tuple[float, Engine] | None = None
        self._making: dict[str, Making] = {}
        self._stopped = False

    def engine(self) -> Engine:
        """The mapping and policy of the settings, without a guard. Raises InterfaceError: the overlay can't be read."""
        at = self._monotonic()
        with self._lock:
            if self._engine is not None and at - self._engine[0] < BOOK_SECONDS:
                return _unshared(self._engine[1])
        engine = Engine(self._settings.rulebook(), self._settings.policy())
        with self._lock:
            self._engine = (at, engine)
        return _unshared(engine)

    def key(self, mrn: str, authority: str) -> str:
        """The identity key that charts hold for a number that somebody typed. Raises InterfaceError, as `engine`."""
        if not authority:
            return key_of(self._settings.policy(), mrn, None)
        engine = self.engine()
        return key_of(engine.policy, mrn, authority, engine.book.site)

    # ------------------------------------------------------------------------------------------ in the background

    def look(self, name: str) -> Making:
        """How something that is made stands."""
        with self._lock:
            return self._making.get(name, Making())

    def make(
        self, name: str, work: Callable[[Store, Callable[[int, int], None]], Any], seconds: float
    ) -> None:
        """Make something in a thread of its own, unless that is under way.

        `work` gets a store and a function that it tells how much is done, of how much; that one ends it by EndedError
        when the `seconds` are over. One thing is made at a time, whatever its name.
        """
        with self._lock:
            if self._stopped or any(made.state == "making" for made in self._making.values()):
                return
            self._making[name] = Making("making")
        until = self._monotonic() + seconds
        threading.Thread(
            target=self._make, args=(name, work, until), name="console-making", daemon=True
        ).start()

    def _make(
        self, name: str, work: Callable[[Store, Callable[[int, int], None]], Any], until: float
    ) -> None:
        def advance(done: int, total: int) -> None:
            if self._stopped or self._monotonic() > until:
                raise EndedError
            with self._lock:
                self._making[name] = replace(self._making[name], done=done, total=total)

        try:
            store = self._another()
            try:
                made = Making("made", result=work(store, advance), at=self._now())
            finally:
                store.close()
        except EndedError:
            made = Making("failed", at=self._now(), why="it took too long")
        except Exception as error:  # its text may quote a message
            event(log, logging.ERROR, "console-failed", page=name, error=where(error))
            made = Making(
                "failed", at=self._now(), why="it could not be made; the log has more (console-failed)"
            )
        with self._lock:
            self._making[name] = made

    def stop(self) -> None:
        """Give up what is being made."""
        self._stopped = True


def _unshared(engine: Engine) -> Engine:
    """Pages are made side by side."""
    return replace(engine, book=engine.book.unshared())
