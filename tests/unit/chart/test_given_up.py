"""What a person gives up of an appointment's requests, where a site wants one for each message."""

import pytest

from interface.chart.by_hand import give_up


@pytest.mark.parametrize(("given_up", "open_still"), [(1, 2), (2, 1)])
def test_what_is_open_beside_it_is_withdrawn_with_the_appointment(story, given_up, open_still):
    told = story(supersede=False)
    told.book()
    told.book(start="20260311")
    settling = told.engine.settling(told.chart, now=told.now, trigger="", new_id=told.ids.__next__)
    (appointment,) = settling.chart.appointments.values()
    give_up(settling, appointment, given_up)
    told.tell("SIU^S15", "SCH||F1", told.PID)
    assert told.states() == [("Close", open_still, "withdrawn")]


def test_the_last_one_given_up_is_asked_for_again_only_with_other_content(story):
    told = story()
    told.book()
    settling = told.engine.settling(told.chart, now=told.now, trigger="", new_id=told.ids.__next__)
    (appointment,) = settling.chart.appointments.values()
    give_up(settling, appointment, 1)
    assert told.book()["reasons"][0]["code"] == "discarded"
    assert told.book(start="20260311")["decision"] == "post"
