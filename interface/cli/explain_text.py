"""`explain` for people: the decision and why, the request field by field, what was repaired and what was left out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from interface.cli.screen import Cell, Screen
from interface.shown.sources import source_of

_DECISIONS = {
    "post": "bold green",
    "hold": "bold yellow",
    "cancel": "bold magenta",
    "reject": "bold red",
    "chart": "bold cyan",
    "ignore": "dim",
}
"""The decisions in the order of the summary, and how each is shown."""


def print_explained(screen: Screen, answer: Mapping[str, Any], file: str = "") -> None:
    """One message as `explain --json` has it. `file`: where it came from, when that has to be told."""
    decision = str(answer["decision"])
    screen.line(
        (answer["control_id"] or "(no control id)", "bold"),
        (answer["type"] or "not HL7", ""),
        (decision, _DECISIONS.get(decision, "bold")),
        (file, "dim"),
    )
    for reason in answer["reasons"]:
        screen.line((reason["text"], ""), indent=2)
        if release := reason.get("release"):
            screen.line(("released by:", "yellow"), (release, ""), indent=4, sep=" ")
    if answer["fields"]:
        _print_fields(screen, answer["fields"], whole=decision == "post")
    if answer["said"]:
        screen.heading("notes (repaired, assumed or passed over)")
        for said in answer["said"]:
            screen.line((said, ""), indent=2)
    if answer["left_out"]:
        screen.heading("left out")
        screen.table(
            ("source", "value", "why"),
            [
                (_source(entry["source"]), (entry["value"], ""), (entry["why"], "dim"))
                for entry in answer["left_out"]
            ],
            folded="why",
        )
    if "conformance" in answer:
        _print_conformance(screen, answer["conformance"])
    screen.gap()


def _print_fields(screen: Screen, fields: Sequence[Mapping[str, Any]], *, whole: bool) -> None:
    screen.heading("request" if whole else "request, as far as it could be composed")
    screen.table(
        ("field", "value", "source", "rule", "table"),
        [
            (
                (row["field"], ""),
                (_text(row["value"]), "bold"),
                _source(row["source"]),
                (row["rule"], "dim"),
                (row.get("table", ""), "dim"),
            )
            for row in fields
        ],
        folded="value",
        spared="table",
    )
    earlier = dict.fromkeys(name for row in fields if (name := source_of(row["source"]).control_id))
    if earlier:
        screen.line(("said by earlier messages:", "dim"), (", ".join(earlier), "cyan"), indent=2, sep=" ")


def _print_conformance(screen: Screen, findings: Sequence[Mapping[str, str]]) -> None:
    screen.heading("conformance")
    if findings:
        rows: list[Sequence[Cell]] = [((found["where"], ""), (found["text"], "")) for found in findings]
        screen.table(("where", "what"), rows, folded="what")
    else:
        screen.line(("nothing found", ""), indent=2)


def print_summary(screen: Screen, answers: Iterable[Mapping[str, Any]]) -> None:
    """How many messages got which decision."""
    counted = Counter(str(answer["decision"]) for answer in answers)
    shown: list[Cell] = [
        (f"{counted[name]} {name}", style) for name, style in _DECISIONS.items() if counted[name]
    ]
    screen.line((f"{counted.total()} messages:", "bold"), *shown)


def _source(source: str) -> Cell:
    """A source; one in an earlier message stands out."""
    return source, "cyan" if source_of(source).control_id else ""


def _text(value: object) -> str:
    """A value as the request's JSON writes it; texts without quotes."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
