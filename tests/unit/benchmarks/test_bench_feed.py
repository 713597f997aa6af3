"""The benchmark's feed: what is counted as one POST must be one request, in every run the same."""

import itertools
from datetime import UTC, datetime

import pytest

from benchmarks.messages import LAG, Feed, npi
from interface.chart.decide import Engine
from interface.chart.outcome import NewRequest
from interface.rules import Policy, load_rulebook

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)


def luhn_of(digits: str) -> int:
    doubled = [int(d) * (2 if place % 2 else 1) for place, d in enumerate(reversed(digits))]
    return sum(value // 10 + value % 10 for value in doubled) % 10


@pytest.mark.parametrize("number", [0, 7, 99_000_017, 12_345_678])
def test_npi_has_a_valid_check_digit(number: int) -> None:
    made = npi(number)
    assert len(made) == 10
    assert made[0] == "2"
    assert luhn_of("80840" + made) == 0


def test_the_same_index_is_the_same_message() -> None:
    assert [Feed(NOW).message(n) for n in range(9)] == [Feed(NOW).message(n) for n in range(9)]


def test_every_message_makes_exactly_one_waiting_request() -> None:
    feed = Feed(NOW)
    engine = Engine(load_rulebook(), Policy(decisions={"RDE^O11": "post"}, supersede=False))
    charts: dict[str, object] = {}
    ids = itertools.count(1)
    types = set()
    for index in range(3 * LAG + 60):
        reading = engine.read(feed.message(index), received_at=NOW, listener="main")
        known = {key: charts[key] for key in reading.keys if key in charts}
        outcome = engine.decide(reading, known, now=NOW, new_id=ids.__next__)
        charts[reading.keys[0]] = outcome.chart
        types.add(reading.type)
        assert outcome.decision == "post", (index, outcome.reasons)
        assert [(type(change), change.state) for change in outcome.requests] == [(NewRequest, "waiting")]
    assert types == {"SIU^S12", "ADT^A04", "RDE^O11"}


def test_messages_are_about_one_and_a_half_kilobytes() -> None:
    feed = Feed(NOW)
    assert all(1200 < len(feed.message(3 * LAG + n)) < 1700 for n in range(300))
