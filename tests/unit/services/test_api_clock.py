"""By how much this machine's clock is ahead of the API's: told by the replies' `Date`, by the least of the last ones."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from interface.delivery.verdict import Reply, Verdict
from interface.services.courier import Attempt, Job
from interface.services.passage import REPLIES, Passage

AT = 1_772_460_000.0
DELIVERED = Verdict("delivered", "delivered", "accepted")


def reply(ahead: float, date: str | None = None) -> Reply:
    there = formatdate(AT, usegmt=True) if date is None else date
    return Reply(200, is_json_object=True, date=there, came_at=AT + 0.5 + ahead)


def passage(*replies: Reply) -> Passage:
    made = Passage(lambda: 0.5, steady=lambda: 100.0)
    for one in replies:
        made.took(Attempt(Job(1, 1, b""), AT, AT, one), DELIVERED)
    return made


def test_a_clock_that_is_ahead_or_behind_is_told_in_whole_seconds() -> None:
    assert passage(reply(90.2)).clock_ahead() == 90.0
    assert passage(reply(-7200)).clock_ahead() == -7200.0


def test_clocks_that_agree_within_a_moment_differ_by_nothing() -> None:
    assert passage(reply(2.4)).clock_ahead() == 0.0


def test_one_slow_reply_is_no_difference_of_clocks() -> None:
    assert passage(reply(25), reply(0.3), reply(25)).clock_ahead() == 0.0


def test_only_the_last_replies_count() -> None:
    assert passage(reply(0), *[reply(100)] * REPLIES).clock_ahead() == 100.0


@pytest.mark.parametrize("date", ["", "yesterday", "Mon, 99 Foo 2026"])
def test_an_api_that_tells_no_time_tells_nothing(date: str) -> None:
    assert passage(reply(100, date)).clock_ahead() is None
    assert passage().clock_ahead() is None


def test_a_reply_is_the_same_whenever_it_came() -> None:
    assert reply(1) == reply(2)
