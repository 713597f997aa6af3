"""Which slots of a round are taken, and who gets one: plain values."""

import pytest

from interface.store.records.slots import MOST, Round, Slot


def slot(number, request=None, **what):
    return Slot(number, 100 + number if request is None else request, 1.0, **what)


@pytest.mark.parametrize(
    ("what", "held", "why"),
    [
        ({"state": "sending"}, True, "it is being sent"),
        ({"state": "waiting"}, True, "it is tried again"),
        ({"state": "delivered", "accepted": True}, True, "it was accepted"),
        ({"accepted": True}, True, "it was accepted, and its request is kept no longer"),
        ({"state": "dead", "doubtful": True}, True, "refused, but an earlier attempt may have arrived"),
        ({"state": "withdrawn", "doubtful": True}, True, "an attempt may have arrived"),
        ({"state": "superseded", "doubtful": True}, True, "an attempt may have arrived"),
        ({"state": "dead"}, False, "refused: to be corrected and sent again"),
        ({"state": "withdrawn"}, False, "nothing of it arrived"),
        ({"state": "superseded"}, False, "nothing of it arrived"),
        ({"state": "expired"}, False, "nothing of it arrived"),
        ({"state": "discarded"}, False, "nothing of it arrived"),
        ({"state": "held"}, False, "nothing of it arrived, and nothing is on its way"),
        ({}, False, "nothing of it arrived, and it is kept no longer"),
    ],
)
def test_what_keeps_a_slot_and_what_frees_it(what, held, why):
    assert slot(3, **what).is_held is held, why


def test_a_request_that_has_a_slot_takes_no_other():
    found = Round(1, 0.0, slots=(slot(1, 7, state="waiting"), slot(2, 8, state="dead")))
    assert found.given([7, 8, 9]) == {8: 2, 9: 3}


def test_nobody_gets_an_eleventh():
    taken = tuple(slot(number, accepted=True) for number in range(1, MOST))
    found = Round(1, 0.0, slots=taken)
    assert (found.free, found.accepted) == ((10,), 9)
    assert found.given([1, 2, 3]) == {1: 10}
    assert Round(1, 0.0, slots=(*taken, slot(10, state="sending"))).given([1]) == {}


def test_a_copy_of_the_store_gives_no_slots_until_a_new_round_is_begun():
    found = Round(1, 0.0, copied=True, slots=(slot(1, 7, state="waiting"),))
    assert (found.free, found.given([7, 8])) == ((), {})
    assert 7 in found.held


def test_a_round_is_over_when_all_ten_are_kept_and_none_is_tried_again():
    nine = tuple(slot(number, accepted=True, state="delivered") for number in range(1, MOST))
    assert not Round(1, 0.0, slots=nine).is_over
    assert not Round(1, 0.0, slots=(*nine, slot(10, doubtful=True, state="waiting"))).is_over
    assert Round(1, 0.0, slots=(*nine, slot(10, doubtful=True, state="withdrawn"))).is_over
    assert Round(1, 0.0, slots=(*nine, slot(10, accepted=True))).is_over
