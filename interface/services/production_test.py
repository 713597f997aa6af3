"""The production test as the work's loop sees it: how the round stands, what is told of it, and what is chosen by itself.

Goal: in no other environment any of it is asked. Here a look is two small queries in a turn. What the program chooses it
asks for by a command, as a person would; to look for it the held requests are read in pages, and for no more than a
twentieth of the time.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import orjson

from interface.delivery.guards.production_test import RoundNow, preferred
from interface.services.logs import event
from interface.store.records.slots import ENOUGH, Round
from interface.store.store import Store

log = logging.getLogger("interface.services.work")

CHOOSE = "choose"
"""The kind of the command."""
PROGRAM = "the program"
"""Who chooses where no person does."""
PICK_SECONDS = 1.0
"""How often it is looked for requests to choose."""
REST = 20.0
"""So many times as long as the last look took nobody looks again."""
PORTION = 1000
"""Held requests that are looked at in one go."""
CANDIDATES = 50
"""Among so many complete requests, the oldest, the fittest are chosen."""


@dataclass
class _Search:
    """A look at all held requests, portion by portion."""

    after: int | None = 0
    """Up to which id; None: to the end."""
    found: list[int] = field(default_factory=list)
    """The oldest that are complete."""
    took: float = 0.0
    """Seconds so far."""


class ProductionTest:
    """One thread's, the loop's."""

    def __init__(self, store: Store, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._monotonic = monotonic
        self._round: Round | None = None
        self._news = False
        """The round has changed since `look` said so last."""
        self._due = 0.0
        self._search: _Search | None = None
        self._asked: int | None = None
        """The command that was asked for last."""

    def look(self) -> bool:
        """Read how the round stands; whether the guard must be told. Raises StoreError."""
        self._read()
        news, self._news = self._news, False
        return news

    def now(self) -> RoundNow:
        """How the round stands, for the guard. Raises StoreError."""
        return round_now(self._read())

    def _read(self) -> Round:
        before, found = self._round, self._store.rounds.now()
        self._round = found
        self._news |= before is None or round_now(before) != round_now(found)
        _tell(before, found)
        return found

    def overdue(self) -> set[int]:
        """Whose requests wait though no slot is left: they are to be settled, and then held. Raises StoreError."""
        if self._round is None or self._round.free:
            return set()
        return set(self._store.rounds.without_slot(self._round).values())

    # ------------------------------------------------------------------------------------------ choosing

    def pick(self, may: Callable[[], bool] = lambda: True) -> bool:
        """Look at a portion of the held requests, and at the end ask for the fittest to be taken, if persons don't choose
        and slots are left; whether there is more to look at. `may`: whether it is our turn.

        Raises StoreError.
        """
        began = self._monotonic()
        if began < self._due or self._round is None or self._round.by_hand or not self._round.free:
            self._search = None
            return False
        if self._is_asked() or not may():
            self._due = began + PICK_SECONDS
            return False
        search = self._search = self._search or _Search()
        ids, search.after = self._store.rounds.held_for_the_test(search.after or 0, PORTION)
        search.found = [*search.found, *ids][:CANDIDATES]
        more = search.after is not None and len(search.found) < CANDIDATES
        search.took += self._monotonic() - began
        if not more:
            self._search = None
            self._due = self._monotonic() + max(PICK_SECONDS, REST * search.took)
            self._ask_for(search.found, self._round)
        return more

    def _ask_for(self, found: list[int], this_round: Round) -> None:
        room = len(this_round.free) - len(self._store.rounds.without_slot(this_round))
        if not found or room <= 0:
            return
        bodies = self._store.work.request_bodies(found)
        chosen = fittest({id_: preferred(orjson.loads(body)) for id_, body in bodies.items()}, room)
        if chosen:
            self._asked = self._store.commands.add(CHOOSE, {"requests": chosen, "who": PROGRAM})
            event(log, logging.INFO, "production-test-picks", requests=",".join(map(str, chosen)))

    def _is_asked(self) -> bool:
        """Whether the last command waits still."""
        if self._asked is None:
            return False
        command = self._store.commands.get(self._asked)
        if command is not None and command.state == "waiting":
            return True
        self._asked = None
        return False


def fittest(candidates: dict[int, tuple[str, ...]], count: int) -> list[int]:
    """Those that have most of what is preferred; among equals the oldest."""
    return sorted(sorted(candidates, key=lambda id_: (-len(candidates[id_]), id_))[:count])


def round_now(found: Round) -> RoundNow:
    """The round as the guard needs it."""
    slots = {id_: slot.went_out for id_, slot in found.held.items()}
    return RoundNow(found.number, slots, len(found.free))


def _tell(before: Round | None, found: Round) -> None:
    """Say what is new of the round, with our ids and counts alone."""
    figures = {"round": found.number, "accepted": found.accepted, "free": len(found.free)}
    if before is None:
        event(log, logging.INFO, "production-test", copied=found.copied, **figures)
        return
    if before.number != found.number:
        event(log, logging.WARNING, "production-test-round", by=found.began_by, **figures)
        return
    if before.accepted < ENOUGH <= found.accepted:
        event(log, logging.INFO, "production-test-enough", **figures)
    if not before.is_over and found.is_over:
        event(log, logging.INFO, "production-test-over", **figures)


def ids_of(values: Iterable[object]) -> list[int]:
    """Ids of a command's arguments, each once, in order. Raises ValueError and TypeError for what is none."""
    return list(dict.fromkeys(int(str(value)) for value in values))
