"""The production test on both engines: never more than ten requests of a round that the API may have accepted."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interface.store.records.slots import MOST, PRODUCTION_TEST
from interface.store.records.turn import CloseRow, NewRequestRow, NewRound, Picking, ReopenRow, Turn


def turn(fill, **what):
    return fill.store.work.commit(Turn(fill.now, environment=PRODUCTION_TEST, **what))


@pytest.fixture
def ask(fill):
    """A request of a patient of its own, which waits."""

    def asked(state="waiting"):
        _, id_ = fill.store.work.next_ids()
        patient = fill.patient(f"K{id_}")
        turn(fill, requests=[NewRequestRow(id_, patient, None, "A", state, b"{}", b"{}", None)])
        return id_

    return asked


@pytest.fixture
def end(fill):
    """What came of claimed requests, as the work stores it."""

    def ended(*claimed, **what):
        turn(fill, attempts=[fill.attempt(one, **what) for one in claimed])

    return ended


def claimed(fill, limit=50):
    return turn(fill, claims=limit).claimed


def test_only_ten_are_claimed_and_what_was_claimed_is_accounted_for(fill, ask):
    asked = [ask() for _ in range(13)]
    assert [one.request_id for one in claimed(fill)] == asked[:10]
    assert claimed(fill) == ()
    found = fill.store.rounds.now()
    assert [slot.number for slot in found.slots] == list(range(1, MOST + 1))
    assert set(fill.store.rounds.without_slot(found)) == set(asked[10:])


def test_in_other_environments_nothing_is_counted(fill):
    for number in range(12):
        fill.request(fill.patient(f"K{number}"))
    assert len(fill.store.work.commit(Turn(fill.now, environment="staging", claims=50)).claimed) == 12
    assert fill.store.rounds.now().slots == ()


def test_what_was_accepted_keeps_its_slot_and_what_was_refused_gives_it_back(fill, ask, end):
    asked = [ask() for _ in range(12)]
    ten = claimed(fill)
    end(*ten[:9])
    end(ten[9], new_state="dead", verdict="dead", status=400)
    assert [one.request_id for one in claimed(fill)] == [asked[10]]
    assert claimed(fill) == ()
    found = fill.store.rounds.now()
    assert (found.accepted, found.slots[9].request_id) == (9, asked[10])


def test_a_timeout_keeps_the_slot_though_the_next_attempt_is_refused(fill, ask, end):
    first = ask()
    for _ in range(10):
        ask()
    ten = claimed(fill)
    end(*ten[1:])
    end(ten[0], new_state="waiting", verdict="retry", status=None, possible_duplicate=True, due_at=fill.now)
    again = claimed(fill)
    assert [one.request_id for one in again] == [first]
    end(*again, new_state="dead", verdict="dead", status=400)
    assert claimed(fill) == ()
    assert len(fill.store.rounds.now().held) == MOST


def test_what_is_tried_again_keeps_its_slot_and_is_not_kept_waiting_by_those_that_have_none(fill, ask, end):
    first = ask()
    for _ in range(12):
        ask()
    ten = claimed(fill)
    end(*ten[1:])
    end(ten[0], new_state="waiting", verdict="retry", status=503, due_at=fill.now + 5)
    assert claimed(fill) == ()
    fill.now += 10
    assert [one.request_id for one in claimed(fill, 1)] == [first]


@pytest.mark.parametrize("state", ["withdrawn", "expired", "superseded"])
def test_what_ends_without_having_arrived_gives_its_slot_back(fill, ask, end, state):
    asked = [ask() for _ in range(11)]
    ten = claimed(fill)
    end(*ten[1:])
    end(ten[0], new_state="waiting", verdict="retry", status=503, due_at=fill.now + 500)
    assert claimed(fill) == ()
    turn(fill, requests=[CloseRow(ten[0].request_id, ten[0].patient_id, state)])
    assert [one.request_id for one in claimed(fill)] == [asked[10]]


def test_after_a_crash_what_was_being_sent_keeps_its_slot(fill, ask):
    asked = [ask() for _ in range(11)]
    assert len(claimed(fill)) == MOST
    assert fill.store.work.recover(fill.now) == MOST
    turn(fill, requests=[CloseRow(asked[0], 1, "withdrawn")])
    again = claimed(fill)
    assert {one.request_id for one in again} == set(asked[1:10])
    assert len(fill.store.rounds.now().held) == MOST


def test_a_new_round_has_ten_slots_again_and_is_told_who_began_it_and_why(fill, ask, end):
    for _ in range(12):
        ask()
    end(*claimed(fill))
    turn(fill, rounds=[Picking(True)])
    turn(fill, rounds=[NewRound("anna", "the vendor asked for other patients")])
    found = fill.store.rounds.now()
    assert (found.number, found.began_by, found.by_hand, found.slots) == (2, "anna", True, ())
    assert fill.store.rounds.why(2) == "the vendor asked for other patients"
    assert len(claimed(fill)) == 2


def test_an_attempt_that_comes_back_in_a_new_round_counts_in_the_one_it_was_sent_in(fill, ask, end, sql):
    ask()
    one = claimed(fill)
    turn(fill, rounds=[NewRound("anna", "again")])
    end(*one)
    assert fill.store.rounds.now().slots == ()
    assert sql("SELECT round, outcome FROM test_slots") == [(1, "accepted")]


def test_the_database_itself_gives_no_number_twice(fill, ask, sql):
    ask()
    claimed(fill)
    names = "round, number, request_id, taken_at, doubtful"
    with pytest.raises(Exception, match=r"(?i)unique"):
        sql(f"INSERT INTO test_slots ({names}) VALUES (1, 1, 99, 0, false)")


# ---------------------------------------------------------------- whatever happens, in whichever order

STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "ask",
                "ask",
                "ask",
                "claim",
                "claim",
                "claim",
                "end",
                "end",
                "end",
                "end",
                "crash",
                "close",
                "reopen",
                "begin",
                "earlier",
                "later",
            ]
        ),
        st.integers(0, 30),
        st.sampled_from(["yes", "refused", "timeout", "away"]),
    ),
    min_size=30,
    max_size=70,
)
VERDICTS: dict[str, dict[str, Any]] = {
    "yes": {"new_state": "delivered"},
    "refused": {"new_state": "dead", "verdict": "dead", "status": 400},
    "timeout": {"new_state": "waiting", "verdict": "retry", "status": None, "possible_duplicate": True},
    "away": {"new_state": "waiting", "verdict": "retry", "status": 503},
}


@dataclass
class World:
    """A store, and what the API knows: which requests it may have accepted in which round."""

    fill: Any
    out: list[Any] = field(default_factory=list)
    """Round and claim of what is on its way."""
    may: dict[int, set[int]] = field(default_factory=dict)
    patients: dict[int, int] = field(default_factory=dict)

    def ask(self, _place, _how):
        _, id_ = self.fill.store.work.next_ids()
        self.patients[id_] = patient = self.fill.patient(f"K{id_}")
        turn(self.fill, requests=[NewRequestRow(id_, patient, None, "A", "waiting", b"{}", b"{}", None)])

    def claim(self, place, _how):
        number = self.fill.store.rounds.now().number
        self.out += [(number, one) for one in claimed(self.fill, 1 + place % 13)]

    def end(self, place, how):
        if self.out:
            number, one = self.out.pop(place % len(self.out))
            if how in ("yes", "timeout"):
                self.may.setdefault(number, set()).add(one.request_id)
            changes = VERDICTS[how]
            due = self.fill.now if changes["new_state"] == "waiting" else None
            turn(self.fill, attempts=[self.fill.attempt(one, due_at=due, **changes)])

    def crash(self, place, _how):
        """Some of what was on its way had arrived."""
        for at, (number, one) in enumerate(self.out):
            if (at + place) % 2:
                self.may.setdefault(number, set()).add(one.request_id)
        self.out = []
        self.fill.store.work.recover(self.fill.now)

    def _one(self, place):
        return sorted(self.patients)[place % len(self.patients)]

    def close(self, place, how):
        if self.patients:
            id_ = self._one(place)
            state = {"yes": "withdrawn", "refused": "expired"}.get(how, "superseded")
            turn(self.fill, requests=[CloseRow(id_, self.patients[id_], state)])

    def reopen(self, place, _how):
        """A person sends a refused one again."""
        if self.patients:
            id_ = self._one(place)
            row = ReopenRow(id_, self.patients[id_], "dead", "waiting", b"{}", b"{}", None)
            turn(self.fill, by_hand=[row])

    def begin(self, place, _how):
        if place < 5:  # seldom
            turn(self.fill, rounds=[NewRound("anna", "again")])

    def earlier(self, place, _how):
        self.fill.now -= place * 1000.0

    def later(self, place, _how):
        self.fill.now += place * 1000.0


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_whatever_happens_never_more_than_ten_of_a_round_may_have_been_accepted(fill, sql, steps):
    sql("UPDATE requests SET state = 'withdrawn' WHERE state IN ('waiting', 'sending')")
    sql("UPDATE patients SET due_at = NULL, in_flight = NULL")
    turn(fill, rounds=[NewRound("anna", "a new example")])
    world = World(fill)
    for what, place, how in steps:
        getattr(world, what)(place, how)
        assert all(len(requests) <= MOST for requests in world.may.values()), world.may
    held = fill.store.rounds.now().held
    assert world.may.get(fill.store.rounds.now().number, set()) <= held.keys()
