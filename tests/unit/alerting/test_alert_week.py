"""Windows of the week: read, written, and how much of a time lies in them, across nights and weekends."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interface.alerting.week import DAYS, Week, Window, windows_of, written

ZONE = ZoneInfo("America/Chicago")


def at(*when: int) -> float:
    return datetime(*when, tzinfo=ZONE).timestamp()  # type: ignore[arg-type, misc]


def week(*texts: str) -> Week:
    return Week(windows_of(texts), ZONE)


@pytest.mark.parametrize(
    ("text", "days", "start", "end"),
    [
        ("Mon-Fri 07:00-18:00", (0, 1, 2, 3, 4), 420, 1080),
        ("sat,sun 8:00-12:30", (5, 6), 480, 750),
        ("Sat-Mon 22:00-06:00", (0, 5, 6), 1320, 1800),
        ("00:00-24:00", (0, 1, 2, 3, 4, 5, 6), 0, 1440),
        ("Mon, Wed - Thu 09:00 - 10:00", (0, 2, 3), 540, 600),
    ],
)
def test_windows_are_read(text: str, days: tuple[int, ...], start: int, end: int) -> None:
    assert windows_of([text]) == (Window(days, start, end),)


@given(
    st.sets(st.integers(0, 6), min_size=1),
    st.integers(0, 1439),
    st.integers(1, 1440),
)
def test_what_is_written_is_read_again(days: set[int], start: int, length: int) -> None:
    window = Window(tuple(sorted(days)), start, start + length)
    if window.end == 1440 + start and start:  # a whole day is told from its beginning
        window = Window(window.days, start, start + length - 1)
    assert windows_of([written(window)]) == (window,)


def test_nights_and_weekends_do_not_count() -> None:
    clinic = week("Mon-Fri 07:00-18:00")
    assert clinic.expected(at(2026, 2, 27, 17), at(2026, 3, 2, 8)) == 2 * 3600
    assert clinic.expected(at(2026, 2, 28, 0), at(2026, 3, 2, 7)) == 0
    assert clinic.expected(at(2026, 3, 2, 9), at(2026, 3, 2, 9)) == 0


def test_windows_that_overlap_count_once_and_may_reach_into_the_next_day() -> None:
    hospital = week("22:00-06:00", "Mon 05:00-08:00")
    assert hospital.expected(at(2026, 3, 1, 20), at(2026, 3, 2, 12)) == 10 * 3600


def test_the_day_on_which_clocks_go_forward_is_an_hour_shorter() -> None:
    assert week("00:00-24:00").expected(at(2026, 3, 8, 0), at(2026, 3, 9, 0)) == 23 * 3600


def test_silence_of_years_costs_no_more_than_that_of_days() -> None:
    assert week("00:00-24:00").expected(0, at(2026, 3, 9, 0)) == 15 * 86_400


def test_without_a_zone_the_machine_decides() -> None:
    day = Week(windows_of(["00:00-24:00"]))
    assert day.expected(1_000_000, 1_003_600) == 3600


@given(st.lists(st.sampled_from(DAYS), min_size=1, max_size=3), st.floats(0, 2e9), st.floats(0, 2e6))
def test_never_more_than_the_time_itself(days: list[str], since: float, seconds: float) -> None:
    found = week(f"{','.join(days)} 07:00-19:00", "Sun 18:00-20:00").expected(since, since + seconds)
    assert 0 <= found <= seconds + 1e-6
