"""The benchmark's table: what is better, what is worse, what is compared."""

import json
from argparse import ArgumentTypeError
from array import array
from math import inf
from pathlib import Path

import pytest

from benchmarks.beside import peer
from benchmarks.figures import Figure, Section
from benchmarks.load import percentile
from benchmarks.report import Run, change, previous, ratios


@pytest.mark.parametrize(
    ("unit", "before", "now", "shown"),
    [
        ("/s", 100, 110, "+10%"),
        ("/s", 100, 75, "-25% !"),
        ("ms", 10, 13, "+30% !"),
        ("ms", 10, 5, "-50%"),
        ("MB", 0, 5, ""),
        ("s", 1, inf, ""),
    ],
)
def test_a_fifth_for_the_worse_is_marked(unit: str, before: float, now: float, shown: str) -> None:
    assert change(Figure("key", "what", unit, now), {"key": before}) == shown


def test_the_value_is_the_median_of_the_runs() -> None:
    assert Figure.of("key", "what", "/s", [3, 100, 1]).value == 3


def test_ratios_are_of_the_same_run_and_left_out_when_a_part_was_not_measured() -> None:
    measured = [Figure("ack_still_1", "", "/s", 300.0), Figure("ack_python_hl7_1", "", "/s", 100.0)]
    found = ratios([Section("acks", "", measured)], {}).figures
    assert [(figure.key, figure.value, figure.unit) for figure in found] == [
        ("ratio_still_python_hl7_1", 3.0, "x")
    ]


def test_a_receiver_beside_has_its_ratios_too() -> None:
    engine = peer("engine.example.org:6661/Engine 4.5")
    assert (engine.host, engine.port, engine.key) == ("engine.example.org", 6661, "beside_engine_4_5")
    measured = [
        Figure("ack_busy_8", "", "/s", 600.0),
        Figure("way_8", "", "/s", 500.0),
        Figure(f"ack_{engine.key}_8", "", "/s", 200.0),
        Figure(f"way_{engine.key}_8", "", "/s", 100.0),
    ]
    found = ratios([Section("acks", "", measured)], {engine.key: engine.name}).figures
    assert [(figure.what, figure.value) for figure in found] == [
        ("durable ACKs (running), 8 conn, to Engine 4.5", 3.0),
        ("whole way, 8 conn, to Engine 4.5", 5.0),
        ("whole way, 8 conn, to Engine 4.5 (ACK only)", 2.5),
    ]


@pytest.mark.parametrize("text", ["6661", "host:", "host:port", "host:1/"])
def test_a_receiver_beside_is_named_by_host_and_port(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="HOST:PORT"):
        peer(text)


def test_each_figure_is_compared_with_its_latest_value_of_the_same_mode(tmp_path: Path) -> None:
    for name, mode, values in (
        ("2026-01-01", "full", {"k": 1, "other": 7}),
        ("2026-01-02", "full", {"k": 2}),
        ("2026-01-03", "quick", {"k": 3}),
    ):
        figures = [{"key": key, "value": value} for key, value in values.items()]
        (tmp_path / f"{name}.json").write_text(json.dumps({"mode": mode, "figures": figures}), "utf-8")
    (tmp_path / "2026-01-04.json").write_text("cut off", "utf-8")
    assert previous(tmp_path, "full") == {"k": 2, "other": 7}


def test_what_json_cannot_say_is_null_and_no_earlier_value(tmp_path: Path) -> None:
    section = Section(
        "offered", "", [Figure.of("open_oldest", "oldest", "s", [inf]), Figure("k", "", "s", 2.0)]
    )
    written = json.dumps(Run("full", "2026-01-01", {}, [section]).as_json(), allow_nan=False)
    (tmp_path / "2026-01-01.json").write_text(written, "utf-8")
    assert previous(tmp_path, "full") == {"k": 2.0}
    assert json.loads(written)["figures"][0]["goal"] == "< 1.00 MISSED"


def test_percentile_is_the_nearest_rank() -> None:
    values = array("d", range(100))
    assert (percentile(values, 0.5), percentile(values, 0.99)) == (50, 99)
