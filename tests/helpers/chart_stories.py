"""Random stories of a few patients, and charts put together from what each message is said to have changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date
from typing import Any

from hypothesis import strategies as st
from made_up import AIP

from interface.chart.changes import WORDS, entries
from interface.chart.decide import Engine
from interface.chart.model import Chart
from interface.chart.replay import ChartChanged

RXE = "RXE||860975^metformin 500 MG^RXNORM"
NUMBERS = ("N1", "N2", "N3")
PEOPLE = st.sampled_from(NUMBERS)
DAYS = st.sampled_from(("20260310", "20260312", "20260315"))
CODES = st.sampled_from(("E11.9", "I10", "J45.40"))
VISITS = st.sampled_from(("", "V1", "V2"))
STEP = st.one_of(
    st.tuples(st.just("named"), PEOPLE, st.sampled_from(("Sample", "Sampleton", '""')), VISITS),
    st.tuples(st.just("seen"), PEOPLE, CODES, VISITS),
    st.tuples(st.sampled_from(("S12", "S13", "S15")), PEOPLE, DAYS, st.sampled_from(("F1", "F2"))),
    st.tuples(st.sampled_from(("NW", "DC", "XO")), PEOPLE, st.sampled_from(("P1", "P2")), VISITS),
    st.tuples(st.just("merged"), PEOPLE, PEOPLE, VISITS),
    st.tuples(st.sampled_from(("A11", "A23", "A29", "A03")), PEOPLE, VISITS, VISITS),
    st.tuples(st.sampled_from(("A44", "A45")), PEOPLE, PEOPLE, VISITS),
)
STORIES = st.lists(STEP, min_size=1, max_size=12)
"""Patients named, seen, booked, given drugs, merged and taken out; their visits and accounts move."""
_MOVE = st.tuples(st.sampled_from(("A43", "A45")), PEOPLE, PEOPLE, VISITS)
NUMBERS_MOVE = st.lists(st.one_of(STEP, _MOVE, _MOVE), min_size=5, max_size=14)
"""The same, and their numbers move, too: a number does not tell any more whose a chart is."""


def told_of(number: int, step: tuple[str, str, str, str]) -> bytes:
    """A step as a message."""
    kind, one, other, third = step
    account = third.replace("V", "A") if third in ("V1", "V2") else ""
    pid = f"PID|1||{one}^^^LFC^MR||Sample^Robin||19700131|F|||12 Birch Ln^^Madison^WI^53703|||||||{account}"
    visit = f"PV1|1|I{'|' * 17}{third}"
    event, rest = {
        "named": ("ADT^A08", (pid.replace("Sample^Robin", f"{other}^Robin"), visit)),
        "seen": ("ADT^A08", (pid, visit, f"DG1|1||{other}^x^I10")),
        "merged": ("ADT^A40", (pid, f"MRG|{other}^^^LFC^MR")),
        "A43": ("ADT^A43", (pid, f"MRG|{other}^^^LFC^MR")),
        "A44": ("ADT^A44", (pid, f"MRG|{other}^^^LFC^MR||{account}")),
        "A45": ("ADT^A45", (pid, f"MRG|{other}^^^LFC^MR||||{third}", visit)),
        **{
            name: (f"SIU^{name}", (f"SCH||{third}|||||||||^^^{other}", pid, AIP))
            for name in ("S12", "S13", "S15")
        },
        **{name: ("RDE^O11", (pid, visit, f"ORC|{name}|{other}", RXE)) for name in ("NW", "DC", "XO")},
        **{name: (f"ADT^{name}", (pid, visit)) for name in ("A11", "A23", "A29", "A03")},
    }[kind]
    head = f"MSH|^~\\&|APP|FAC|R|R|2026030208{number:02d}||{event}|M{number}|P|2.5.1"
    return "\r".join((head, *rest)).encode()


def of_chart(engine: Engine, chart: Chart, today: date) -> Counter[Any]:
    """Every value of a chart, and how often it is there."""
    return Counter(
        (entry.part, field, value.value)
        for entry in entries(chart, engine.book, engine.policy, today)
        for field, value in entry.values.items()
    )


def of_changes(changed: ChartChanged) -> Counter[Any]:
    """Every value of a chart that came (1) or went (-1)."""
    found: Counter[Any] = Counter()
    for change in changed.changes:
        assert change.kind in WORDS
        for entry in change.fields:
            for value, count in ((entry.after, 1), (entry.before, -1)):
                found[change.part, entry.field, value] += count if value is not None else 0
    return found


def of_charts(engine: Engine, charts: Iterable[Chart], today: date) -> dict[tuple[str, ...], Counter[Any]]:
    """The charts that hold something, by their keys."""
    found = {tuple(chart.keys): of_chart(engine, chart, today) for chart in charts if chart.keys}
    return {keys: content for keys, content in found.items() if content}


class Sums:
    """Charts that begin empty and change only as it is told."""

    def __init__(self) -> None:
        self._by_key: dict[str, Counter[Any]] = {}
        self._keys: dict[int, tuple[str, ...]] = {}

    def take(self, changed: Iterable[ChartChanged]) -> None:
        """What a message changed."""
        for chart in changed:
            joined = {key for keys in chart.joined for key in keys}
            own = next(
                (self._by_key[key] for key in chart.keys if key in self._by_key and key not in joined), None
            )
            assert own is None or not chart.new
            own = Counter() if own is None else own
            own.update(of_changes(chart))
            self._by_key.update(dict.fromkeys(chart.keys, own))
            self._keys[id(own)] = chart.keys

    def charts(self) -> dict[tuple[str, ...], dict[Any, int]]:
        """What each chart holds by now; those that hold nothing are left out."""
        found = {
            self._keys[id(own)]: {value: count for value, count in own.items() if count}
            for own in self._by_key.values()
        }
        return {keys: content for keys, content in found.items() if content}
