"""Goals beside figures: what counts as reached, and that none hangs on a figure that nobody measures."""

import re
from math import inf
from pathlib import Path

import pytest

from benchmarks.figures import Figure, Section
from benchmarks.goals import GOALS, Goal, judged, lines_of, verdict


@pytest.mark.parametrize(
    ("goal", "value", "reached", "margin"),
    [
        (Goal("", 8000, at_least=True), 8000, True, 1.0),
        (Goal("", 8000, at_least=True), 4000, False, 0.5),
        (Goal("", 25), 24.9, True, 25 / 24.9),
        (Goal("", 25), 25, False, 1.0),
        (Goal("", 25), inf, False, 0.0),
        (Goal("", 25), 0.0, True, 0.0),
    ],
)
def test_a_goal_is_reached_from_its_side(goal: Goal, value: float, reached: bool, margin: float) -> None:
    assert goal.reached(value) is reached
    assert goal.margin(value) == pytest.approx(margin)


def test_a_figure_says_whether_its_goal_is_reached() -> None:
    assert verdict(Figure("ack_still_64", "", "/s", 9000)) == "≥ 8,000 reached"
    assert verdict(Figure("memory", "", "MB", 181)) == "< 180 MISSED"
    assert verdict(Figure("ack_still_8", "", "/s", 9000)) == ""


def test_what_is_missed_is_said_again_at_the_end() -> None:
    figures = [
        Figure("memory", "memory", "MB", 181),
        Figure("start", "start", "s", 1),
        Figure("other", "", "s", 1),
    ]
    section = Section("way", "", figures)
    assert [figure.key for figure, _ in judged([section])] == ["memory", "start"]
    lines = lines_of([section])
    assert lines[1] == "1 of 2 goals reached"
    assert len(lines) == 3
    assert "memory" in lines[2]


def test_every_goal_is_of_a_figure_that_is_measured() -> None:
    """Keys are written out or put together (`f"{key}_oldest"`): what stands in the code must fit each."""
    code = "".join(
        path.read_text()
        for path in Path(__file__).parents[3].glob("benchmarks/*.py")
        if path.name != "goals.py"
    )
    patterns = [
        re.sub(r"\\\{[^{}]*\\\}", ".*", re.escape(text)) for text in re.findall(r'f?"([\w{}:.* ]+)"', code)
    ]
    for key in GOALS:
        assert any(re.fullmatch(pattern, key) for pattern in patterns if pattern.strip(".*_")), key
