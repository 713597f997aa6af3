"""Many orders that bear one number are looked for by their drugs: that must never be seen, but in time."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interface.chart import order_numbers
from interface.chart.decide import Engine
from interface.chart.model import Chart, encode_chart
from interface.rules import Policy, load_rulebook

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
ENGINE = Engine(load_rulebook().unshared(), Policy())
NUMBERS = ("P1", "P1^EHR", "P1^EHR^1.2.3^ISO", "P1^OTHER", "P2^EHR", "")
DRUGS = ("1^one^RXNORM", "1^uno^RXNORM", "2^two^RXNORM", "2^two", "^one", "3^TWO^NDC", "")
ORDERS = st.builds(
    "ORC|{}|{}|{}\rRXE||{}|1||tablet\r".format,
    st.sampled_from(("NW", "NW", "NW", "XO", "DC", "RP", "SC", "")),
    st.sampled_from(NUMBERS),
    st.sampled_from(("", "F1", "F1^PH", "F2^PH")),
    st.sampled_from(DRUGS),
)
MESSAGES = st.lists(
    st.tuples(
        st.sampled_from(("RDE^O11", "RDE^O11", "RDS^O13")), st.integers(0, 3), st.lists(ORDERS, max_size=12)
    ),
    min_size=1,
    max_size=4,
)


def charted(messages: list[tuple[str, int, list[str]]], few: int) -> list[object]:
    """What is left out of each message, and the chart behind the last, where so many orders of one number are few."""
    charts: dict[str, Chart] = {}
    found: list[object] = []
    ids = itertools.count(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(order_numbers, "_FEW", few)
        for number, (kind, hour, orders) in enumerate(messages):
            raw = f"MSH|^~\\&|EHR|LFC|||202603020{hour}0000||{kind}|K{number}|P|2.5.1\rPID|1||T1^^^LFC^MR||S^R\r"
            reading = ENGINE.read((raw + "".join(orders)).encode(), received_at=NOW)
            outcome = ENGINE.decide(reading, dict(charts), now=NOW, new_id=ids.__next__)
            found.append(outcome.left_out)
            if outcome.chart is not None:
                charts[reading.keys[0]] = outcome.chart
    return [*found, *map(encode_chart, charts.values())]


@settings(max_examples=300)
@given(MESSAGES)
def test_orders_of_one_number_are_found_alike_however_many_there_are(
    messages: list[tuple[str, int, list[str]]],
) -> None:
    assert charted(messages, few=0) == charted(messages, few=10**9)
