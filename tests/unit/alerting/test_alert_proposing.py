"""Windows that are proposed hold against the history they were made from, and against the weeks that follow it."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from interface.alerting.proposing import HOUR, HourSeen, Proposal, Sender, proposals
from interface.alerting.week import Week, windows_of
from interface.settings import parse_settings

ZONE = ZoneInfo("America/Chicago")
START = datetime(2026, 2, 2, 0, 0, tzinfo=ZONE)
"""A Monday."""
LAB: Sender = ("main", "LAB", "LFC")
EPIC: Sender = ("main", "EPIC", "LFC")


def history(days: int, **senders: dict[str, object]) -> list[HourSeen]:
    """Hours in which feeds spoke: `EPIC={"days": range(5), "hours": range(7, 18), "each": 90}`."""
    found = []
    for hour in range(days * 24):
        at = datetime.fromtimestamp(START.timestamp() + hour * HOUR, UTC).astimezone(ZONE)
        messages = {
            ("main", name, "LFC"): int(when["each"])  # type: ignore[call-overload]
            for name, when in senders.items()
            if at.weekday() in when["days"] and at.hour in when["hours"]  # type: ignore[operator]
        }
        found.append(HourSeen(at.timestamp(), messages))
    return found


CLINIC = {"days": range(5), "hours": range(7, 18), "each": 90}


def test_a_clinics_feed_is_proposed_for_its_hours_without_their_edges() -> None:
    assert proposals(history(28, EPIC=CLINIC), ZONE) == [
        Proposal("main", "", "", ("Mon-Fri 08:00-17:00",), 30)
    ]


def test_senders_are_named_only_where_there_are_several() -> None:
    lab = {"days": range(6), "hours": range(6, 20), "each": 13}
    found = proposals(history(28, EPIC=CLINIC, LAB=lab), ZONE)
    assert found == [
        Proposal("main", "", "", ("Mon-Sat 07:00-19:00",), 60),
        Proposal("main", "EPIC", "LFC", ("Mon-Fri 08:00-17:00",), 30),
        Proposal("main", "LAB", "LFC", ("Mon-Sat 07:00-19:00",), 60),
    ]


def test_a_hospital_speaks_always() -> None:
    always = {"days": range(7), "hours": range(24), "each": 200}
    assert proposals(history(28, EPIC=always), ZONE) == [Proposal("main", "", "", ("00:00-24:00",), 30)]


def test_a_week_is_the_least_and_nothing_comes_of_nothing() -> None:
    assert proposals([], ZONE) == []
    assert proposals(history(28), ZONE) == []
    assert proposals(history(6, EPIC=CLINIC), ZONE) == []
    assert proposals(history(8, EPIC=CLINIC), ZONE) != []


def test_a_holiday_allows_longer_silence_and_is_not_held_against_the_feed() -> None:
    seen = history(28, EPIC=CLINIC)
    holiday = START.date() + timedelta(days=14)
    seen = [
        HourSeen(
            hour.begins, {} if datetime.fromtimestamp(hour.begins, ZONE).date() == holiday else hour.messages
        )
        for hour in seen
    ]
    (found,) = proposals(seen, ZONE)
    assert found.windows == ("Mon-Fri 08:00-17:00",)
    assert found.minutes == 60


def test_what_speaks_now_and_then_is_not_proposed() -> None:
    assert proposals(history(28, EPIC={"days": [2], "hours": [9, 12, 15], "each": 3}), ZONE) == []


def test_the_lines_are_read_by_the_settings_whatever_a_sender_calls_itself() -> None:
    odd = Proposal("main", 'A"\\\n[x]', "é", ("Mon-Fri 08:00-17:00", "22:00-24:00"), 30)
    (read,) = tomllib.loads(odd.toml())["alerts"]["feed"]
    assert read["application"] == 'A"\\\n[x]'
    plain = Proposal("main", "EPIC", "LFC", ("Mon-Fri 08:00-17:00",), 30)
    made = parse_settings(plain.toml(), Path("s.toml"))
    assert made.alerts.feed[0].name == plain.name == "main: EPIC/LFC"


@settings(max_examples=40)
@given(
    st.sets(st.integers(0, 6), min_size=1),
    st.integers(0, 20),
    st.integers(3, 24),
    st.integers(1, 300),
)
def test_a_feed_that_goes_on_as_before_is_never_silent(
    days: set[int], start: int, length: int, each: int
) -> None:
    """With a message in the middle of each of its hours at least."""
    hours = range(start, min(24, start + length))
    for proposal in proposals(history(28, EPIC={"days": days, "hours": hours, "each": each}), ZONE):
        week = Week(windows_of(proposal.windows), ZONE)
        spoken = [
            hour.begins + HOUR / 2
            for hour in history(14, EPIC={"days": days, "hours": hours, "each": each})
            if hour.messages
        ]
        if each >= 60:
            spoken = [at + step for at in spoken for step in (-1500, -600, 300, 1200)]
        spoken.sort()
        for before, after in pairwise(spoken):
            assert week.expected(before, after) <= proposal.minutes * 60


def test_a_saturday_that_was_worked_once_is_no_saturday_to_wait_for() -> None:
    seen = history(28, EPIC=CLINIC)
    saturday = START.date() + timedelta(days=12)
    seen = [
        HourSeen(hour.begins, {EPIC: 90})
        if (at := datetime.fromtimestamp(hour.begins, ZONE)).date() == saturday and 8 <= at.hour < 16
        else hour
        for hour in seen
    ]
    (found,) = proposals(seen, ZONE)
    assert found.windows == ("Mon-Fri 08:00-17:00",)
