"""The table, the ratios within the run, the comparison with the run before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, Section, number
from benchmarks.goals import verdict

_RATIOS = (
    # key, what, numerator, denominator, unit
    *(
        (f"ratio_{state}_{peer}_{n}", f"{what}, {n} conn, to {title}", f"ack_{state}_{n}", f"ack_{peer}_{n}", "x")
        for state, what in (("still", "durable ACKs (still)"), ("busy", "durable ACKs (running)"))
        for peer, title in (("python_hl7", "python-hl7's server"), ("twisted", "bare Twisted"))
        for n in (1, 8, 64)
    ),
    ("ratio_still_rows", "durable ACKs (still), 64 conn, to grouped commits", "ack_still_64", "limit_sqlite_64", "%"),
    ("ratio_still_flush", "durable ACKs (still), 1 conn, to flushes", "ack_still_1", "limit_fdatasync", "%"),
    *(
        (f"ratio_way_python_hl7_{n}", f"whole way, {n} conn, to python-hl7's server (ACK only)", f"way_{n}",
         f"ack_python_hl7_{n}", "x")
        for n in (1, 8, 64)
    ),
    ("ratio_way_posts", "whole way, 64 conn, to POSTs by the client alone", "way_64", "limit_posts", "%"),
)  # fmt: skip


def ratios(sections: list[Section]) -> Section:
    """What can be compared between machines: numbers of this run by numbers of this run."""
    known = {figure.key: figure.value for section in sections for figure in section.figures}
    found = Section("ratios", "ratios within this run")
    for key, what, over, under, unit in _RATIOS:
        if over in known and known.get(under):
            value = known[over] / known[under] * (100 if unit == "%" else 1)
            found.figures.append(Figure(key, what, unit, value))
    return found


def previous(folder: Path, mode: str) -> dict[str, float]:
    """The latest earlier value of each figure, from results of the same mode (not each run measures every part)."""
    found: dict[str, float] = {}
    for path in sorted(folder.glob("*.json")):
        try:
            document = json.loads(path.read_text("utf-8"))
            if document["mode"] == mode:
                figures = document["figures"]
                found |= {figure["key"]: figure["value"] for figure in figures if figure["value"] is not None}
        except (ValueError, KeyError, TypeError):
            continue  # cut off, or of another version
    return found


def lines_of(section: Section, before: dict[str, float]) -> list[str]:
    """The section as lines of the table."""
    lines = ["", section.title]
    for figure in section.figures:
        spread = ""
        if len(figure.runs) > 1:
            spread = f"{number(min(figure.runs))} to {number(max(figure.runs))}"
        cells = f"{number(figure.value):>9} {figure.unit:<5} {verdict(figure):<16} {spread:<20}"
        cells += f" {change(figure, before):<9} {figure.note}"
        lines.append(f"  {figure.what:<60} {cells}".rstrip())
    return lines


def change(figure: Figure, before: dict[str, float]) -> str:
    """Against the run before: `+12%`, with `!` when that is a fifth or more for the worse; empty when not known."""
    old = before.get(figure.key)
    if not old:
        return ""
    share = figure.value / old - 1
    worse = -share if figure.more_is_better else share
    return f"{share:+.0%}{' !' if worse >= 0.2 else ''}"


def document(mode: str, when: str, environment: dict[str, Any], sections: list[Section]) -> dict[str, Any]:
    """The run as JSON."""
    return {
        "mode": mode,
        "when": when,
        "environment": environment,
        "figures": [
            {"section": section.name, **figure.as_json(), "goal": verdict(figure)}
            for section in sections
            for figure in section.figures
        ],
    }
