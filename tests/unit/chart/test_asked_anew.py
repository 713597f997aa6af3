"""On going live what the production test delivered is asked for anew: what still stands, and no more."""

from datetime import timedelta

import pytest

from interface.rules.conditions import plain
from interface.rules.policy import Filters


@pytest.fixture
def tested(story):
    """A booking that the production test has sent; production begins."""
    told = story(environment="production-test")
    told.book()
    told.engine = story(environment="production").engine
    return told


def asked_anew(told):
    outcome = told.engine.ask_anew(told.chart, {1}, now=told.now, new_id=told.ids.__next__)
    return [] if outcome is None else [(made.id, made.state) for made in outcome.requests]


def test_what_is_booked_still_is_asked_for(tested):
    assert asked_anew(tested) == [(2, "waiting")]


def test_what_is_past_is_not(tested):
    tested.now += timedelta(days=8)
    assert asked_anew(tested) == [(2, "waiting")]  # the very day
    tested.now += timedelta(days=1)
    assert asked_anew(tested) == []


def test_what_is_cancelled_is_not(tested):
    tested.tell("SIU^S15", "SCH||F1", tested.PID)
    assert asked_anew(tested) == []


def test_what_a_filter_leaves_is_not(tested, story):
    filters = Filters(leave_providers=frozenset({plain("Quill")}))
    tested.engine = story(environment="production", filters=filters).engine
    assert asked_anew(tested) == []


def test_another_request_than_those_that_were_tested_is_not(tested):
    tested.book(start="20260311")
    assert asked_anew(tested) == []
