"""Production's guard, and the life of a store, as values."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interface.chart.guarding import FREE, Case, no_guard, share_of
from interface.chart.model import Appointment, Asked, Chart
from interface.delivery.guards import guard_of
from interface.delivery.guards.life import GoingLive, Life
from interface.rules.facts import Fact

NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)
AT = NOW.timestamp()


def case(number=1, state="held", day="2026-04-10", now=NOW, due=None):
    asked = Asked(number, state, b"")
    facts = {"upcomingAppointmentDate": Fact(day, (), "rule", "", "M")}
    return Case({}, 1, Chart([]), Appointment("S:1", "", facts, asked=asked), now, due)


def live(**going):
    life = Life("production", AT - 9).switched(GoingLive(AT, "anna", **{"below": 100, **going}))
    return guard_of(life)


@pytest.mark.parametrize("environment", ["sandbox"])
def test_the_sandbox_forbids_nothing(environment):
    assert guard_of(Life(environment, AT)) is no_guard


def test_before_the_switch_everything_is_held_and_nothing_ends_it_by_itself():
    ruling = guard_of(Life("production", AT))(case())
    assert ([hold.code for hold in ruling.holds], ruling.until, ruling.drop) == (["not-live"], None, None)


@pytest.mark.parametrize("guard", [guard_of(Life("production", AT)), live()])
def test_what_a_message_of_training_booked_is_dropped(guard):
    appointment = Appointment("S:1", "", {}, asked=Asked(1, "held", b""), trial=True)
    ruling = guard(Case({}, 1, Chart([]), appointment, NOW))
    assert ruling.drop is not None
    assert ruling.drop.code == "processing-id"


def test_what_was_made_since_and_what_is_waiting_goes_at_once():
    guard = live(seconds=3600, drop_below=200, from_day="2027-01-01")
    assert guard(case(100)) == FREE
    assert guard(case(5, "waiting")) == FREE


def test_a_dropped_one_is_dropped_whatever_its_turn():
    assert live(drop_below=8, seconds=9e9)(case(7)).drop is not None
    assert live(drop_below=8)(case(8)) == FREE
    assert live(from_day="2026-04-11")(case()).drop is not None
    assert live(from_day="2026-04-10")(case()) == FREE
    assert live(from_day="2026-04-11")(case(day="")) == FREE, "without a day it is before none"


def test_what_would_not_have_gone_out_before_its_day_is_not_too_old():
    guard = live(drop_below=8)
    assert guard(case(7, due=AT + 1)) == FREE
    assert guard(case(7, due=AT + 1, now=NOW + timedelta(days=9))) == FREE, "on its day neither"
    assert guard(case(7, due=AT - 1)).drop is not None
    assert live(drop_below=8, from_day="2026-04-11")(case(7, due=AT + 1)).drop is not None


def test_the_timer_and_the_turn_agree_to_the_last_digit():
    guard = live(seconds=12345.678)
    for number in range(1, 99):
        turn = guard(case(number)).until
        if turn is not None:
            assert guard(case(number, now=datetime.fromtimestamp(turn, UTC))) == FREE


@given(number=st.integers(1, 99), seconds=st.floats(1, 1e6), later=st.floats(0, 2e6))
def test_each_has_one_turn_within_the_time_and_goes_from_then_on(number, seconds, later):
    guard = live(seconds=seconds)
    first = guard(case(number))
    turn = first.until if first.until is not None else AT
    assert AT <= turn <= AT + seconds
    ruling = guard(case(number, now=NOW + timedelta(seconds=later)))
    assert (ruling == FREE) == ((NOW + timedelta(seconds=later)).timestamp() >= turn)
    assert ruling.until in (None, turn)


def test_turns_are_spread_evenly():
    shares = sorted(share_of(str(number)) for number in range(1000))
    assert all(abs(share - place / 1000) < 0.06 for place, share in enumerate(shares))


def test_a_life_comes_back_from_its_text():
    for life in (
        Life("staging", 1.5),
        Life("production", 1.0).switched(GoingLive(2.0, "x", 3, 1, "2026-01-01", 6.0)),
    ):
        assert Life.of_text(life.as_text()) == life


def test_into_production_the_door_is_shut_unless_the_store_begins_there():
    assert Life.begin("production", AT).live
    assert not Life.begin("sandbox", AT).moved("production", AT).live
    gone_live = Life.begin("production", AT)
    assert gone_live.moved("production", AT + 1) is gone_live
    assert not gone_live.moved("staging", AT + 1).moved("production", AT + 2).live
