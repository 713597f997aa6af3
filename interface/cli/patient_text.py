"""A chart for people."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from interface.cli.common import local_text
from interface.cli.output import cut, facts, is_terminal, many, table
from interface.cli.screen import Cell, Screen, open_screen
from interface.cli.stored import reasons_text
from interface.shown.charts import fact_text, state_text

WIDE = 130
"""Columns from which on a terminal has room for the list as a table."""


def print_patient(answer: Mapping[str, Any]) -> None:
    """Print what `patients show --json` has."""
    screen = open_screen()
    facts(
        {
            "patient": answer["id"],
            "MRN": answer["mrn"],
            "name": answer["name"],
            "birth date": answer["birth_date"],
            "numbers": ", ".join(answer["numbers"]),
            "part of": f"the chart of patient {answer['merged_into']}" if answer["merged_into"] else "",
            "merged": ", ".join(f"patient {id_}" for id_ in answer["merged_patients"]),
            "moves with": ", ".join(f"patient {id_}" for id_ in answer["changed_with"]),
            "open requests": str(answer["open_requests"]),
            "changed": _local(answer["changed_at"]),
            "problem": answer["problem"],
        }
    )
    _table(
        screen,
        "known of the patient",
        answer["patient"],
        ("field", "value", "source", "rule"),
        "value",
        _fact,
    )
    _table(
        screen,
        "problems",
        answer["problems"],
        ("code", "label", "date", "state", "source"),
        "label",
        _problem,
    )
    _table(
        screen,
        "medications",
        answer["medications"],
        ("drug", "code", "order", "state", "source"),
        "drug",
        _medication,
    )
    _table(
        screen,
        "appointments",
        answer["appointments"],
        ("date", "status", "clinician", "last request", "key"),
        "clinician",
        _appointment,
    )
    _table(screen, "merges and moves", answer["merges"], _MESSAGE_COLUMNS, "reasons", _message)
    _table(screen, "messages, newest first", answer["messages"], _MESSAGE_COLUMNS, "reasons", _message)
    if answer["more_messages"]:
        screen.line(("… and earlier ones: --limit shows more", "dim"))


_MESSAGE_COLUMNS = ("id", "received", "type", "decision", "reasons")


def _table(
    screen: Screen,
    title: str,
    entries: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    folded: str,
    row_of: Any,
) -> None:
    if not entries:
        return
    screen.heading(f"{title}:")
    screen.table(columns, [_cells(row_of(entry)) for entry in entries], folded=folded)


def _local(text: str) -> str:
    """A time of the JSON answer, for people."""
    return local_text(datetime.fromisoformat(text).timestamp())


def print_list(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print what `patients --json` has: a table, on a narrow terminal two lines for each."""
    if is_terminal(sys.stdout) and shutil.get_terminal_size().columns < WIDE:
        _narrow(rows)
        return
    columns = (
        "id",
        "MRN",
        "name",
        "birth date",
        "numbers",
        "problems",
        "medications",
        "appointments",
        "open requests",
        "merged into",
        "changed",
    )
    table(columns, [_line(row) for row in rows], right=(columns[0], *columns[4:10]))


def _line(row: Mapping[str, Any]) -> tuple[object, ...]:
    return (
        row["id"],
        cut(row["mrn"]) or row["problem"],
        cut(row["name"]),
        row["birth_date"],
        len(row["numbers"]),
        *(row[name] for name in ("problems", "medications", "appointments", "open_requests")),
        row["merged_into"],
        _local(row["changed_at"]),
    )


def _narrow(rows: Sequence[Mapping[str, Any]]) -> None:
    screen = open_screen()
    for row in rows:
        known = [str(part) for part in _line(row)[1:4] if part]
        screen.line((str(row["id"]), "bold"), *((part, "") for part in known))
        counts = [many(len(row["numbers"]), "number")]
        counts += [
            many(row[name], name.replace("_", " ").removesuffix("s"))
            for name in ("problems", "medications", "appointments", "open_requests")
            if row[name]
        ]
        if row["merged_into"]:
            counts = [f"part of patient {row['merged_into']}"]
        screen.line((", ".join(counts), ""), (f"changed {_local(row['changed_at'])}", "dim"), indent=4)


def _cells(texts: Iterable[object]) -> list[Cell]:
    return [("" if text is None else str(text), "") for text in texts]


def _fact(entry: Mapping[str, Any]) -> tuple[object, ...]:
    return entry["field"].removeprefix("patient."), fact_text(entry), entry["source"], entry["rule"]


def _problem(entry: Mapping[str, Any]) -> tuple[object, ...]:
    return (
        f"{entry['system']} {entry['code']}",
        entry["label"],
        entry["date"],
        state_text(entry),
        entry["source"],
    )


def _medication(entry: Mapping[str, Any]) -> tuple[object, ...]:
    return entry["drug"], entry["code"], entry["key"], state_text(entry), entry["source"]


def _appointment(entry: Mapping[str, Any]) -> tuple[object, ...]:
    request = f"{entry['request']} {entry['request_state'] or 'no longer kept'}" if entry["request"] else ""
    return entry["date"], entry["status"], entry["clinician"], request, entry["key"]


def _message(entry: Mapping[str, Any]) -> tuple[object, ...]:
    why = reasons_text(entry["reasons"])
    text = f"left out by a person; {why}" if entry["set_aside"] else why
    return (
        entry["id"],
        _local(entry["received_at"])[:-3],
        entry["type"],
        entry["decision"] or entry["state"],
        text,
    )
