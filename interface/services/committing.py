"""What a turn changes is stored in one transaction together with new claims, and then told to everybody who keeps
something of it in memory. A commit of which nobody knows what became is found out about before the next.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Protocol

from interface.delivery.destination import Room
from interface.services.deciding import Deciding
from interface.services.lives import Lives
from interface.services.logs import event
from interface.services.outgoing import Ended, Outgoing
from interface.services.plan import Plan
from interface.services.resettling import Resettling
from interface.services.timekeeping import Timekeeping
from interface.services.work_stats import WorkStats
from interface.store.errors import OutcomeUnknown
from interface.store.records.turn import Committed, Turn

log = logging.getLogger(__name__)

NO_ROOM = Room()


class CommitStore(Protocol):
    """What is needed of the store: `interface.store.work.Work`."""

    def commit(self, turn: Turn) -> Committed:
        """Store a turn whole or raise StoreError; Refused: for a row of this turn."""

    def outcome(self) -> Committed | None:
        """What came of a commit that ended as OutcomeUnknown; None: nothing."""


class Committing:
    """One thread's, the loop's."""

    def __init__(
        self,
        store: CommitStore,
        deciding: Deciding,
        outgoing: Outgoing,
        resettling: Resettling,
        timekeeping: Timekeeping,
        stats: WorkStats,
        lives: Lives,
    ) -> None:
        self._store = store
        self._intake = deciding.intake
        self._keeper = deciding.keeper
        self._outgoing = outgoing
        self._resettling = resettling
        self._timekeeping = timekeeping
        self._stats = stats
        self._lives = lives
        self._unknown: tuple[Plan | None, Turn, float] | None = None
        """What was to be stored by a commit of which nobody knows what became, and when it began (monotonic seconds)."""

    def commit(self, plan: Plan | None = None, room: Room = NO_ROOM, *, give_back: bool = False) -> bool:
        """Store a plan and all that came of requests, claim as many as there is room for; False: nothing to do.

        A plan needs the turn of intake, which others may have afterwards with `give_back`. Raises what the store raises.
        """
        turn = self._turn(plan, self._outgoing.ended, room, give_back=give_back)
        changed = self._commit(plan, turn)
        if give_back:
            if changed or turn.claims:
                self._keeper.gone()
            else:
                self._keeper.give_back()
        return changed

    def commit_attempt(self, ended: Ended) -> None:
        """Store what came of one request, and nothing else."""
        self._commit(None, self._turn(None, (ended,), NO_ROOM))

    def find_out(self) -> None:
        """What became of a commit that ended as OutcomeUnknown. Raises StoreError: it is not known yet."""
        if self._unknown is not None:
            plan, turn, began = self._unknown
            found = self._store.outcome()
            self._unknown = None
            if found is not None:
                if plan is not None:
                    plan.deferred = {}  # what they wait for may have come back since
                self._took(plan, turn, found, began)

    def _turn(
        self, plan: Plan | None, ended: Sequence[Ended], room: Room, *, give_back: bool = False
    ) -> Turn:
        changes = plan or Plan()
        timekeeping, passage = self._timekeeping, self._outgoing.passage
        now = timekeeping.clock.now()
        return Turn(
            now=now,
            environment=self._intake.environment,
            messages=changes.messages,
            patients=list(changes.patients.values()),
            requests=changes.requests,
            attempts=ended,
            again=changes.again,
            commands=changes.commands,
            by_hand=changes.by_hand,
            roster=changes.roster,
            rounds=changes.rounds,
            seen=changes.seen,
            claims=self._outgoing.claims(room),
            blocked=frozenset(plan.blocked) if plan is not None else self._intake.blocked,
            idle=frozenset(changes.idle),
            woken=frozenset(changes.woken),
            hold=self._keeper.hold if plan is not None else None,
            give_back=give_back,
            probe=room.probe,
            not_before=timekeeping.not_before(),
            wake="all" if timekeeping.all_is_due else "failed" if passage.wakes else "",
            told=passage.to_tell(now) | timekeeping.to_tell(now),
            joins=changes.joins,
        )

    def _commit(self, plan: Plan | None, turn: Turn) -> bool:
        """Whether something was stored or claimed."""
        committed, began = Committed(), time.monotonic()
        changes = _changes_something(turn)
        if changes or turn.claims:
            try:
                committed = self._store.commit(turn)
            except OutcomeUnknown:
                self._unknown = plan, turn, began
                raise
        self._took(plan, turn, committed, began)
        return changes or bool(committed.claimed)

    def _took(self, plan: Plan | None, turn: Turn, committed: Committed, began: float) -> None:
        """The store has a turn, whose commit `began` then (monotonic seconds): from now on it is what is known, and what it
        has claimed goes out.
        """
        if plan is not None:
            self._intake.stored(plan)
            self._resettling.again(plan.unsettled)
            self._stats.messages(plan.messages)
            self._stats.by_hand(plan.by_hand)
            self._stats.joined(plan.joins)
        self._stats.attempts(turn.attempts)
        self._lives.stored(plan, turn, committed)
        self._timekeeping.stored(turn)
        self._outgoing.stored(turn)
        for request in committed.late:
            event(log, logging.WARNING, "attempt-late", request=request)
        self._resettling.again(self._outgoing.hand_out(turn, committed.claimed, began))


def _changes_something(turn: Turn) -> bool:
    return bool(
        turn.messages
        or turn.patients
        or turn.requests
        or turn.attempts
        or turn.commands
        or turn.wake
        or turn.woken
        or turn.told
        or turn.joins
    )
