"""Whatever the history of merges: each diagnosis is in the chart that its number leads to, once; and rebuilding agrees."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interface.chart.decide import Engine
from interface.chart.model import encode_chart
from interface.chart.outcome import Rewrite
from interface.chart.rebuild import Told, rebuild
from interface.chart.registry import Registry
from interface.rules import Policy, load_rulebook

NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)
NUMBERS = ("N1", "N2", "N3", "N4")
CODES = ("E11.9", "I10", "J45.40", "K21.9", "M54.50")
ENGINE = Engine(load_rulebook(), Policy(mrn_authority=("LFC",)))

SEEN = st.tuples(st.just("seen"), st.sampled_from(NUMBERS), st.sampled_from(CODES))
BOOKED = st.tuples(st.just("booked"), st.sampled_from(NUMBERS), st.sampled_from("AB"))
MERGED = st.tuples(st.just("merged"), st.sampled_from(NUMBERS), st.sampled_from(NUMBERS))
HISTORY = st.lists(SEEN | BOOKED | MERGED, min_size=1, max_size=9)


def message(number: int, step: tuple[str, str, str]) -> bytes:
    kind, one, other = step
    pid = f"PID|1||{one}^^^LFC^MR||Sample^Robin||19700131|F|||12 Birch Ln^^Madison^WI^53703"
    head = f"MSH|^~\\&|APP|FAC|R|R|2026030208{number:02d}||{{}}|M{number}|P|2.5.1"
    if kind == "merged":
        return f"{head.format('ADT^A40')}\r{pid}\rMRG|{other}^^^LFC^MR".encode()
    if kind == "seen":
        return f"{head.format('ADT^A08')}\r{pid}\rDG1|1||{other}^x^I10".encode()
    sch = f"SCH||F{one}{other}|||||||||^^^20260310093000"
    aip = "AIP|1||1234567893^Quill^Avery^^^^^^NPI"
    return f"{head.format('SIU^S12')}\r{sch}\r{pid}\r{aip}".encode()


def told(history: list[tuple[str, str, str]], repeat: bool = False) -> tuple[Registry, list[Told]]:
    """The charts that a history makes, message by message; `repeat`: each message comes twice."""
    charts, ids, entries = Registry(), itertools.count(1), []
    for number, step in enumerate(history):
        received = NOW - timedelta(minutes=60 - number)
        for _ in range(2 if repeat else 1):
            reading = ENGINE.read(message(number, step), received_at=received)
            outcome = ENGINE.decide(reading, charts.find(reading.keys), now=NOW, new_id=ids.__next__)
            assert outcome.decision in ("chart", "post")
            charts.keep(reading, outcome)
        entries.append(Told(number, reading, received, None))
    return charts, entries


def groups(history: list[tuple[str, str, str]]) -> dict[str, str]:
    """Which numbers are one person, by the simplest means."""
    of = {number: number for number in NUMBERS}
    for kind, one, other in history:
        if kind == "merged":
            joined, into = of[other], of[one]
            of = {number: into if group == joined else group for number, group in of.items()}
    return of


def clinical(charts: Registry) -> list[tuple[list[str], list[str], list[str]]]:
    return sorted(
        (
            sorted(chart.keys),
            sorted(problem.code for problem in chart.problems),
            sorted(chart.appointments),
        )
        for chart in charts.all()
    )


@settings(max_examples=120, suppress_health_check=list(HealthCheck))
@given(HISTORY)
def test_everything_said_under_a_number_is_in_the_one_chart_it_leads_to(history):
    charts, _ = told(history)
    of = groups(history)
    for kind, one, other in history:
        chart = charts.find((f"|{one}",))[f"|{one}"]
        assert {of[key[1:]] for key in chart.keys} == {of[one]}, "numbers of two people in one chart"
        if kind == "seen":
            assert [problem.code for problem in chart.problems].count(other) == 1
        if kind == "booked":
            assert f"A:F{one}{other}" in chart.appointments


@settings(max_examples=80, suppress_health_check=list(HealthCheck))
@given(HISTORY)
def test_each_message_twice_makes_the_same_charts(history):
    assert clinical(told(history, repeat=True)[0]) == clinical(told(history)[0])


@settings(max_examples=80, suppress_health_check=list(HealthCheck))
@given(HISTORY)
def test_rebuilding_makes_the_same_charts_and_asks_for_nothing(history):
    charts, entries = told(history)
    old = dict(enumerate(charts.all(), 1))
    found = rebuild(ENGINE, entries, old, now=NOW, new_id=itertools.count(1000).__next__)
    assert sorted(patient.id for patient in found.patients) == sorted(old)
    for patient in found.patients:
        assert encode_chart(patient.chart) == encode_chart(old[patient.id])
        assert all(isinstance(made, Rewrite) for made in patient.requests), "nothing new, nothing ended"
    assert not found.absorbed and not found.closed
