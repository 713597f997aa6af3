"""The table, the ratios within the run, the comparison with the run before."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, Section, number
from benchmarks.goals import verdict

PEERS = {"python_hl7": "python-hl7's server", "twisted": "bare Twisted"}
"""Receivers that store nothing: part of the figures' keys, and what they are called."""
_STATES = {"still": "durable ACKs (still)", "busy": "durable ACKs (running)"}
_CONNECTIONS = (1, 8, 64)


def _pairs(peers: dict[str, str]) -> Iterator[tuple[str, str, str, str, str]]:
    """What is divided by what: key, words, the keys of both, unit."""
    for state, what in _STATES.items():
        for peer, title in (PEERS | peers).items():
            for n in _CONNECTIONS:
                words = f"{what}, {n} conn, to {title}"
                yield f"ratio_{state}_{peer}_{n}", words, f"ack_{state}_{n}", f"ack_{peer}_{n}", "x"
    words = "durable ACKs (still), 64 conn, to grouped commits"
    yield "ratio_still_rows", words, "ack_still_64", "limit_sqlite_64", "%"
    words = "durable ACKs (still), 1 conn, to flushes"
    yield "ratio_still_flush", words, "ack_still_1", "limit_fdatasync", "%"
    for n in _CONNECTIONS:
        words = f"whole way, {n} conn, to python-hl7's server (ACK only)"
        yield f"ratio_way_python_hl7_{n}", words, f"way_{n}", f"ack_python_hl7_{n}", "x"
        for peer, title in peers.items():
            for part, more in (("way", ""), ("ack", " (ACK only)")):
                words = f"whole way, {n} conn, to {title}{more}"
                yield f"ratio_way_{part}_{peer}_{n}", words, f"way_{n}", f"{part}_{peer}_{n}", "x"
    words = "whole way, 64 conn, to POSTs by the client alone"
    yield "ratio_way_posts", words, "way_64", "limit_posts", "%"


def ratios(sections: list[Section], peers: dict[str, str]) -> Section:
    """What can be compared between machines: numbers of this run by numbers of this run.

    `peers`: further receivers measured, as `PEERS`.
    """
    known = {figure.key: figure.value for section in sections for figure in section.figures}
    found = Section("ratios", "ratios within this run")
    for key, what, over, under, unit in _pairs(peers):
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
    if not old or not isfinite(figure.value):
        return ""
    share = figure.value / old - 1
    worse = -share if figure.more_is_better else share
    return f"{share:+.0%}{' !' if worse >= 0.2 else ''}"


@dataclass(frozen=True)
class Run:
    """What was measured when, on what."""

    mode: str
    """quick, full."""
    when: str
    environment: dict[str, Any]
    sections: list[Section]

    def as_json(self) -> dict[str, Any]:
        """For the file; what `previous` reads."""
        return {
            "mode": self.mode,
            "when": self.when,
            "environment": self.environment,
            "figures": [
                {"section": section.name, **figure.as_json(), "goal": verdict(figure)}
                for section in self.sections
                for figure in section.figures
            ],
        }
