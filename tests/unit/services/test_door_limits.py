"""What keeps one sender, or a crowd of strangers, from the others: pure values, and one listener over a made-up clock."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interface.services.descriptors import OWN, Places, shares
from interface.services.pace import MANY, Pace
from interface.services.turned_away import MOST_TOLD_APART, QUIET_SECONDS, TurnedAway
from interface.settings import Settings, parse_settings


def said(away: TurnedAway, number: int, case: str = "10.0.0.1", at: float = 0.0) -> list[int | None]:
    return [away.to_be_said("not-allowed", case, at) for _ in range(number)]


def test_the_first_of_its_kind_and_tenfolds_are_said() -> None:
    found = said(TurnedAway(), 1000)
    assert [count for count in found if count] == [1, 10, 100, 1000]
    assert found[0] == 1


def test_each_address_and_each_reason_is_news_of_its_own() -> None:
    away = TurnedAway()
    assert said(away, 9)[0] == 1
    assert said(away, 1, "10.0.0.2") == [1]
    assert away.to_be_said("too-many", "10.0.0.1", 0.0) == 1


def test_a_scan_from_many_addresses_cannot_fill_the_log_nor_the_memory() -> None:
    away = TurnedAway()
    lines = sum(
        away.to_be_said("not-allowed", f"10.{n >> 8}.{n & 255}.1", 0.0) is not None for n in range(20_000)
    )
    assert lines <= MOST_TOLD_APART + 5


def test_what_comes_again_after_a_quiet_hour_is_news_again() -> None:
    away = TurnedAway()
    said(away, 5000)
    assert said(away, 1, at=QUIET_SECONDS) == [None]
    assert said(away, 1, at=2 * QUIET_SECONDS + 1) == [1]
    for number in range(MOST_TOLD_APART + 5):  # those of long ago make room
        said(away, 1, f"10.1.0.{number}", at=3 * QUIET_SECONDS)
    assert said(away, 1, "10.9.9.9", at=5 * QUIET_SECONDS) == [1]


@given(st.lists(st.integers(1, 50), min_size=1, max_size=60), st.floats(0.5, 500))
def test_a_sender_that_waits_as_told_never_exceeds_its_pace(batches: list[int], per_second: float) -> None:
    pace, now, total = Pace(per_second), 100.0, 0
    for messages in batches:
        total += messages
        now += pace.wait("10.0.0.1", messages, now)
    assert total <= (now - 100.0 + 1.0) * per_second + 1e-6


def test_a_sender_within_its_pace_never_waits_and_others_are_not_its_matter() -> None:
    pace = Pace(10.0)
    assert all(pace.wait("slow", 1, 100.0 + 0.1 * number) == 0 for number in range(200))
    assert pace.wait("fast", 1000, 100.0) > 90
    assert pace.wait("slow", 1, 120.1) == 0


def test_addresses_that_owe_nothing_are_forgotten() -> None:
    pace = Pace(1000.0)
    for number in range(20 * MANY):
        pace.wait(str(number), 1, float(number))
    assert len(pace._due) <= MANY + 1


def test_places_are_shared_out_where_files_are_few() -> None:
    settings = Settings()
    plenty = shares(settings, 100_000)
    assert (plenty.enough, plenty.senders, plenty.web) == (True, 256, 256)
    few = shares(settings, 400)
    assert not few.enough
    assert OWN + few.senders + few.web <= 400
    assert few.senders > 200
    many = shares(parse_settings("[[listener]]\nmax_connections = 5000\n", Path("s.toml")), 1024)
    assert (many.enough, many.wanted) == (False, 5000 + 256 + OWN)
    assert OWN + many.senders + many.web <= 1024


@pytest.mark.parametrize("limit", [0, 1, 64, 200])
def test_however_few_there_are_somebody_is_taken(limit: int) -> None:
    found = shares(Settings(), limit)
    assert found.senders >= 1
    assert found.web >= 4
    assert not Places(found.senders).full
