"""Who is still to be settled, as a value."""

from datetime import date

from interface.services.deciding import Deciding
from interface.services.resettling import Resettling, Unsettled

DAY = date(2026, 3, 5)


def test_a_day_is_through_when_no_patient_is_left_of_it():
    assert not Unsettled().is_through(DAY)
    assert not Unsettled(DAY, after=256).is_through(DAY)
    assert Unsettled(DAY, after=None).is_through(DAY)
    assert not Unsettled(DAY, after=None).is_through(date(2026, 3, 6))


def test_after_a_turn_that_failed_who_was_taken_up_waits_again_with_who_came_meanwhile():
    resettling = Resettling(None, Deciding(None, None), None, None)
    resettling.again({1, 2})
    before = resettling.unsettled
    resettling.unsettled = before.without({1})
    resettling.again({3})
    resettling.go_back(before)
    assert resettling.unsettled == Unsettled(again=frozenset({1, 2, 3}))
