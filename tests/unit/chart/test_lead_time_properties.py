"""Whatever is booked, moved and cancelled, and whenever somebody looks: what stands is asked for on its day or after it,
once for each content, never before and never when it has passed.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from interface.chart.decide import Engine
from interface.chart.outcome import Close, NewRequest, RequestChange, Rewrite
from interface.chart.registry import Registry
from interface.rules import Policy, load_rulebook

ZONE = ZoneInfo("America/Chicago")
FIRST = date(2026, 3, 1)
"""Clocks are changed on the eighth."""
DAYS_BEFORE = 5
BOOK = load_rulebook()

VISITS = st.sampled_from("AB")
BOOKED = st.tuples(st.sampled_from(("S12", "S13")), VISITS, st.integers(0, 30))
CANCELLED = st.tuples(st.just("S15"), VISITS, st.integers(0, 30))
SEEN = st.tuples(st.just("A08"), st.sampled_from(("E11.9", "I10")), st.just(0))
PASSED = st.tuples(st.just("hours"), st.just(""), st.integers(1, 100))
HISTORY = st.lists(BOOKED | CANCELLED | SEEN | PASSED, min_size=1, max_size=12)


@dataclass
class Site:
    """A site whose requests are all sent the moment they wait, or never while `away`."""

    away: bool
    now: datetime = datetime(2026, 3, 1, 12, tzinfo=ZONE)
    kept: dict = field(default_factory=dict)
    open: dict[int, tuple[str, date]] = field(default_factory=dict)
    """State and day of requests that are not sent."""
    sent: list[tuple[date, date]] = field(default_factory=list)
    """When and for which day, in order."""
    said: dict[str, list[bytes]] = field(default_factory=dict)
    """What was sent of each visit since it was booked or moved last."""
    whose: dict[int, str] = field(default_factory=dict)
    """The visit of each request."""
    visits: dict[str, date] = field(default_factory=dict)
    """What stands."""
    number: int = 0

    def __post_init__(self) -> None:
        self.engine = Engine(BOOK, Policy(timezone=ZONE, send_days_before=DAYS_BEFORE))
        self.charts, self.ids = Registry(self.kept), itertools.count(1)

    def tell(self, kind: str, what: str, day: int) -> None:
        self.number += 1
        stamp = self.now.strftime("%Y%m%d%H%M%S")
        pid = "PID|1||T1^^^LFC^MR||Sample^Robin||19700131|F|||12 Birch Ln^^Madison^WI^53703"
        head = "MSH|^~\\&|APP|FAC|R|R|{}||{}|M{}|P|2.5.1"
        if kind == "A08":
            text = f"{head.format(stamp, 'ADT^A08', self.number)}\r{pid}\rDG1|1||{what}^x^I10"
        else:
            start = FIRST + timedelta(days=day)
            sch = f"SCH||F{what}|||||||||^^^{start:%Y%m%d}0930"
            aip = "AIP|1||1234567893^Quill^Avery^^^^^^NPI"
            text = f"{head.format(stamp, f'SIU^{kind}', self.number)}\r{sch}\r{pid}\r{aip}"
            if kind == "S15" or self.visits.get(what) != start:
                self.said[what] = []
            if kind == "S15":
                self.visits.pop(what, None)
            else:
                self.visits[what] = start
        reading = self.engine.read(text.encode(), received_at=self.now)
        outcome = self.engine.decide(
            reading, self.charts.find(reading.keys), now=self.now, new_id=self.ids.__next__
        )
        self.charts.keep(reading, outcome)
        self.take(outcome.requests)
        self.now += timedelta(minutes=1)

    def take(self, changes: tuple[RequestChange, ...]) -> None:
        for change in changes:
            if isinstance(change, NewRequest):
                self.open.pop(change.supersedes or 0, None)
                self.whose[change.id] = change.appointment[-1]
            elif change.id not in self.open:
                continue  # it was sent
            if isinstance(change, Close):
                del self.open[change.id]
                continue
            assert isinstance(change, NewRequest | Rewrite)
            assert change.appointment_date is not None
            self.open[change.id] = change.state, change.appointment_date
            if change.state == "held":
                assert change.until is not None
                assert change.until > self.now.timestamp()
            elif not self.away:
                del self.open[change.id]
                self.sent.append((self.now.date(), change.appointment_date))
                said = self.said[self.whose[change.id]]
                assert change.body not in said[-1:], "the same twice"
                said.append(change.body)

    def hours(self, count: int) -> None:
        """The hours pass, with a look each time that one is due."""
        ends = self.now + timedelta(hours=count)
        while self.now < ends:
            self.now += timedelta(minutes=60)
            for chart in self.charts.all():
                outcome = self.engine.resettle(chart, now=self.now, new_id=self.ids.__next__)
                if outcome.chart is not None:
                    self.kept.update(dict.fromkeys(outcome.chart.keys, outcome.chart))
                self.take(outcome.requests)


def lived(history: list[tuple[str, str, int]], *, away: bool) -> Site:
    site = Site(away)
    for kind, what, number in history:
        if kind == "hours":
            site.hours(number)
        else:
            site.tell(kind, what, number)
    return site


@settings(max_examples=150)
@given(HISTORY)
def test_what_stands_is_asked_for_on_its_day_or_later_and_once_for_each_content(history):
    site = lived(history, away=False)
    standing = {what: day for what, day in site.visits.items() if day >= site.now.date()}
    site.hours(35 * 24)
    for when, day in site.sent:
        assert day - timedelta(days=DAYS_BEFORE) <= when <= day
    for what, day in standing.items():
        assert site.said[what], day
    assert not site.open, "nothing waits for ever"


@settings(max_examples=100)
@given(HISTORY)
def test_while_nothing_can_be_sent_there_is_one_open_request_for_what_stands_and_none_else(history):
    site = lived(history, away=True)
    standing = sorted(day for day in site.visits.values() if day >= site.now.date())
    assert sorted(day for _, day in site.open.values() if day >= site.now.date()) == standing
    for state, day in site.open.values():
        opens = day - timedelta(days=DAYS_BEFORE)
        assert state == "waiting" or opens >= site.now.date()
        assert state == "held" or opens <= site.now.date()


def test_the_history_that_is_looked_at_first_asks_at_all():
    site = lived([("S12", "A", 20), ("hours", "", 100), ("S13", "A", 15), ("hours", "", 24 * 12)], away=False)
    assert site.sent == [(date(2026, 3, 11), date(2026, 3, 16))]
    assert site.now.astimezone(UTC) > datetime(2026, 3, 16, tzinfo=UTC)
