"""The work's loop: turns that read and decide in memory, store everything in one short transaction together
with new claims, and only then hand the claimed requests to the couriers.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import NamedTuple, Protocol

from interface.chart.decide import Engine
from interface.services.clock import Clock
from interface.services.commands import CommandStore
from interface.services.committing import NO_ROOM, CommitStore, Committing
from interface.services.deciding import Deciding
from interface.services.joining import Joining, JoiningStore
from interface.services.lives import Lives
from interface.services.logs import event
from interface.services.new_messages import MessageStore, NewMessages
from interface.services.outgoing import Outgoing
from interface.services.plan import Plan
from interface.services.refusals import Refusals
from interface.services.resettling import PAGE, Resettling, ResettlingStore
from interface.services.timekeeping import Timekeeping
from interface.services.work_stats import WorkStats
from interface.store.errors import Overtaken, Refused, StoreError, TurnLost
from interface.store.records.reading import Command
from interface.store.work_state import CLOCK, DESTINATION

log = logging.getLogger(__name__)

COMMAND_SECONDS = 0.5
"""How often it is looked for commands of persons."""
COMMAND_WAIT_SECONDS = 0.05
"""How soon again for one that waits for an attempt."""
JUDGE_SECONDS = 1.0
"""How often dead nodes are looked for."""


class WorkStore(CommandStore, CommitStore, JoiningStore, MessageStore, ResettlingStore, Protocol):
    """What the loop needs of the store: `interface.store.work.Work`."""

    def next_command(self) -> Command | None:
        """The oldest command that is not carried out."""

    def recover(self, now: float | None = None) -> int:
        """Take back what dead nodes were sending."""

    def sent_elsewhere(self) -> dict[int, int]:
        """All requests, and whose they are, that other nodes are sending."""

    def sent_by_others(self, requests: Mapping[int, int]) -> dict[int, int]:
        """Those of these requests, and whose they are, that other nodes are sending."""


class Done(NamedTuple):
    """What came of a turn."""

    stored: bool
    """Something was stored."""
    more: bool
    """There is more to do at once."""


class WorkLoop:
    """The turns. Everything it needs is passed in; it holds no descriptor and never sleeps."""

    def __init__(
        self,
        store: WorkStore,
        deciding: Deciding,
        outgoing: Outgoing,
        clock: Clock,
        stats: WorkStats,
        may_judge: Callable[[], bool] = lambda: False,
        lives: Lives | None = None,
    ) -> None:
        """`clock` also says where the day begins and ends for appointments; `may_judge`: whether nodes that gave no
        sign of life are dead. `lives` tells the log of messages and requests; None: as the defaults have it.
        """
        self._store = store
        self._intake = deciding.intake
        self._keeper = deciding.keeper
        self._guard = deciding.guard
        self._apart = deciding.apart
        self._test = deciding.test
        self._outgoing = outgoing
        self._clock = clock
        self._stats = stats
        self._may_judge = may_judge
        self._timekeeping = Timekeeping(clock)
        self._messages = NewMessages(store, deciding.intake, panels=outgoing.batch > 1)
        self._joining = Joining(store, lambda seconds: outgoing.look_again(clock.now() + seconds))
        self._resettling = Resettling(store, deciding, outgoing, clock)
        self._committing = Committing(
            store, deciding, outgoing, self._resettling, self._timekeeping, stats, lives or Lives()
        )
        self._refusals = Refusals(self._committing, deciding.intake, outgoing)
        self._guards_old = True
        """What the environment forbids was not looked at yet, or may have changed since."""
        self._command_look = 0.0
        """When to look for commands next, by the monotonic clock."""
        self._judged = 0.0
        """When dead nodes were looked for last, by the monotonic clock."""
        self.draining = False

    @property
    def idle(self) -> bool:
        """Nothing is being sent and every verdict is stored, or refused by the store."""
        return self._outgoing.idle

    def patience(self) -> float:
        """Seconds until something may be due, at most the poll."""
        return min(self._keeper.poll_seconds, self._outgoing.patience(self._clock.now()))

    # ------------------------------------------------------------------------------------------ between turns

    def begin(self, told: Mapping[str, str], witness: float | None = None) -> None:
        """Go on from what the process before has told the store (`Turn.told`). `witness`: the time by the server's clock,
        POSIX seconds; None: the store is a file.
        """
        self._timekeeping.begin(told.get(CLOCK), witness)
        self._outgoing.passage.restore(told.get(DESTINATION), self._clock.now())

    def use(self, engine: Engine) -> None:
        """Decide by a new mapping from now on. All open requests are settled again before anything is claimed."""
        self._intake.use(engine)
        self._resettling.anew()

    def hurry(self) -> None:
        """Somebody may have put something right: a destination that is stopped is tried at once."""
        self._outgoing.passage.hurry()

    def report(self) -> None:
        """Report numbers when it is time."""
        now = self._clock.now()
        passage = self._outgoing.passage
        self._stats.clock_ahead(passage.clock_ahead())
        self._stats.report(now, passage.shown(now))

    def trouble(self, text: str) -> None:
        """Tell why no turn comes to its end; empty: they do again."""
        self._stats.trouble(text)

    # ------------------------------------------------------------------------------------------ a turn

    def turn(self) -> bool:
        """One turn; True when there is more to do at once. Raises StoreError: nothing of it was stored."""
        began = time.perf_counter()
        if self._timekeeping.look():
            self._resettling.anew()
        if back := self._outgoing.collect():
            self._intake.released(back)
        looked_at, unsettled, apart = self._clock.now(), self._resettling.unsettled, False
        try:
            self._look_round()
            apart = self._refusals.begin_turn()
            done = self._do(apart)
        except (TurnLost, Overtaken) as faster:
            self._resettling.go_back(unsettled)
            self._plan_anew(faster)
            return True
        except StoreError as failed:
            self._resettling.go_back(unsettled)
            self._intake.forget()
            if failed.ours:
                self._step_aside()
            if apart or not isinstance(failed, Refused):
                raise
            self._refusals.take_apart(failed)
            return True
        self._outgoing.looked(looked_at)
        if done.stored:
            self._stats.turn(time.perf_counter() - began)
        return done.more

    def _step_aside(self) -> None:
        """Another node may be able to do what this one is not."""
        if self._keeper.may_give_back():
            with suppress(StoreError):  # then it lapses
                self._keeper.give_back()

    def _look_round(self) -> None:
        """Find out what became of the last commit, and what other nodes are doing. Raises StoreError."""
        self._committing.find_out()
        if self._guards_old:
            self._intake.obey(self._guard(), self._apart())
            self._guards_old = False
            self._keeper.unsettle()
            self._resettling.anew()
        elif self._test is not None and self._test.look():
            self._intake.obey(self._guard(), self._apart())
            self._resettling.again(self._test.overdue())
        if abroad := self._outgoing.abroad:
            self._intake.released(self._outgoing.others_still_send(self._store.sent_by_others(abroad)))
        now = time.monotonic()
        if now - self._judged >= JUDGE_SECONDS and self._may_judge():
            self._judged = now
            if taken := self._store.recover(self._clock.now()):
                event(log, logging.WARNING, "taken-back", requests=taken)

    def _do(self, apart: bool) -> Done:
        """What there is to do, the most urgent alone. `apart`: in the smallest pieces."""
        stored = apart and self._refusals.store_attempts()
        if self.draining:
            return Done(self._committing.commit() or stored, more=False)
        if self._clock.doubtful:  # nothing is decided by a day that may be another
            return Done(self._committing.commit(room=self._outgoing.room()), bool(self._outgoing.ended))
        if not self._obtain():
            return self._send_only()
        plan = (
            self._resettling.next(1 if apart else PAGE)
            or self._carry_out()
            or self._joining.next(alone=apart)
        )
        if plan is None:
            done = self._decide_one() if apart else self._decide()
            return Done(done.stored, done.more or self._resettling.goes_on)
        self._guards_old |= plan.guards_changed
        if apart:
            self._refusals.store_settled(plan)
            return Done(stored=True, more=True)
        return Done(self._committing.commit(plan), more=True)

    def _obtain(self) -> bool:
        """Whether we have the turn of intake. Raises StoreError."""
        return self._keeper.obtain(wanted=self._resettling.is_wanted(), waiting=self._intake.deferred)

    def _send_only(self) -> Done:
        """Another node has the turn, or nothing needs it."""
        self._intake.wait_for_no_command()
        may_send = self._keeper.is_settled(self._clock.today())
        stored = self._committing.commit(room=self._outgoing.room() if may_send else NO_ROOM)
        if not stored:
            self._refusals.offer_again()
        return Done(stored, bool(self._outgoing.ended) or self._outgoing.may_go_on)

    def _decide(self) -> Done:
        """The next messages."""
        rows, limit = self._messages.next(alone=False)
        began = time.thread_time()
        plan = self._intake.plan(rows, self._clock.at(), self._outgoing.being_sent)
        self._messages.took(len(rows), time.thread_time() - began)
        last = len(rows) < limit and self._keeper.may_give_back()
        # What came back meanwhile is stored with it, and its couriers are free for what this turn claims: an API of 50 ms
        # gets 570 POSTs a second in place of 540. The plan took its patients for busy, and what of it waits comes next.
        back = self._outgoing.collect()
        try:
            stored = self._committing.commit(plan, self._outgoing.room(), give_back=last)
        finally:
            if back:
                self._intake.released(back)
        if not stored:
            self._refusals.offer_again()
        outgoing = self._outgoing
        return Done(stored, outgoing.may_go_on or len(rows) >= limit or bool(outgoing.ended))

    def _decide_one(self) -> Done:
        """The next message, in a transaction of its own."""
        rows, _ = self._messages.next(alone=True)
        if rows:
            plan = self._intake.plan(rows, self._clock.at(), self._outgoing.being_sent)
            self._refusals.store_message(rows[0], plan)
        else:
            self._refusals.through()
        self._committing.commit(room=self._outgoing.room())
        return Done(stored=True, more=True)

    def _carry_out(self) -> Plan | None:
        """The next command; None: there is none, or it waits until nothing of its patients is being sent."""
        now = time.monotonic()
        if now < self._command_look:
            return None
        command = self._store.next_command()
        if command is None:
            self._command_look = now + COMMAND_SECONDS
            return None
        self._outgoing.others_send(self._store.sent_elsewhere())
        if self._outgoing.ended:
            self._committing.commit()  # commands go by the states that are stored
        plan = self._intake.carry_out(command, self._clock.at(), self._outgoing.being_sent)
        if plan is None:
            self._command_look = now + COMMAND_WAIT_SECONDS
            self._outgoing.look_again(self._clock.now() + COMMAND_WAIT_SECONDS)
        return plan

    def _plan_anew(self, faster: TurnLost | Overtaken) -> None:
        """Nothing of the turn was stored, for another node was faster: plan it again, knowing that."""
        self._intake.forget()
        if isinstance(faster, Overtaken):
            self._outgoing.others_send(faster.sending)
        else:
            self._keeper.gone()
        event(log, logging.INFO, "turn-anew", problem=faster)
