"""The loop's turns against a store that can fail, with couriers that answer at once when told to."""

import os
from datetime import UTC, date, datetime
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import orjson
import pytest

from interface.delivery.outcomes import Outcome
from interface.delivery.schedule import Schedule
from interface.delivery.verdict import Reply
from interface.errors import InterfaceError
from interface.services.attempts import Ledger
from interface.services.clock import Clock
from interface.services.courier import Attempt
from interface.services.deciding import Deciding
from interface.services.intake import MOST_BEGINNINGS
from interface.services.loop import WorkLoop
from interface.services.new_messages import (
    CAREFUL_ROWS,
    FEWEST_ROWS,
    PLAN_SECONDS,
    ROWS,
    NewMessages,
)
from interface.services.outgoing import Outgoing
from interface.services.plan import Plan
from interface.services.refusals import MOST_REFUSED
from interface.services.resettling import PAGE
from interface.services.running import run
from interface.services.turn_keeper import LONGEST_POLL_SECONDS, TurnKeeper
from interface.services.wakes import Wakes
from interface.services.work import clock_at, main
from interface.services.work_stats import WorkStats, write_if_read
from interface.store.errors import Refused, StoreError
from interface.store.leases import Hold
from interface.store.records.figures import Backlog
from interface.store.records.reading import Command, JournalRow, PatientRow
from interface.store.records.turn import (
    AttemptDone,
    Claimed,
    CommandDone,
    Committed,
    MessageDone,
    PatientWrite,
)
from interface.store.records.webhooks import NewWebhook, NewWebhooks

TAKEN = Reply(200, is_json_object=True, correlation_id="c")
AT = datetime(2026, 3, 5, 12, tzinfo=UTC)


class FakeStore:
    shared, node = False, "this"

    def __init__(self):
        self.rows, self.turns, self.claimable, self.noted, self.asked = [], [], [], [], []
        self.open, self.failing, self.refuses = [], None, set()
        self.commands, self.webhooks = [], []
        self.timed, self.due = [], []

    def new_messages(self, limit=ROWS):
        self._maybe_fail()
        self.asked.append(limit)
        return self.rows[:limit]

    def note_attempts(self, ids):
        self.noted += ids

    def take_turn(self):
        return Hold(self.node, 1)

    def sent_elsewhere(self):
        return {}

    def next_command(self):
        return self.commands[0] if self.commands else None

    def load_patients_by_id(self, ids):
        return {id_: PatientRow(id_, b"") for id_ in ids}

    def new_webhooks(self, limit):
        return NewWebhooks(tuple(self.webhooks[:limit]), dict.fromkeys((7, 8), Outcome()))

    def patients_with_open_requests(self, *, after=0, limit=PAGE, day=None):
        return [PatientRow(id_, b"") for id_ in self.open if id_ > after][:limit]

    def patients_held_until(self, *, after=0, limit=PAGE):
        return [PatientRow(id_, b"") for id_ in self.timed if id_ > after][:limit]

    def patients_to_wake(self, now, limit=PAGE):
        return self.due[:limit]

    def commit(self, turn):
        self._maybe_fail()
        names = {("message", done.id) for done in turn.messages if done.state == "done"}
        names |= {("attempt", done.request_id) for done in turn.attempts}
        names |= {("patient", write.id) for write in turn.patients}
        if names & self.refuses:
            raise Refused("the store refuses a row: SQLITE_CONSTRAINT")
        self.turns.append(turn)
        self.due = [patient for patient in self.due if patient not in turn.woken]
        done = {message.id for message in turn.messages}
        self.commands = self.commands[len(turn.commands) :]
        self.rows = [row for row in self.rows if row.id not in done]
        joined = turn.joins.events if turn.joins else {}
        self.webhooks = [webhook for webhook in self.webhooks if webhook.id not in joined]
        claimed, self.claimable = self.claimable[: turn.claims], self.claimable[turn.claims :]
        return Committed(tuple(claimed))

    def _maybe_fail(self):
        if self.failing:
            raise StoreError(self.failing)


class FakeIntake:
    def __init__(self):
        self.settled, self.freed, self.forgotten, self.deferred = [], [], 0, 0
        self.unsettled = set()
        self.blocked = frozenset()
        self.environment = "sandbox"

    def obey(self, guard, apart=None):
        pass

    def plan(self, rows, now, sending):
        return Plan([MessageDone(row.id, "done", "chart") for row in rows])

    def refused(self, row, why):
        assert why == "the store refuses a row: SQLITE_CONSTRAINT"
        return Plan([MessageDone(row.id, "failed", None)])

    def settle(self, patients, now, sending, *, expire=True):
        self.settled.append([patient.id for patient in patients])
        unsettled, self.unsettled = self.unsettled, set()
        writes = {patient.id: PatientWrite(patient.id, b"", False) for patient in patients}
        return Plan(patients=writes, unsettled=unsettled)

    def carry_out(self, command, now, sending):
        self.blocked = frozenset(sending.values())
        return None if sending else Plan(commands=[CommandDone(command.id, "done", {})])

    def is_deferred(self, message):
        return False

    def stored(self, plan):
        pass

    def forget(self):
        self.forgotten += 1

    def released(self, patients):
        self.freed.append(patients)


class FakeCouriers:
    def __init__(self, count=4):
        self.count, self.jobs, self.back, self.parcels = count, [], [], []

    @property
    def in_flight(self):
        return len(self.parcels) + len(self.back)

    @property
    def free(self):
        return self.count - self.in_flight

    ahead = 0

    @property
    def wants_more(self):
        return self.free > 0

    def put(self, parcels, claimed_at):
        for jobs in parcels:
            self.jobs += jobs
            self.parcels.append(tuple(job.request_id for job in jobs))

    def answer(self, reply=TAKEN, now=0.0):
        self.back += [Attempt(job, now, now, reply) for job in self.jobs]
        self.jobs, self.parcels = [], []

    def collect(self):
        back, self.back = self.back, []
        return back


class FakeClock(Clock):
    def __init__(self, at=AT):
        super().__init__(zone=UTC)
        self.time = at.timestamp()

    def now(self):
        return self.time


def loop_of(parts, batch=1):
    deciding = Deciding(parts.intake, TurnKeeper(parts.store, lambda: None))
    outgoing = Outgoing(parts.couriers, Ledger(lambda: 0.0, Schedule(first=0.2)), parts.clock, batch)
    return WorkLoop(parts.store, deciding, outgoing, parts.clock, parts.stats)


@pytest.fixture
def parts():
    """The loop and all it was made of."""
    made = SimpleNamespace(store=FakeStore(), intake=FakeIntake(), couriers=FakeCouriers(), clock=FakeClock())
    made.lines = []
    made.stats = WorkStats(lambda: Backlog(0, 0, None, 0, 0), made.lines.append)
    made.loop = loop_of(made)
    made.loop.turn()  # the first one finds nobody to settle
    made.store.turns.clear()
    made.store.asked.clear()
    return made


def rows(count, attempts=0):
    return [JournalRow(n + 1, "main", b"", AT, f"C{n}", attempts) for n in range(count)]


def claim(request=1, patient=1, day=None, readable=True):
    return Claimed(request, patient, b"{}", 0, day, readable=readable)


def test_after_a_start_messages_come_alone_and_are_counted_before_they_are_begun(parts):
    parts.loop._messages.careful = CAREFUL_ROWS
    parts.store.rows = rows(CAREFUL_ROWS + 100)
    while parts.loop.turn():
        pass
    assert parts.store.noted == list(range(1, CAREFUL_ROWS + 1))
    assert [len(turn.messages) for turn in parts.store.turns] == [1] * CAREFUL_ROWS + [ROWS, 100 - ROWS]


def test_a_failing_store_does_not_count_against_a_message(parts):
    parts.loop._messages.careful = CAREFUL_ROWS
    parts.store.rows = rows(1)
    parts.store.commit, commit = lambda turn: (_ for _ in ()).throw(StoreError("full")), parts.store.commit
    for _ in range(MOST_BEGINNINGS * 2):
        with pytest.raises(StoreError):
            parts.loop.turn()
    parts.store.commit = commit
    parts.loop.turn()
    assert parts.store.noted == [1]
    assert parts.store.turns[0].messages[0].state == "done"


def test_it_claims_as_many_as_couriers_are_free_and_hands_them_out_after_the_commit(parts):
    parts.store.claimable = [claim(n, n) for n in range(1, 7)]
    parts.loop.turn()
    assert parts.store.turns[-1].claims == 4
    assert [job.request_id for job in parts.couriers.jobs] == [1, 2, 3, 4]
    parts.loop.turn()
    assert len(parts.store.turns) == 1, "nothing to store, nobody free: no transaction"


def test_an_attempt_that_ended_is_stored_in_the_next_turn_and_its_slot_is_claimed_anew(parts):
    parts.store.claimable = [claim(n, n) for n in range(1, 7)]
    parts.loop.turn()
    parts.couriers.answer()
    parts.loop.turn()
    turn = parts.store.turns[-1]
    assert [attempt.request_id for attempt in turn.attempts] == [1, 2, 3, 4]
    assert turn.claims == 4
    assert parts.intake.freed == [{1, 2, 3, 4}]
    assert [job.request_id for job in parts.couriers.jobs] == [5, 6]


def meanwhile(parts, act):
    """Something happens while the next turn decides."""
    plan = parts.intake.plan

    def planned(*given):
        parts.intake.plan = plan
        act()
        return plan(*given)

    parts.intake.plan = planned


def test_what_comes_back_while_a_turn_decides_is_stored_with_it_and_its_slot_is_claimed_anew(parts):
    parts.store.claimable = [claim(n, n) for n in range(1, 7)]
    parts.loop.turn()
    parts.store.rows = rows(1)
    meanwhile(parts, parts.couriers.answer)
    parts.loop.turn()
    turn = parts.store.turns[-1]
    assert [message.id for message in turn.messages] == [1]
    assert [attempt.request_id for attempt in turn.attempts] == [1, 2, 3, 4]
    assert [job.request_id for job in parts.couriers.jobs] == [5, 6]
    assert parts.intake.freed == [{1, 2, 3, 4}], "after what the turn found out of those who wait"


def test_what_came_back_while_a_turn_decided_that_was_not_stored_waits_for_the_next(parts):
    parts.store.claimable = [claim(1, 1)]
    parts.loop.turn()
    parts.store.rows = rows(1)

    def act():
        parts.couriers.answer()
        parts.store.failing = "full"

    meanwhile(parts, act)
    with pytest.raises(StoreError):
        parts.loop.turn()
    assert parts.intake.freed == [{1}]
    parts.store.failing = None
    parts.loop.turn()
    assert [attempt.request_id for attempt in parts.store.turns[-1].attempts] == [1]


def test_a_turn_takes_as_many_messages_as_it_has_time_for(parts):
    messages = NewMessages(parts.store, parts.intake)
    messages.took(10, 0.01)
    assert messages.at_once == int(PLAN_SECONDS / 0.001)
    messages.took(10, 0.0001)
    assert messages.at_once == ROWS
    messages.took(1, 5.0)
    assert messages.at_once == FEWEST_ROWS


def test_a_turn_takes_twice_as_many_where_requests_go_in_panels(parts):
    messages = NewMessages(parts.store, parts.intake, panels=True)
    messages.took(10, 0.0001)
    assert messages.at_once == 2 * ROWS


@pytest.fixture
def panels(parts):
    """The same with two couriers that take panels of three."""
    parts.couriers.count = 2
    parts.loop = loop_of(parts, 3)
    parts.loop.turn()
    parts.store.turns.clear()
    return parts


def test_a_courier_takes_what_is_due_as_one_panel(panels):
    panels.store.claimable = [claim(n, n) for n in range(1, 9)]
    panels.loop.turn()
    assert panels.store.turns[-1].claims == 6
    assert panels.couriers.parcels == [(1, 2, 3), (4, 5, 6)]


def test_what_does_not_fill_a_panel_is_not_held_back(panels):
    panels.store.claimable = [claim(1, 1)]
    panels.loop.turn()
    assert panels.couriers.parcels == [(1,)]


def test_what_cannot_be_sent_takes_nobodys_place_in_a_panel(panels):
    past = claim(2, 2, date(2026, 3, 1))
    panels.store.claimable = [claim(1, 1), past, claim(3, 3), claim(4, 4)]
    panels.loop.turn()
    assert panels.couriers.parcels == [(1, 3, 4)]


def test_a_refused_panel_is_sent_again_in_the_next_turn_each_alone(panels):
    panels.store.claimable = [claim(n, n) for n in (1, 2, 3)]
    panels.loop.turn()
    panels.couriers.answer(Reply(400, together=3), now=panels.clock.time)
    panels.store.claimable = [claim(n, n) for n in (1, 2, 3)]
    panels.loop.turn()
    assert [done.new_state for done in panels.store.turns[-1].attempts] == ["waiting"] * 3
    assert panels.couriers.parcels == [(1,), (2,), (3,)]


def test_a_turn_claims_no_more_than_its_transaction_can_carry(parts):
    parts.couriers.count = 32
    parts.loop = loop_of(parts, 50)
    parts.loop.turn()
    parts.store.claimable = [claim(n, n) for n in range(1, 601)]
    assert parts.loop.turn(), "there is more to claim, and couriers are free"
    assert parts.store.turns[-1].claims == 512
    assert not parts.loop.turn()
    assert sorted(map(len, parts.couriers.parcels)) == [12, 38, *[50] * 11]


def test_a_verdict_is_not_lost_when_the_store_fails(parts):
    parts.store.claimable = [claim()]
    parts.loop.turn()
    parts.couriers.answer()
    parts.store.failing = "the disk is full"
    for _ in range(3):
        with pytest.raises(StoreError):
            parts.loop.turn()
    assert parts.intake.forgotten == 3
    assert not parts.loop.idle
    parts.store.failing = None
    parts.loop.turn()
    assert [attempt.request_id for attempt in parts.store.turns[-1].attempts] == [1]
    assert parts.loop.idle


def test_it_wakes_up_when_a_retry_is_due_and_at_the_poll_otherwise(parts):
    assert parts.loop.patience() == LONGEST_POLL_SECONDS
    parts.store.claimable = [claim()]
    parts.loop.turn()
    parts.couriers.answer(Reply(503), now=parts.clock.time)
    parts.loop.turn()
    assert parts.loop.patience() == pytest.approx(0.1, abs=1e-6)
    parts.clock.time += 0.2
    assert parts.loop.patience() == 0
    parts.loop.turn()
    assert parts.loop.patience() == LONGEST_POLL_SECONDS


def test_a_claim_for_a_day_that_has_passed_is_expired_and_its_patient_settled(parts):
    parts.store.claimable = [claim(day=date(2026, 3, 4)), claim(2, 2, day=date(2026, 3, 5))]
    assert parts.loop.turn()
    assert [job.request_id for job in parts.couriers.jobs] == [2]
    parts.loop.turn()
    turn = parts.store.turns[-1]
    assert [(unsent.request_id, unsent.new_state) for unsent in turn.attempts] == [(1, "expired")]
    assert parts.intake.settled == [[1]]


def test_a_claim_that_cannot_be_read_is_dead_and_the_rest_goes_on(parts):
    parts.store.claimable = [claim(readable=False), claim(2, 2)]
    parts.loop.turn()
    parts.loop.turn()
    assert [(done.request_id, done.new_state) for done in parts.store.turns[-1].attempts] == [(1, "dead")]
    assert [job.request_id for job in parts.couriers.jobs] == [2]


def test_a_new_day_is_settled_page_by_page_before_anything_is_claimed(parts):
    parts.clock.time += 86_400
    parts.store.open = list(range(1, PAGE + 11))
    parts.store.claimable = [claim()]
    parts.store.rows = rows(1)
    assert parts.loop.turn() and parts.loop.turn()
    assert [len(page) for page in parts.intake.settled] == [PAGE, 10]
    assert all(turn.claims == 0 for turn in parts.store.turns)
    parts.loop.turn()
    assert parts.store.turns[-1].claims == 4
    parts.loop.turn()
    assert len(parts.intake.settled) == 2, "once a day"


def test_a_page_that_could_not_be_stored_is_settled_again(parts):
    parts.clock.time += 86_400
    parts.store.open = [7]
    parts.store.failing = "locked"
    with pytest.raises(StoreError):
        parts.loop.turn()
    parts.store.failing = None
    parts.loop.turn()
    assert parts.intake.settled == [[7], [7]]


def test_a_patient_that_could_not_be_settled_is_settled_when_the_attempt_is_back(parts):
    parts.store.claimable = [claim(9, 7)]
    parts.loop.turn()
    parts.clock.time += 86_400
    parts.store.open, parts.intake.unsettled = [7], {7}
    parts.loop.turn()
    parts.store.open = []
    parts.loop.turn()
    assert parts.intake.settled == [[7]]
    parts.couriers.answer()
    parts.loop.turn()
    assert parts.intake.settled == [[7], [7]]


def test_asked_to_end_it_claims_and_takes_nothing_more(parts):
    parts.store.claimable = [claim(n, n) for n in range(1, 7)]
    parts.store.rows = rows(3)
    parts.loop._messages.careful = 0
    parts.loop.turn()
    parts.loop.draining = True
    parts.store.rows = rows(3)
    parts.couriers.answer()
    parts.loop.turn()
    turn = parts.store.turns[-1]
    assert (len(turn.attempts), turn.claims, len(turn.messages)) == (4, 0, 0)
    assert parts.loop.idle


def test_a_message_whose_changes_are_refused_is_failed_alone(parts):
    parts.loop._messages.careful = 0
    parts.store.rows = rows(5)
    parts.store.refuses = {("message", 3)}
    parts.store.claimable = [claim()]
    while parts.loop.turn():
        pass
    done = [(message.id, message.state) for turn in parts.store.turns for message in turn.messages]
    assert done == [(1, "done"), (2, "done"), (3, "failed"), (4, "done"), (5, "done")]
    assert [job.request_id for job in parts.couriers.jobs] == [1]
    parts.store.rows, parts.store.turns, parts.store.refuses = rows(9), [], set()
    parts.loop.turn()
    assert [len(turn.messages) for turn in parts.store.turns] == [9], "together again"


def test_refusals_without_end_are_the_stores_fault(parts):
    parts.loop._messages.careful = 0
    parts.store.rows = rows(MOST_REFUSED + 5)
    parts.store.refuses = {("message", n) for n in range(1, MOST_REFUSED + 5)}
    with pytest.raises(StoreError):
        while parts.loop.turn():
            pass
    assert len(parts.store.rows) == 5
    parts.store.refuses = set()
    while parts.loop.turn():
        pass
    assert not parts.store.rows


def test_a_store_in_trouble_sets_nothing_aside(parts):
    parts.loop._messages.careful = 0
    parts.store.rows = rows(3)
    parts.store.refuses = {("message", 2)}
    parts.loop.turn()
    parts.store.failing = "the disk is full"
    for _ in range(5):
        with pytest.raises(StoreError):
            parts.loop.turn()
    assert len(parts.store.rows) == 3


def test_an_attempt_that_is_refused_stays_until_it_is_taken_and_the_others_go_on(parts):
    parts.store.claimable = [claim(n, n) for n in (1, 2, 3)]
    parts.loop.turn()
    parts.couriers.answer()
    parts.store.refuses = {("attempt", 2)}
    while parts.loop.turn():
        pass

    def stored():
        return [attempt.request_id for turn in parts.store.turns for attempt in turn.attempts]

    assert stored() == [1, 3]
    assert parts.loop._outgoing.sending == {2: 2}, "what would change it waits"
    assert parts.loop.idle, "the process can end: the request is found being sent at the next start"
    parts.store.refuses = set()
    parts.loop.turn()
    assert stored() == [1, 3, 2]
    assert not parts.loop._outgoing.sending
    assert parts.intake.freed[-1] == {2}
    assert all(isinstance(attempt, AttemptDone) for turn in parts.store.turns for attempt in turn.attempts)


def test_a_patient_who_cannot_be_settled_does_not_stop_the_others(parts):
    parts.clock.time += 86_400
    parts.store.open, parts.store.refuses = [1, 2, 3], {("patient", 2)}
    while parts.loop.turn():
        pass
    assert [[write.id for write in turn.patients] for turn in parts.store.turns if turn.patients] == [
        [1],
        [3],
    ]
    assert parts.intake.settled == [[1, 2, 3], [1], [2], [3]]


class Pipe:
    """Stands for the couriers where the loop only waits for them."""

    def __init__(self):
        self.out, self.into = os.pipe()

    def fileno(self):
        return self.out

    def close(self):
        os.close(self.out)
        os.close(self.into)


@pytest.fixture
def wakes():
    pipe = Pipe()
    stdin, theirs = os.pipe()
    wakes = Wakes(pipe, stdin)
    wakes.theirs = theirs
    yield wakes
    wakes.close()
    pipe.close()
    os.close(stdin)


def test_a_store_that_fails_is_tried_again_and_said_once(parts, wakes, caplog):
    caplog.set_level("INFO")
    parts.store.failing = "the store cannot be written: the disk is full"
    pauses = []

    def pause(seconds):
        pauses.append(seconds)
        if len(pauses) == 3:
            parts.store.failing = None
            os.close(wakes.theirs)

    run(parts.loop, wakes, 5.0, pause)
    assert len(pauses) == 3
    assert caplog.text.count("store-failing") == 1
    assert caplog.text.count("store-well-again") == 1
    assert wakes.ending


def test_a_byte_of_the_door_asks_for_a_reload_once_and_other_bytes_do_not(wakes):
    os.write(wakes.theirs, b"\n")
    wakes.wait(1.0)
    assert not wakes.reload_wanted()
    os.write(wakes.theirs, b"\nR")
    wakes.wait(1.0)
    assert wakes.reload_wanted()
    assert not wakes.reload_wanted()


@pytest.mark.parametrize("good", [True, False])
def test_a_reload_that_gives_no_engine_keeps_the_old_one(parts, wakes, good):
    engine, used = object(), []
    parts.intake.use = used.append
    os.write(wakes.theirs, b"R")
    os.close(wakes.theirs)
    run(parts.loop, wakes, 0.0, reload=lambda: engine if good else None)
    assert used == ([engine] if good else [])


def test_with_a_new_engine_all_open_requests_are_settled_again_before_anything_is_claimed(parts):
    while parts.loop.turn():
        pass
    settled = []
    parts.store.patients_with_open_requests = lambda **given: settled.append(given) or []
    parts.loop.turn()
    assert settled == []
    parts.intake.use = lambda engine: None
    parts.loop.use(object())
    parts.loop.turn()
    assert len(settled) == 1


def test_those_whose_time_has_come_leave_every_other_turn_to_messages_and_claims(parts):
    while parts.loop.turn():
        pass
    parts.store.due = list(range(1, 100))
    parts.store.rows = rows(3)
    parts.store.claimable = [claim()]
    parts.loop._resettling._timer_look = 0.0
    before = len(parts.store.turns)
    assert parts.loop.turn()
    assert parts.loop.turn()
    settled, decided = parts.store.turns[before:]
    assert settled.woken and not settled.messages and not settled.claims
    assert decided.messages and decided.claims and not decided.woken
    while parts.loop.turn():
        pass
    assert (parts.store.due, parts.store.rows) == ([], [])
    woken = [turn.woken for turn in parts.store.turns[before:] if turn.woken]
    assert sum(map(len, woken)) == 99, "each once"


def test_what_is_read_anew_counts_for_those_who_are_held_until_a_time_beside_messages(parts):
    while parts.loop.turn():
        pass
    parts.store.timed = list(range(1, 100))
    parts.intake.settled.clear()
    parts.intake.use = lambda engine: None
    parts.loop.use(object())
    parts.store.rows = rows(1)
    parts.loop.turn()
    assert len(parts.intake.settled) == 1
    parts.loop.turn()
    assert (len(parts.intake.settled), parts.store.rows) == (1, [])
    while parts.loop.turn():
        pass
    assert [patient for page in parts.intake.settled for patient in page] == parts.store.timed


def test_while_ending_a_courier_that_never_comes_back_is_not_waited_for_for_ever(parts, wakes):
    parts.store.claimable = [claim()]
    parts.loop.turn()
    os.close(wakes.theirs)
    run(parts.loop, wakes, 0.0)
    assert not parts.loop.idle


def test_numbers_are_reported_when_they_change_and_at_most_once_a_second():
    lines, time = [], [100.0]
    backlog = [Backlog(1, 2, 40.0, 3, 4, 3)]
    stats = WorkStats(lambda: backlog[0], lines.append, dead=5, monotonic=lambda: time[0])
    stats.count("messages_post", 2)
    stats.report(now=50.0)
    stats.report(now=51.0)
    time[0] += 1
    stats.report(now=50.0)
    assert len(lines) == 1
    time[0] += 1
    stats.count("messages_post")
    stats.report(now=50.0)
    first, second = map(orjson.loads, lines)
    assert first["gauges"] == {
        "messages_new": 1,
        "oldest_waiting_seconds": 10,
        "requests_dead": 5,
        "requests_held": 4,
        "requests_held_for_time": 3,
        "requests_sending": 3,
        "requests_unanswered": 0,
        "requests_waiting": 2,
    }
    assert first["counters"]["messages_post_total"] == 2
    assert second["counters"]["messages_post_total"] == 3


def test_a_report_that_nobody_reads_does_not_stop_the_work():
    reader, writer = os.pipe()
    for _ in range(100):
        write_if_read(b"x" * 4000, writer)
    os.close(reader)
    write_if_read(b"x", writer)
    os.close(writer)


def test_the_clock_starts_where_told_and_goes_on():
    clock = clock_at("2026-03-05T10:00:00-06:00", UTC)
    assert 0 <= clock.now() - datetime(2026, 3, 5, 16, tzinfo=UTC).timestamp() < 5
    assert clock_at("2026-03-05T10:00:00", UTC).at().hour == 10
    with pytest.raises(InterfaceError, match="not a time"):
        clock_at("tomorrow", UTC)


@pytest.mark.parametrize(
    ("now", "zone", "today"),
    [
        ("2026-03-05T22:00:00-06:00", None, date(2026, 3, 5)),
        ("2026-03-05T22:00:00-06:00", UTC, date(2026, 3, 6)),
        ("2026-03-05T22:00:00", ZoneInfo("America/Chicago"), date(2026, 3, 5)),
        ("2026-03-06T04:00:00Z", ZoneInfo("America/Chicago"), date(2026, 3, 5)),
    ],
)
def test_the_day_is_the_sites_or_else_the_one_that_was_told(now, zone, today):
    assert clock_at(now, zone).today() == today


def test_settings_that_are_not_there_end_in_one_line(tmp_path, capsys):
    assert main([str(tmp_path / "none.toml")]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err


def test_a_command_is_carried_out_in_a_turn_of_its_own(parts):
    parts.store.commands = [Command(1, "rebuild", {}, "waiting"), Command(2, "rebuild", {}, "waiting")]
    parts.loop._command_look = 0.0
    while parts.loop.turn():
        pass
    assert [[done.id for done in turn.commands] for turn in parts.store.turns if turn.commands] == [[1], [2]]


def test_a_command_waits_for_an_attempt_and_meanwhile_nothing_of_its_patients_is_claimed(parts):
    parts.store.claimable = [claim(1, 7)]
    parts.loop.turn()
    parts.store.commands = [Command(1, "rebuild", {}, "waiting")]
    parts.loop._command_look = 0.0
    parts.store.rows = rows(1)
    parts.loop.turn()
    assert not any(turn.commands for turn in parts.store.turns)
    parts.couriers.answer()
    parts.loop._command_look = 0.0
    parts.loop.turn()
    assert [[done.id for done in turn.commands] for turn in parts.store.turns if turn.commands] == [[1]]


def test_webhooks_are_joined_in_a_turn_of_their_own_and_messages_have_theirs(parts):
    parts.store.webhooks = [NewWebhook(1, "patient.found", 5.0, (7,)), NewWebhook(2, "other", 6.0)]
    parts.store.rows = rows(1)
    parts.loop._joining._look_at = 0.0
    while parts.loop.turn():
        pass
    joining, deciding = parts.store.turns
    assert joining.joins.events == {1: (7,), 2: ()}
    assert joining.joins.outcomes == {7: Outcome(found_at=5.0, events=1)}
    assert joining.hold is not None
    assert [message.id for message in deciding.messages] == [1]


def test_where_no_webhooks_come_it_is_seldom_looked_for_them(parts):
    looked = []
    parts.store.new_webhooks = lambda limit: looked.append(limit) or NewWebhooks()
    for _ in range(100):
        parts.loop.turn()
    assert len(looked) <= 1
