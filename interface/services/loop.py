"""The work's loop: turns that read and decide in memory, store everything in one short transaction together
with new claims, and only then hand the claimed requests to the couriers.

When the store refuses a turn for a row in it, the next turns are taken apart: each attempt, message and patient in
a transaction of its own. What is refused alone is set aside, the rest goes on.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from interface.chart.decide import Engine
from interface.delivery.destination import Room
from interface.delivery.panel import parcels
from interface.delivery.timeline import Jump
from interface.services.attempts import Ledger, expired, unreadable
from interface.services.clock import Clock
from interface.services.commands import CommandStore
from interface.services.courier import Couriers, Job
from interface.services.intake import MOST_BEGINNINGS, MOST_DEFERRED, Intake
from interface.services.logs import event
from interface.services.plan import Plan
from interface.services.turn_keeper import TurnKeeper
from interface.services.wakes import Wakes
from interface.services.work_stats import WorkStats
from interface.store.errors import OutcomeUnknown, Overtaken, StoreError, TurnLost
from interface.store.records import (
    AttemptDone,
    Claimed,
    Command,
    CommandDone,
    Committed,
    JournalRow,
    PatientRow,
    Turn,
    Unsent,
)
from interface.store.turns import Refused
from interface.store.work_state import CLOCK, DESTINATION

log = logging.getLogger(__name__)

ROWS = 64
"""Messages in one turn, at most."""
FEWEST_ROWS = 4
PLAN_SECONDS = 0.02
"""How long a turn may decide. Requests are claimed once a turn, as many as couriers are free: with 64 messages a turn
the couriers wait for the next one (57 POSTs a second while the door is flooded, with this bound 80 to 88)."""
CAREFUL_ROWS = ROWS
"""After a start, so many messages are tried one by one: if one of them ended the last process, it is found
out.
"""
PAGE = 256
"""Patients settled in one transaction when the day changes."""
TURNS_APART = PAGE
"""After a refusal, so many turns are taken apart: until what was together in the refused one is through."""
MOST_CLAIMED = 512
"""Requests claimed in one turn where panels would take more, unless one panel alone takes more: the transaction stays
short."""
MOST_REFUSED = 20
"""Messages set aside without one in between that could be stored: with the next it is the store's fault after all,
and all messages wait.
"""
NO_ROOM = Room()
TELL_TIME_SECONDS = 900.0
"""How often the store is told how late it is."""
POLL_SECONDS = 1.0
CHORE_REST_SECONDS = 0.02
"""Between two portions of a chore: SQLite's lock is the journal's meanwhile."""
COMMAND_SECONDS = 0.5
"""How often it is looked for commands of persons."""
COMMAND_WAIT_SECONDS = 0.05
"""How soon again for one that waits for an attempt."""
JUDGE_SECONDS = 1.0
"""How often dead nodes are looked for."""
STORE_RETRY_SECONDS = 1.0
DRAIN_STORE_SECONDS = 5.0
"""How long the last verdicts are offered to a store that fails while the process ends."""


class WorkStore(CommandStore, Protocol):
    """What the loop needs of the store: `interface.store.work.Work`."""

    def new_messages(self, limit: int = ROWS) -> list[JournalRow]:
        """Undecided messages in arrival order."""

    def next_command(self) -> Command | None:
        """The oldest command that is not carried out."""

    def note_attempts(self, ids: Sequence[int]) -> None:
        """Count that intake begins with these messages."""

    def patients_with_open_requests(self, *, after: int = 0, limit: int = PAGE) -> list[PatientRow]:
        """Patients with unsent requests, by id."""

    def commit(self, turn: Turn) -> Committed:
        """Store a turn whole or raise StoreError; Refused: for a row of this turn."""

    def outcome(self) -> Committed | None:
        """What came of a commit that ended as OutcomeUnknown; None: nothing."""

    def recover(self, now: float | None = None) -> int:
        """Take back what dead nodes were sending."""

    def sent_elsewhere(self) -> dict[int, int]:
        """All requests, and whose they are, that other nodes are sending."""

    def sent_by_others(self, requests: Mapping[int, int]) -> dict[int, int]:
        """Those of these requests, and whose they are, that other nodes are sending."""


@dataclass(frozen=True, slots=True)
class _DayChange:
    """How far the patients (by id) have been settled for a day. `after` None: all of them."""

    day: date
    after: int | None = 0


class WorkLoop:
    """The turns. Everything it needs is passed in; it holds no descriptor and never sleeps."""

    def __init__(
        self,
        store: WorkStore,
        intake: Intake,
        couriers: Couriers,
        ledger: Ledger,
        stats: WorkStats,
        clock: Clock,
        batch: int = 1,
        keeper: TurnKeeper | None = None,
        may_judge: Callable[[], bool] = lambda: False,
    ) -> None:
        """`clock` also says where the day begins and ends for appointments; `batch` is how many patients' requests go
        together; `keeper` has the turn of intake, None: it is always ours; `may_judge`: whether nodes that gave no sign
        of life are dead.
        """
        self._store = store
        self._intake = intake
        self._couriers = couriers
        self._ledger = ledger
        self._stats = stats
        self._clock = clock
        self._batch = batch
        self._passage = ledger.passage
        self._keeper = keeper
        self._may_judge = may_judge
        self._judged = 0.0
        """When dead nodes were looked for last, by the monotonic clock."""
        self._abroad: dict[int, int] = {}
        """Patient id by request id, of what other nodes are sending, as far as it is in our way."""
        self._unknown: tuple[Plan | None, Turn] | None = None
        """What was to be stored by a commit of which nobody knows what became."""
        self._more_is_due = False
        """The last claim took as many as it might: there may be more."""
        self._careful = CAREFUL_ROWS
        self._at_once = FEWEST_ROWS
        """How many messages a turn takes: as many as are decided in PLAN_SECONDS."""
        self._noted: set[int] = set()
        """Messages whose beginning this process has counted: a failing store must not count against them."""
        self._sending: dict[int, int] = {}
        """Patient id by request id, for every request handed out and not yet back."""
        self._ended: dict[int, AttemptDone | Unsent] = {}
        """What came of requests, by their id, and is not stored yet."""
        self._stuck: dict[int, AttemptDone | Unsent] = {}
        """What of it the store refused. Their requests count as being sent: nothing overtakes them."""
        self._resettle: set[int] = set()
        """Patients to be settled once nothing of theirs is being sent."""
        self._day: _DayChange | None = None
        self._sure = True
        """The day was certain in the last turn."""
        self._wake_all = False
        self._told_time: float | None = None
        self._alarms: list[float] = []
        self._command_look = 0.0
        """When to look for commands next, by the monotonic clock."""
        self._apart = 0
        """How many of the next turns are taken apart."""
        self._refused = 0
        """Messages set aside since the last one that was stored."""
        self.draining = False

    @property
    def idle(self) -> bool:
        """Nothing is being sent and every verdict is stored, or refused by the store."""
        return self._sending.keys() <= self._stuck.keys() and not self._ended and not self._couriers.in_flight

    def patience(self) -> float:
        """Seconds until something may be due, at most the poll."""
        now = self._clock.now()
        poll = POLL_SECONDS if self._keeper is None else self._keeper.poll_seconds
        held = self._passage.wait()
        return max(0.0, min([poll, held, *(alarm - now for alarm in self._alarms)]))

    def turn(self) -> bool:
        """One turn; True when there is more to do at once. Raises StoreError: nothing of it was stored."""
        began = time.perf_counter()
        self._look_at_clock()
        self._collect()
        looked_at = self._clock.now()
        day, resettle = self._day, set(self._resettle)
        try:
            self._look_round()
            stored, more = self._turn_apart() if self._apart else self._one_turn()
        except (TurnLost, Overtaken) as faster:
            self._day, self._resettle = day, resettle
            self._anew(faster)
            return True
        except StoreError as failed:
            self._day, self._resettle = day, resettle
            self._intake.forget()
            if self._apart or not isinstance(failed, Refused):
                raise
            self._apart = TURNS_APART
            event(log, logging.WARNING, "turn-refused", problem=failed)
            return True
        self._alarms = [alarm for alarm in self._alarms if alarm > looked_at]
        if stored:
            self._stats.turn(time.perf_counter() - began)
        return more

    def use(self, engine: Engine) -> None:
        """Decide by a new mapping from now on. All open requests are settled again before anything is claimed."""
        self._intake.use(engine)
        self._day = None

    def trouble(self, text: str) -> None:
        """Tell why no turn comes to its end; empty: they do again."""
        self._stats.trouble(text)

    def begin(self, told: Mapping[str, str]) -> None:
        """Go on from what the process before has told the store (`Turn.told`)."""
        self._say(self._clock.begin(told_time(told.get(CLOCK))))
        self._sure = self._clock.sure
        self._passage.restore(told.get(DESTINATION), self._clock.now())

    def hurry(self) -> None:
        """Somebody may have put something right: a destination that is stopped is tried at once."""
        self._passage.hurry()

    def report(self) -> None:
        """Report numbers when it is time."""
        now = self._clock.now()
        self._stats.report(now, self._passage.shown(now))

    def _look_at_clock(self) -> None:
        jump = self._clock.look()
        self._say(jump)
        # what was due by another time is due now: nothing waits for the difference
        self._wake_all = self._wake_all or (jump is not None and jump.believed)
        if self._clock.sure and not self._sure:
            self._day = None  # what was not given up for its date while the day was uncertain
        self._sure = self._clock.sure

    def _say(self, jump: Jump | None) -> None:
        if jump is not None:
            level = logging.WARNING if jump.believed else logging.ERROR
            what = "clock-believed" if jump.lasted else "clock-jumped"
            seconds = f"{jump.seconds:+.0f}"
            event(log, level, what, seconds=seconds, believed="yes" if jump.believed else "not-yet")

    def _look_round(self) -> None:
        """Find out what became of the last commit, and what other nodes are doing. Raises StoreError."""
        if self._unknown is not None:
            plan, turn = self._unknown
            found = self._store.outcome()
            self._unknown = None
            if found is not None:
                self._took(plan, turn, found)
        if self._abroad:
            still = self._store.sent_by_others(self._abroad)
            back = set(self._abroad.values()) - set(still.values())
            self._abroad = still
            self._intake.released(back)
        now = time.monotonic()
        if now - self._judged >= JUDGE_SECONDS and self._may_judge():
            self._judged = now
            if taken := self._store.recover(self._clock.now()):
                event(log, logging.WARNING, "taken-back", requests=taken)

    def _anew(self, faster: TurnLost | Overtaken) -> None:
        """Nothing of the turn was stored, for another node was faster: plan it again, knowing that."""
        self._intake.forget()
        if isinstance(faster, Overtaken):
            self._abroad |= faster.sending
        elif self._keeper is not None:
            self._keeper.gone()
        event(log, logging.INFO, "turn-anew", problem=faster)

    @property
    def _being_sent(self) -> dict[int, int]:
        """Patient id by request id, for every request that we or others are sending."""
        return self._abroad | self._sending if self._abroad else self._sending

    def _obtain(self) -> bool:
        """Whether we have the turn of intake. Raises StoreError."""
        if self._keeper is None:
            return True
        today = self._today()
        if self._day is not None and self._day.day != today and self._keeper.is_settled(today):
            # another node has settled the new day, but for what we are sending
            self._day = _DayChange(today, after=None)
            self._resettle.update(self._sending.values())
        settled = self._day is not None and self._day.day == today and self._day.after is None
        ready = bool(self._resettle - set(self._being_sent.values()))
        return self._keeper.obtain(wanted=ready or not settled, waiting=self._intake.deferred)

    def _send_only(self) -> tuple[bool, bool]:
        """Another node has the turn, or nothing needs it."""
        may_send = self._keeper is not None and self._keeper.is_settled(self._today())
        room = self._room() if may_send else NO_ROOM
        stored = self._commit(None, tuple(self._ended.values()), room)
        if not stored:
            self._try_stuck()
        return stored, bool(self._ended) or (self._more_is_due and self._couriers.free > 0)

    def _collect(self) -> None:
        """Take attempts that ended; from here on their requests count as no longer being sent."""
        for attempt in self._couriers.collect():
            ended = self._ledger.conclude(attempt)
            self._ended[ended.request_id] = ended
            self._release(ended)

    def _release(self, ended: AttemptDone | Unsent) -> None:
        del self._sending[ended.request_id]
        self._intake.released({ended.patient_id})

    def _one_turn(self) -> tuple[bool, bool]:
        """Everything in one transaction; whether something was stored, and whether there is more to do."""
        if self.draining:
            return self._commit(None, tuple(self._ended.values())), False
        if self._clock.doubtful:  # nothing is decided by a day that may be another
            return self._commit(None, tuple(self._ended.values()), self._room()), bool(self._ended)
        if not self._obtain():
            return self._send_only()
        settled = self._settle_day(PAGE) or self._settle_again(PAGE) or self._carry_out()
        ended = tuple(self._ended.values())
        if settled is not None:
            return self._commit(settled, ended), True
        rows, limit = self._rows()
        began = time.perf_counter()
        plan = self._intake.plan(rows, self._clock.at(), self._being_sent)
        if rows:
            each = (time.perf_counter() - began) / len(rows)
            self._at_once = max(FEWEST_ROWS, min(ROWS, int(PLAN_SECONDS / max(each, 1e-6))))
        last = len(rows) < limit and self._keeper is not None and self._keeper.may_give_back()
        stored = self._commit(plan, ended, self._room(), give_back=last)
        if not stored:
            self._try_stuck()
        more = self._more_is_due and self._couriers.free > 0
        return stored, more or len(rows) >= limit or bool(self._ended)

    def _room(self) -> Room:
        """What the destination and the couriers have room for."""
        return self._passage.room(self._couriers.free, self._couriers.in_flight)

    def _claims(self, room: Room) -> int:
        """How many requests to claim: what is due now goes now, whether it fills a panel or not. A probe goes alone."""
        return 1 if room.probe else min(room.posts * self._batch, max(self._batch, MOST_CLAIMED))

    def _turn_apart(self) -> tuple[bool, bool]:
        """The same, in the smallest pieces. Refused: not even what should have been set aside could be."""
        self._apart -= 1
        for ended in tuple(self._ended.values()):
            self._store_ended(ended)
        if self.draining:
            return True, False
        if self._clock.doubtful:
            return self._commit(None, room=self._room()), bool(self._ended)
        if not self._obtain():
            return self._send_only()
        settled = self._settle_day(1) or self._settle_again(1) or self._carry_out()
        if settled is not None:
            self._store_settled(settled)
            return True, True
        rows, _ = self._rows()
        self._store_message(rows)
        self._commit(None, room=self._room())
        if not rows:
            self._apart = 0
        return True, True

    def _store_settled(self, settled: Plan) -> None:
        try:
            self._commit(settled)
        except Refused as refused:
            event(log, logging.ERROR, "settling-refused", patients=list(settled.patients), problem=refused)
            self._intake.forget()
            if settled.commands:
                failed = [
                    CommandDone(command.id, "failed", {"problem": str(refused)})
                    for command in settled.commands
                ]
                self._commit(Plan(commands=failed, deferred=settled.deferred))

    def _store_ended(self, ended: AttemptDone | Unsent) -> None:
        try:
            self._commit(None, (ended,))
        except Refused as refused:
            del self._ended[ended.request_id]
            self._stuck[ended.request_id] = ended
            self._sending[ended.request_id] = ended.patient_id
            event(log, logging.ERROR, "attempt-refused", request=ended.request_id, problem=refused)

    def _store_message(self, rows: list[JournalRow]) -> None:
        """Decide one message; it is `failed` when its changes are refused."""
        plan = self._intake.plan(rows, self._clock.at(), self._being_sent)
        try:
            self._commit(plan)
        except Refused as refused:
            if self._refused >= MOST_REFUSED:
                raise
            self._intake.forget()
            self._commit(self._intake.refused(rows[0], str(refused)))
            self._refused += 1
        else:
            self._refused = 0 if rows else self._refused

    def _try_stuck(self) -> None:
        """Offer the store again what it refused: somebody may have put it right."""
        for ended in tuple(self._stuck.values()):
            with suppress(Refused):
                self._commit(None, (ended,))
                self._release(self._stuck.pop(ended.request_id))

    def _rows(self) -> tuple[list[JournalRow], int]:
        """The next messages and how many were asked for, those that wait for an attempt left out.

        The first ones after a start come alone, for one of them may have ended the last process.
        """
        waiting = self._intake.deferred
        if waiting >= MOST_DEFERRED:
            return [], ROWS
        limit = 1 if self._careful or self._apart else self._at_once
        found = self._store.new_messages(limit + waiting)
        rows = [row for row in found if not self._intake.is_deferred(row.id)][:limit]
        if self._careful:
            self._careful = self._careful - 1 if rows else 0
            fresh = [row.id for row in rows if row.id not in self._noted and row.attempts < MOST_BEGINNINGS]
            self._store.note_attempts(fresh)
            self._noted.update(fresh)
        return rows, limit

    def _commit(
        self,
        plan: Plan | None,
        ended: Sequence[AttemptDone | Unsent] = (),
        room: Room = NO_ROOM,
        *,
        give_back: bool = False,
    ) -> bool:
        """Store a plan and what came of requests, claim as many as there is room for; False: nothing to do.

        A plan needs the turn of intake, which others may have afterwards with `give_back`.
        """
        changes = plan or Plan()
        keeper = self._keeper
        now, claims = self._clock.now(), self._claims(room)
        turn = Turn(
            now=now,
            messages=changes.messages,
            patients=list(changes.patients.values()),
            requests=changes.requests,
            attempts=ended,
            again=changes.again,
            commands=changes.commands,
            by_hand=changes.by_hand,
            seen=changes.seen,
            claims=claims,
            blocked=frozenset(plan.blocked) if plan is not None else self._intake.blocked,
            idle=frozenset(changes.idle),
            hold=keeper.hold if keeper is not None and plan is not None else None,
            give_back=give_back,
            probe=room.probe,
            not_before=None if self._clock.sure else self._clock.latest_day(),
            wake="all" if self._wake_all else "failed" if self._passage.wakes else "",
            told=self._passage.to_tell(now) | self._time_to_tell(now),
        )
        changed = bool(turn.messages or turn.patients or turn.requests or turn.attempts or turn.commands)
        changed = changed or bool(turn.wake or turn.told)
        committed = Committed()
        if changed or claims:
            try:
                committed = self._store.commit(turn)
            except OutcomeUnknown:
                self._unknown = plan, turn
                raise
        self._took(plan, turn, committed)
        if give_back and keeper is not None:
            if changed or claims:
                keeper.gone()
            else:
                keeper.give_back()
        return changed or bool(committed.claimed)

    def _took(self, plan: Plan | None, turn: Turn, committed: Committed) -> None:
        """The store has a turn: from now on it is what is known."""
        if plan is not None:
            self._plan_is_stored(plan)
        # of a commit that was found out about later, all that is claimed by us is told, not only by it
        claimed = [one for one in committed.claimed if one.request_id not in self._sending]
        self._more_is_due = turn.claims > 0 and len(claimed) == turn.claims
        self._after_commit(turn)
        for request in committed.late:
            event(log, logging.WARNING, "attempt-late", request=request)
        self._send(claimed, probe=turn.probe)

    def _time_to_tell(self, now: float) -> dict[str, str]:
        """What the next start holds its clock against. A time that was made up is none."""
        known = self._told_time is not None and 0 <= now - self._told_time < TELL_TIME_SECONDS
        return {} if known or self._clock.started else {CLOCK: json.dumps({"at": round(now)})}

    def _plan_is_stored(self, plan: Plan) -> None:
        self._intake.stored(plan)
        self._resettle |= plan.unsettled
        self._stats.by_hand(plan.by_hand)
        for message in plan.messages:
            self._stats.count(f"messages_{message.decision or message.state}")

    def _after_commit(self, turn: Turn) -> None:
        self._stats.attempts(turn.attempts)
        if DESTINATION in turn.told:
            self._passage.stored(turn.now)
        if CLOCK in turn.told:
            self._told_time = turn.now
        if turn.wake:
            self._passage.wakes = self._wake_all = False
        for ended in turn.attempts:
            self._ended.pop(ended.request_id, None)
            due = ended.due_at if isinstance(ended, AttemptDone) else None
            if due is not None and due - turn.now < POLL_SECONDS:
                self._alarms.append(due)

    def _send(self, claimed: Sequence[Claimed], *, probe: bool) -> None:
        """Hand claimed requests out, but for those that cannot be read or whose day has passed since they were settled.

        They are of different patients: a claim takes one of each.
        """
        jobs = []
        for entry in claimed:
            if not entry.readable:
                self._ended[entry.request_id] = unreadable(entry)
            elif entry.appointment_date is not None and entry.appointment_date < self._today():
                self._ended[entry.request_id] = expired(entry)
                self._resettle.add(entry.patient_id)
            else:
                self._sending[entry.request_id] = entry.patient_id
                jobs.append(_job(entry))
        posts = 0
        for parcel in parcels(jobs, lambda job: self._ledger.most_together(job.request_id, self._batch)):
            self._couriers.put(*parcel)
            posts += 1
        self._passage.sent(posts, jobs[0].request_id if probe and jobs else None)

    def _settle_day(self, page: int) -> Plan | None:
        """A page of patients for a new day, or after a start; None when all are settled. Nothing is claimed
        meanwhile: what is composed depends on the day (what has ended, what is too old).
        """
        today = self._today()
        if self._day is None or self._day.day != today:
            self._day = _DayChange(today)
            self._resettle.update(self._sending.values())  # their requests are not open now, but may be again
        if self._day.after is None:
            return None
        patients = self._store.patients_with_open_requests(after=self._day.after, limit=page)
        if not patients:
            if self._keeper is not None:
                self._keeper.settled(today)
            self._day = _DayChange(today, after=None)
            return None
        self._day = _DayChange(today, after=patients[-1].id)
        return self._settled(patients)

    def _carry_out(self) -> Plan | None:
        """The next command; None: there is none, or it waits until nothing of its patients is being sent."""
        now = time.monotonic()
        if now < self._command_look:
            return None
        command = self._store.next_command()
        if command is None:
            self._command_look = now + COMMAND_SECONDS
            return None
        if self._keeper is not None:
            self._abroad |= self._store.sent_elsewhere()
        if self._ended:
            self._commit(None, tuple(self._ended.values()))  # commands go by the states that are stored
        plan = self._intake.carry_out(command, self._clock.at(), self._being_sent)
        if plan is None:
            self._command_look = now + COMMAND_WAIT_SECONDS
            self._alarms.append(self._clock.now() + COMMAND_WAIT_SECONDS)
        return plan

    def _settle_again(self, page: int) -> Plan | None:
        """Patients that had to wait for an attempt."""
        ready = sorted(self._resettle - set(self._being_sent.values()))[:page]
        if not ready:
            return None
        self._resettle.difference_update(ready)
        return self._settled(list(self._store.load_patients_by_id(ready).values()))

    def _settled(self, patients: list[PatientRow]) -> Plan:
        return self._intake.settle(patients, self._clock.at(), self._being_sent, expire=self._clock.sure)

    def _today(self) -> date:
        return self._clock.today()


def told_time(text: str | None) -> float | None:
    """How late it was when the work last told the store (`CLOCK`); None: never, or not understood."""
    try:
        at = json.loads(text or "{}")["at"]
    except (ValueError, KeyError, TypeError):
        return None
    return float(at) if isinstance(at, int | float) else None


def _job(claimed: Claimed) -> Job:
    return Job(
        claimed.request_id,
        claimed.patient_id,
        claimed.body,
        claimed.attempts,
        claimed.failing_since,
        claimed.paused_at,
        claimed.fence,
    )


def run(
    loop: WorkLoop,
    wakes: Wakes,
    drain_seconds: float,
    pause: Callable[[float], None] = time.sleep,
    reload: Callable[[], Engine | None] = lambda: None,
    chores: Callable[[], bool] = lambda: False,
) -> None:
    """Turn after turn until asked to end; then until what is being sent is back or `drain_seconds` over.

    `reload` gives the engine of a mapping that was changed; None: the old one stays. `chores` does a portion of what
    there is to do in idle turns, and says whether there is more.
    """
    troubles: set[str] = set()
    more, tidying = True, False
    ends = float("inf")
    while not (loop.draining and (loop.idle or time.monotonic() > ends)):
        wakes.wait(0.0 if more else CHORE_REST_SECONDS if tidying else loop.patience())
        if wakes.ending and not loop.draining:
            loop.draining = True
            ends = time.monotonic() + drain_seconds
            event(log, logging.INFO, "work-draining")
        if wakes.reload_wanted():
            if (engine := reload()) is not None:
                loop.use(engine)
            loop.hurry()
        try:
            more = loop.turn()
            loop.report()
            tidying = not more and not loop.draining and chores()
        except StoreError as failed:
            more = tidying = False
            if not troubles:
                event(log, logging.ERROR, "store-failing", problem=failed)
            if str(failed) not in troubles:
                troubles.add(str(failed))
                loop.trouble(str(failed))
            if loop.draining:
                ends = min(ends, time.monotonic() + DRAIN_STORE_SECONDS)
            pause(STORE_RETRY_SECONDS)
        else:
            if troubles:
                event(log, logging.WARNING, "store-well-again")
                loop.trouble("")
                troubles.clear()
