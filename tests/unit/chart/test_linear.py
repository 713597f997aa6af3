"""What a message with many segments costs: three times as many are three times the work, counted in instructions."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from types import FrameType
from typing import Any

import pytest

from interface.chart.decide import Engine
from interface.chart.model import Chart, Order, Problem, encode_chart
from interface.chart.people import absorb
from interface.chart.withhold import without_confidential
from interface.rules import Policy, load_rulebook

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
HEAD = (
    "MSH|^~\\&|EHR|LFC|||{at}||{kind}|{id}|P|2.5.1\rPID|1||T1001^^^LFC^MR||Sample^Robin||19700131|F\r"
    "PV1|1|O|||||||||||||||||{visit}\r"
)
TODAY, LONG_AGO = "202603020900", "202001020900"
BOOKING = (
    HEAD.format(kind="SIU^S12", id="B", visit="", at="201901020900") + "SCH||F1|||||||||^^^20260310093000\r"
)
"""Each message after it composes the request anew."""


def diagnoses(count: int) -> str:
    return "".join(f"DG1|{n}||A{n % 90 + 10}.{n // 90 + 10}^Some label^I10||20250101\r" for n in range(count))


def moved_with_diagnoses(count: int) -> str:
    return f"SCH||F1|||||||||^^^20260311093000\r{diagnoses(count)}"


def problems(count: int) -> str:
    return "".join(f"PRB|UC|20260301|A{n % 90 + 10}.{n // 90 + 10}^Label^I10|N{n}\r" for n in range(count))


def problems_of_one_code(count: int) -> str:
    return "".join(f"PRB|UC|20260301|E11.9^Label^I10|N{n}\r" for n in range(count))


def orders(count: int) -> str:
    return "".join(
        f"ORC|NW|P{n}^EHR|F{n}^PH||||1^BID\rRXE||{860000 + n}^drug {n}^RXNORM|1||tablet\r"
        for n in range(count)
    )


def confidential_orders(count: int) -> str:
    return orders(count).replace("1^BID\r", f"1^BID{'|' * 21}R\r")


def orders_of_one_number(count: int) -> str:
    return "".join(
        f"ORC|NW|P1^EHR|F1^PH||||1^BID\rRXE||{860000 + n}^drug {n}^RXNORM|1||tablet\r" for n in range(count)
    )


def orders_without_a_number(count: int) -> str:
    return "".join(f"ORC|NW\rRXE||{860000 + n}^drug {n}^RXNORM|1||tablet\r" for n in range(count))


def steps(work: Callable[[], object]) -> int:
    """How many instructions of the interpreter are carried out."""
    done = 0

    def trace(frame: FrameType, event: str, _: object) -> Callable[..., Any]:
        nonlocal done
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        done += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return done


def cost(kind: str, segments: str, at: str) -> int:
    """Instructions for such a message, and for another visit's with the same, each about a patient with an appointment."""
    engine, charts = Engine(load_rulebook(), Policy()), dict[str, Chart]()
    ids = itertools.count(1)
    engine.book.memories.on("nothing was read before")

    def take(raw: str) -> None:
        reading = engine.read(raw.encode(), received_at=NOW, listener="main")
        outcome = engine.decide(reading, dict(charts), now=NOW, new_id=ids.__next__)
        assert outcome.chart is not None
        charts[reading.keys[0]] = outcome.chart

    def both() -> None:
        for number in range(2):
            take(HEAD.format(kind=kind, id=f"K{number}", visit=f"V{number}", at=at) + segments)

    take(BOOKING)
    return steps(both)


@pytest.mark.parametrize(
    ("kind", "segments", "at"),
    [
        ("ADT^A08", diagnoses, TODAY),
        ("SIU^S13", moved_with_diagnoses, LONG_AGO),
        ("PPR^PC1", problems, TODAY),
        ("PPR^PC1", problems_of_one_code, TODAY),
        ("RDE^O11", orders, TODAY),
        ("RDE^O11", orders_of_one_number, TODAY),
        ("RDE^O11", orders_without_a_number, TODAY),
        ("RDE^O11", confidential_orders, TODAY),
    ],
    ids=[
        "DG1",
        "DG1 that count no more",
        "PRB",
        "PRB of one code",
        "RXE",
        "RXE of one number",
        "RXE without a number",
        "RXE that is confidential",
    ],
)
def test_three_times_as_many_segments_are_three_times_the_work(
    kind: str, segments: Callable[[int], str], at: str
) -> None:
    cost(kind, segments(3), at)  # what is made once is made
    none, some, many = (cost(kind, segments(count), at) for count in (0, 60, 180))
    assert (many - none) / (some - none) < 3.05


SLOT = "SCH||F1|||||||||^^^20260311093000\r"


def role_of_many_words(count: int) -> str:
    return f"{SLOT}AIP|1|A|1234567893^Quill^Avery^^^^^^NPI|{'nobody ' * count}\r"


def timings_of_one_order(count: int) -> str:
    return f"ORC|NW|P1^EHR\rRXE|{'~'.join(['1^BID^D3^20260301'] * count)}|860000^drug^RXNORM|1||tablet\r"


def codes_of_one_diagnosis(count: int) -> str:
    codes = "~".join(f"A{n % 90 + 10}.{n // 90 + 10}^Label^I10" for n in range(count))
    return f"PRB|UC|20260301|{codes}|N1\r"


@pytest.mark.parametrize(
    ("kind", "segments"),
    [
        ("SIU^S13", role_of_many_words),
        ("RDE^O11", timings_of_one_order),
        ("PPR^PC1", codes_of_one_diagnosis),
    ],
)
def test_a_field_three_times_as_long_is_three_times_the_work(
    kind: str, segments: Callable[[int], str]
) -> None:
    cost(kind, segments(3), TODAY)
    none, some, many = (cost(kind, segments(count), TODAY) for count in (0, 100, 300))
    assert (many - none) / (some - none) < 4


def decided(raw: str) -> Chart:
    """The chart after this message alone, nothing of it read before."""
    engine = Engine(load_rulebook(), Policy())
    engine.book.memories.on("nothing was read before")
    reading = engine.read(raw.encode(), received_at=NOW, listener="main")
    outcome = engine.decide(reading, {}, now=NOW, new_id=itertools.count(1).__next__)
    assert outcome.chart is not None
    return outcome.chart


def test_three_times_as_many_telephones_are_three_times_the_work() -> None:
    def work(count: int) -> int:
        numbers = "~".join(f"^PRN^PH^^1^608^{2550100 + n}" for n in range(count))
        return steps(lambda: decided(BOOKING.replace("|19700131|F", f"|19700131|F|||||{numbers}")))

    work(3)
    none, some, many = (work(count) for count in (0, 100, 300))
    assert (many - none) / (some - none) < 3.2


def test_restrictions_take_no_more_room_than_they_say() -> None:
    def size(count: int) -> int:
        said = "".join(f"ARV|{n}|A|R{n}\r" for n in range(count))
        return len(encode_chart(decided(HEAD.format(kind="ADT^A08", id="A", visit="", at=TODAY) + said)))

    assert size(300) < 3.2 * size(100)


@pytest.mark.parametrize("long", ["id", "visit", "account"])
def test_a_name_of_a_megabyte_does_not_stand_with_each_order(long: str) -> None:
    named = {"id": "K", "visit": "V", "account": "A", long: "n" * 1_000_000}
    head = HEAD.format(kind="RDE^O11", id=named["id"], visit=named["visit"], at=TODAY)
    chart = decided(head.replace("19700131|F", f"19700131|F{'|' * 10}{named['account']}") + orders(20))
    assert len(encode_chart(chart)) < 100_000


def merged(count: int) -> int:
    """Instructions for two charts with the same orders, and codes that were sent together, that become one."""
    one, other = (
        Chart(
            [f"|{name}"],
            orders=[Order((f"P:{n}",), {}, at) for n in range(count)],
            coded_together=[(f"ICD10|{name}{n}", f"SNOMED|{n}") for n in range(count)],
        )
        for name, at in (("A", "20260301"), ("B", "20260302"))
    )
    return steps(lambda: absorb(one, other))


def withheld(count: int) -> int:
    """Instructions for a chart in which so many confidential codes, one after the other, were sent with one that is not."""
    marks = [
        Problem("ICD10", f"A{n}", "x", (), "", f"2026030{n:05d}", "", "", None, listed=True, gone="withheld")
        for n in range(count)
    ]
    together = [("SNOMED|1", f"ICD10|A{n}") for n in range(count)]
    chart = Chart(["|A"], problems=marks, coded_together=together)
    return steps(lambda: without_confidential(chart, "{}:{}".format, []))


@pytest.mark.parametrize("work", [merged, withheld])
def test_three_times_as_long_a_history_is_three_times_the_work(work: Callable[[int], int]) -> None:
    work(3)
    none, some, many = (work(count) for count in (0, 60, 180))
    assert (many - none) / (some - none) < 3.05
