"""What is told of a request by webhook, and when: pure, drawn from the patient's correlation id."""

import json
import re
import uuid
from dataclasses import replace
from itertools import pairwise

import pytest

from interface.contract.webhooks import EVENT_TYPES, read_event
from interface.sandbox.playing import (
    DELIVERED,
    FOUND,
    INSUFFICIENT,
    MADE_UP,
    Kind,
    Patient,
    Play,
    Taken,
    as_json,
    play,
)

TAKEN_IN_NS = 1_772_463_600_123_456_789
"""2026-03-02T15:00:00.123456789Z"""


def an_id(number):
    return str(uuid.UUID(int=number, version=4))


def told(how=None, number=1, *, known=True, batch_id="b"):
    """What is sent of one patient."""
    request = Taken(an_id(number), (Patient(an_id(number), known),), batch_id)
    (sendings,) = play(request, how or Play())
    return sendings


def types(sendings):
    return [sending.event.type for sending in sendings]


EVERYBODY = range(300)


def test_a_patient_is_found_and_one_document_or_more_follow():
    stories = {tuple(types(told(number=number))) for number in EVERYBODY}
    assert stories == {(FOUND, *[DELIVERED] * documents) for documents in (1, 2, 3)}


def test_each_event_comes_within_the_delay_after_the_one_before():
    for number in EVERYBODY:
        delays = [0.0, *(sending.delay for sending in told(Play(delay=(2.0, 5.0)), number))]
        assert all(2.0 <= after - before <= 5.0 for before, after in pairwise(delays))


def test_an_unknown_patient_gets_insufficient_data_and_no_more_whatever_is_played():
    how = Play(contradict=1, no_answer=1)
    assert types(told(how, known=False)) == [INSUFFICIENT]


@pytest.mark.parametrize(
    ("how", "story"),
    [
        (Play(insufficient=1), [INSUFFICIENT]),
        (Play(no_answer=1), []),
        (Play(contradict=1), [INSUFFICIENT, DELIVERED]),
    ],
    ids=["insufficient", "no answer", "contradict"],
)
def test_what_becomes_of_a_known_patient_is_as_asked(how, story):
    assert all(types(told(how, number)) == story for number in EVERYBODY)


def test_a_document_after_insufficient_data_is_marked():
    assert [sending.kind for sending in told(Play(contradict=1))] == [Kind.PLAIN, Kind.CONTRADICTION]


@pytest.mark.parametrize(
    "name", ["insufficient", "no_answer", "contradict", "repeat", "lose", "early", "unknown"]
)
def test_a_share_comes_out_as_asked(name):
    hit = sum(told(Play(**{name: 0.25}), number) != told(number=number) for number in range(2000))
    # a patient has two to four events, each of which may be repeated or lost
    most = 0.7 if name in ("repeat", "lose") else 0.3
    assert 0.2 < hit / 2000 < most


def test_a_lost_event_is_never_sent_and_the_others_come_all_the_same():
    for number in EVERYBODY:
        lossy, whole = told(Play(lose=0.4), number), told(number=number)
        assert [sending.event for sending in lossy] == [sending.event for sending in whole]
        assert {sending.kind for sending in lossy} <= {Kind.PLAIN, Kind.LOST}


def test_a_repeat_is_the_same_event_again_and_later():
    for number in EVERYBODY:
        sendings = told(Play(repeat=1), number)
        for sending in sendings:
            if sending.kind is Kind.REPEAT:
                (first,) = (
                    one for one in sendings if one.event == sending.event and one.kind is not Kind.REPEAT
                )
                assert first.delay < sending.delay
        assert sum(sending.kind is Kind.REPEAT for sending in sendings) * 2 == len(sendings)


def test_no_two_events_of_a_patient_are_the_same_though_they_come_at_one_time():
    for number in EVERYBODY:
        bodies = [as_json(sending.event, TAKEN_IN_NS) for sending in told(Play(delay=(0, 0)), number)]
        assert len(set(bodies)) == len(bodies)


def test_shuffled_events_come_in_a_wrong_order_and_none_before_it_happened():
    for number in EVERYBODY:
        sendings = told(Play(shuffle=True), number)
        happened = [sending.event.happened for sending in sendings]
        assert happened != sorted(happened)
        assert all(sending.event.happened <= sending.delay for sending in sendings)
        assert sorted(types(sendings)) == sorted(types(told(number=number)))


def test_an_early_event_comes_at_once_and_the_others_later():
    for number in EVERYBODY:
        first, *others = told(Play(early=1), number)
        assert (first.delay, first.event.happened, first.kind) == (0.0, 0.0, Kind.EARLY)
        assert others
        assert all(sending.delay > 0.0 and sending.kind is Kind.PLAIN for sending in others)


def test_with_no_delay_at_all_only_the_first_event_is_early():
    assert [one.kind for one in told(Play(early=1, delay=(0, 0)))].count(Kind.EARLY) == 1


def test_one_event_more_is_of_an_id_or_of_a_type_that_nobody_knows():
    seen = set()
    for number in EVERYBODY:
        (stranger,) = (one for one in told(Play(unknown=1), number) if one.kind is Kind.UNKNOWN)
        own = stranger.event.correlation_id == an_id(number)
        assert own == (stranger.event.type == MADE_UP)
        seen.add(stranger.event.type)
    assert seen == {MADE_UP, FOUND}
    assert MADE_UP not in EVENT_TYPES


def test_it_is_drawn_from_the_correlation_id_alone():
    how = Play(repeat=0.3, lose=0.2, early=0.3, unknown=0.3, contradict=0.2, shuffle=True)
    assert [told(how, number) for number in EVERYBODY] == [told(how, number) for number in EVERYBODY]
    assert len({repr(told(how, number)) for number in EVERYBODY}) == len(EVERYBODY)


def panel(batch_id=None, patients=3):
    return Taken(an_id(900), tuple(Patient(an_id(number)) for number in range(patients)), batch_id)


def test_each_patient_of_a_panel_has_events_with_an_id_of_his_own():
    ids = [{sending.event.correlation_id for sending in sendings} for sendings in play(panel(), Play())]
    assert ids == [{an_id(0)}, {an_id(1)}, {an_id(2)}]


def test_all_events_of_a_panel_bear_its_own_id_if_asked_and_are_the_same_otherwise():
    of_panel, of_patient = play(panel(), Play(panel_ids=True)), play(panel(), Play())
    assert {one.event.correlation_id for each in of_panel for one in each} == {an_id(900)}
    assert [types(each) for each in of_panel] == [types(each) for each in of_patient]


def test_the_batch_id_is_the_requests_or_one_uuid_for_all_its_patients():
    assert {one.event.batch_id for each in play(panel("monday"), Play()) for one in each} == {"monday"}
    (made_up,) = {one.event.batch_id for each in play(panel(), Play()) for one in each}
    assert str(uuid.UUID(made_up)) == made_up
    assert made_up not in {an_id(900), *(an_id(number) for number in range(3))}


def test_the_body_is_as_the_contract_has_it_with_nine_digits_of_a_second():
    for sending in told(Play(delay=(1, 2))):
        raw = as_json(sending.event, TAKEN_IN_NS)
        body = json.loads(raw)
        assert re.fullmatch(r"2026-03-02T15:00:\d\d\.\d{9}Z", body["timestamp"])
        assert (body["correlationId"], body["batchId"]) == (an_id(1), "b")
        assert read_event(raw).is_known
        if sending.event.type == DELIVERED:
            assert isinstance(body["data"]["documentType"], str)
        else:
            assert "data" not in body


def test_the_time_is_that_of_the_event_to_the_nanosecond():
    event = replace(told()[0].event, happened=1.5)
    assert json.loads(as_json(event, TAKEN_IN_NS))["timestamp"] == "2026-03-02T15:00:01.623456789Z"


@pytest.mark.parametrize("how", [{"lose": 1.1}, {"repeat": -0.1}, {"delay": (2, 1)}, {"delay": (-1, 1)}])
def test_a_play_that_makes_no_sense_is_refused(how):
    with pytest.raises(ValueError, match=r"shares|delay"):
        Play(**how)
