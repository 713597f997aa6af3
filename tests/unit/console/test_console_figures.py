"""Figures: hours that are over are counted once, the one that runs only by what is new."""

from __future__ import annotations

import pytest

from interface.console import figures
from interface.console.figures import HOUR, HOURS, Figures
from interface.store.records.console import FeedCount, Grouped, Outcomes
from interface.store.records.figures import Backlog

NOTHING = Grouped(0, (), 0)
NOW = 500_000 * HOUR + 1800.0


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Rows:
    """A store of rows (time, sender), each with its place as id."""

    def __init__(self, clock: Clock) -> None:
        self.messages: list[tuple[float, str]] = []
        self.requests: list[float] = []
        self.asked: list[tuple[int, int]] = []
        self.clock = clock
        self.slow = 0.0
        self.overview = self
        self.views = self

    def first_ids(self, kind, times):
        rows = [at for at, _ in self.messages] if kind == "messages" else self.requests
        return [next((n for n, at in enumerate(rows, 1) if at >= time), len(rows) + 1) for time in times]

    def requests_between(self, first, end):
        return end - first

    def feeds_between(self, first, end):
        self.asked.append((first, end))
        self.clock.now += self.slow
        found: dict[str, FeedCount] = {}
        for at, sender in self.messages[first - 1 : end - 1]:
            known = found.get(sender)
            found[sender] = FeedCount("main", sender, "F", (known.messages if known else 0) + 1, at)
        return end - first, list(found.values())

    def outcomes(self, first):
        return Outcomes(0, 0, 0, 0, 0, 0, 0)

    def unanswered(self, before):
        return 0

    def requests_in(self, state, *, apart=()):
        return NOTHING

    def failed_messages(self):
        return NOTHING

    def unassigned_messages(self, first):
        return NOTHING

    def backlog(self):
        return Backlog(0, 0, None, 0, 0)

    def oldest_new(self):
        return None


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def rows(clock):
    return Rows(clock)


def test_messages_are_counted_by_hour_and_by_sender(rows, clock) -> None:
    rows.messages = [(NOW - 2 * HOUR, "A"), (NOW - HOUR, "A"), (NOW - 60, "B"), (NOW - 30, "A")]
    rows.requests = [NOW - HOUR, NOW - 10]
    found = Figures(clock).summary(rows, NOW)
    assert len(found.hours) == HOURS
    assert [(hour.messages, hour.requests) for hour in found.hours[-3:]] == [(1, 0), (1, 1), (2, 1)]
    assert found.hours[-1].begins == NOW - 1800
    assert [(f.application, f.last_at, f.this_hour, f.last_hour, f.day) for f in found.feeds] == [
        ("A", NOW - 30, 1, 1, 3),
        ("B", NOW - 60, 1, 0, 1),
    ]


def test_what_was_counted_is_not_read_again(rows, clock) -> None:
    rows.messages = [(NOW - HOUR, "A"), (NOW - 60, "A")]
    kept = Figures(clock)
    kept.summary(rows, NOW)
    rows.asked.clear()
    rows.messages.append((NOW + 5, "A"))
    clock.now += 10
    found = kept.summary(rows, NOW + 10)
    assert rows.asked == [(3, 4)]
    assert found.hours[-1].messages == 2


def test_when_an_hour_is_over_its_last_messages_are_its_own(rows, clock) -> None:
    rows.messages = [(NOW - 60, "A")]
    kept = Figures(clock)
    kept.summary(rows, NOW)
    rows.messages += [(NOW + 1799, "A"), (NOW + 1801, "A")]
    clock.now += 3600
    found = kept.summary(rows, NOW + 1900)
    assert [hour.messages for hour in found.hours[-2:]] == [2, 1]


def test_figures_are_kept_for_a_multiple_of_what_they_cost(rows, clock) -> None:
    rows.messages = [(NOW, "A")]
    rows.slow = 1.0
    kept = Figures(clock)
    first = kept.summary(rows, NOW)
    clock.now += figures.SHARE * 1.0 - 0.1
    assert kept.summary(rows, NOW) is first
    clock.now += 0.2
    assert kept.summary(rows, NOW) is not first


def test_a_long_past_is_counted_bit_by_bit_the_newest_first(rows, clock) -> None:
    rows.messages = [(NOW - back * HOUR, "A") for back in (5, 4, 3, 2, 1)]
    rows.slow = figures.BUDGET_SECONDS
    kept = Figures(clock)
    found = kept.summary(rows, NOW)
    assert [hour.messages for hour in found.hours[-6:]] == [0, 0, 0, 1, 1, 0]
    assert found.since == found.hours[-3].begins
    assert [hour.counted for hour in found.hours[-4:-2]] == [False, True]
    for _ in range(5):
        clock.now += 1000
        found = kept.summary(rows, NOW)
    assert [hour.messages for hour in found.hours[-6:]] == [1, 1, 1, 1, 1, 0]
    assert found.since == found.hours[0].begins


def test_requests_go_by_the_clock_of_the_work(rows, clock) -> None:
    ahead = -30 * 24 * HOUR
    rows.requests = [NOW + ahead - 60]
    found = Figures(clock).summary(rows, NOW, ahead)
    assert found.hours[-1].requests == 1


def test_while_another_counts_what_was_known_is_told(rows, clock, monkeypatch) -> None:
    kept = Figures(clock)
    first = kept.summary(rows, NOW)
    clock.now += 1000
    kept._counting.acquire()
    assert kept.summary(rows, NOW) is first
    monkeypatch.setattr(figures, "PATIENCE_SECONDS", 0.01)
    new = Figures(clock)
    new._counting.acquire()
    with pytest.raises(TimeoutError):
        new.summary(rows, NOW)


def test_senders_without_number_do_not_fill_the_memory(rows, clock) -> None:
    hour = figures.Hour(1, 1, 1, 1)
    for number in range(10 * figures.MOST_FEEDS):
        hour.take(1, [FeedCount("main", f"A{number}", "", 1, NOW)])
    assert hour.messages == 10 * figures.MOST_FEEDS
    assert len(hour.feeds) <= 2 * figures.MOST_FEEDS
