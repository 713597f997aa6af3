"""The run as a page: goals, charts and figures of what was measured; nothing from elsewhere."""

import re
from math import inf
from xml.etree import ElementTree

import pytest

from benchmarks import charts
from benchmarks.charts import Dot, Row
from benchmarks.figures import Figure, Section
from benchmarks.page import page
from benchmarks.report import Run

WHEN = "2026-03-02T15:00:00+00:00"


def shown(*figures: Figure, peers: dict[str, str] | None = None) -> str:
    run = Run(
        "full", WHEN, {"cores": 2, "processor": "<made up>"}, [Section("part", "A part", list(figures))]
    )
    return page(run, {"memory": 100.0}, peers or {})


def svgs(text: str) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(found) for found in re.findall(r"<svg.*?</svg>", text)]


def test_goals_reached_and_missed_stand_first() -> None:
    text = shown(Figure("memory", "memory", "MB", 200.0, (190.0, 210.0)), Figure("start", "start", "s", 1.0))
    assert "1 of 2 goals reached" in text
    bars = [(bar.get("class"), float(bar.get("width") or 0)) for bar in svgs(text)[0].iter("rect")]
    assert [name for name, _ in bars] == ["bad", "good"]
    assert "+100% !" in text
    assert "190 to 210" in text


def test_what_was_not_measured_has_no_chart() -> None:
    assert svgs(shown(Figure("other", "other", "s", 1.0))) == []


def test_receivers_stand_beside_ours_in_the_chart_of_acks() -> None:
    text = shown(
        Figure("ack_still_8", "", "/s", 900.0),
        Figure("ack_twisted_8", "", "/s", 40_000.0),
        Figure("ack_beside_engine_8", "", "/s", 200.0),
        peers={"beside_engine": "An <engine>"},
    )
    (chart,) = svgs(text)
    words = [part.text for part in chart.iter("text")]
    assert [word for word in words if word in ("durable, work standing still", "bare Twisted", "An <engine>")]
    at = [float(dot.get("cx") or 0) for dot in chart.iter("circle")]
    assert at[2] < at[0] < at[1]


def test_nothing_is_fetched_and_nothing_runs() -> None:
    text = shown(Figure("memory", "memory", "MB", 200.0), Figure("ack_still_8", "", "/s", 900.0))
    assert "<script" not in text
    assert "http" not in text
    assert "<made up>" not in text


@pytest.mark.parametrize(
    ("margin", "reached", "share"),
    [(2.0, True, 1 / 3), (0.5, False, 1 / 3), (100.0, True, 1), (0.0, False, 1), (inf, True, 1)],
)
def test_a_bar_ends_by_doublings_and_at_the_edge(margin: float, reached: bool, share: float) -> None:
    chart = ElementTree.fromstring(charts.about_goals([("words", margin, reached, "value")]))
    (bar,) = chart.iter("rect")
    half = (charts.WIDTH - charts.LABEL - charts.RIGHT) / 2
    assert float(bar.get("width") or 0) == pytest.approx(share * half, abs=0.1)


def test_dots_stand_by_the_logarithm() -> None:
    marks = tuple(Dot(0, value, value, value, "") for value in (10.0, 100.0, 1000.0))
    chart = ElementTree.fromstring(charts.dots([Row("words", marks, "")]))
    first, second, third = (float(dot.get("cx") or 0) for dot in chart.iter("circle"))
    assert second - first == pytest.approx(third - second)
