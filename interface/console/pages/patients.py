"""The patients whose charts changed last; one is found by number, which stands in no address: the answer is our id."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from interface.chart.model import Chart
from interface.chart.shown import head_of
from interface.console.asked import Action, Around, Asked, Go, Page, RefusedError, Shown
from interface.services.charts_shown import chart_of
from interface.store.records.lists import PatientCursor, PatientFilter, PatientSummary
from interface.store.store import Store

ROWS = 50
NAME = 40
"""Characters of a name or number in the list."""
COLUMNS = (
    {"key": "patient", "label": "patient", "tight": True},
    {"key": "name", "label": "name"},
    {"key": "mrn", "label": "MRN", "tight": True},
    {"key": "born", "label": "born", "tight": True},
    {"key": "holds", "label": "in the chart"},
    {"key": "open", "label": "open requests", "number": True},
    {"key": "changed", "label": "changed", "tight": True},
)


@dataclass(frozen=True, slots=True)
class Row:
    """A patient of the list; None: the chart can't be opened."""

    summary: PatientSummary
    chart: Chart | None


def read(store: Store, asked: Asked, around: Around) -> list[Row]:  # noqa: ARG001 - all pages are called alike
    """One page of the list, and one row more where there is more."""
    where = PatientFilter(merged=asked.query.choice("merged", ("1",)) == "1")
    found = store.patients.patients(where, before=place_of(asked.query.text("before")), limit=ROWS + 1)
    return [Row(row, chart_of(row)) for row in found]


def place_of(text: str) -> PatientCursor | None:
    """Where a page begins, as the address has it; None: at the newest. Raises RefusedError."""
    if not text:
        return None
    changed, _, number = text.rpartition("-")
    try:
        at, id_ = float(changed), int(number)
    except ValueError:
        at, id_ = math.nan, 0
    if not (math.isfinite(at) and 0 < id_ < 2**62):
        raise RefusedError(400, "before: must be as the list before had it")
    return PatientCursor(at, id_)


def values(asked: Asked, found: list[Row]) -> Shown:
    """The list, and the form that finds one."""
    rows, more = found[:ROWS], len(found) > ROWS
    only_merged = asked.query.choice("merged", ("1",))
    last = rows[-1].summary if rows else None
    tail = "&merged=1" if only_merged else ""
    return Shown(
        "Patients",
        {
            "columns": COLUMNS,
            "rows": [_row(asked, row) for row in rows],
            "merged": only_merged,
            "nobody": asked.query.choice("nobody", ("1",)),
            "newer": f"/patients{'?merged=1' if tail else ''}" if asked.query.text("before") else "",
            "older": f"/patients?before={last.changed_at!r}-{last.id}{tail}" if more and last else "",
        },
        seen=tuple(f"patient {row.summary.id}" for row in rows),
    )


def _row(asked: Asked, row: Row) -> dict[str, Any]:
    summary, chart = row.summary, row.chart or Chart([])
    head, veil = head_of(chart), asked.viewer.veil
    counts = (
        (len(chart.problems), "problem"),
        (len(chart.orders), "medication"),
        (len(chart.appointments), "appointment"),
    )
    part = f"part of patient {summary.merged_into}" if summary.merged_into else ""
    return {
        "key": f"patient-{summary.id}",
        "href": f"/patients/{summary.id}",
        "patient": {"text": f"patient {summary.id}", "small": part},
        "name": veil(_short(head.name))
        if row.chart
        else {"badge": "the chart can't be opened", "level": "bad"},
        "mrn": veil(_short(head.mrn)),
        "born": veil(_short(head.birth_date)),
        "holds": {"text": ", ".join(_counted(count, what) for count, what in counts if count) or "–"},
        "open": summary.open_requests,
        "changed": {"at": summary.changed_at},
    }


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _short(text: str) -> str:
    return text if len(text) <= NAME else f"{text[:NAME]}…"


def find(store: Store, asked: Asked, around: Around) -> Go:
    """Whose the number is, by its keyed hash."""
    mrn, authority = asked.form.text("mrn"), asked.form.text("authority")
    if not mrn:
        raise RefusedError(400, "mrn: type the number to look for")
    key = around.kept.key(mrn, authority)
    owner = store.patients.owners((key,)).get(key)
    return Go(f"/patients/{owner}" if owner else "/patients?nobody=1")


PAGE = Page("/patients", "patients.html", read, values, entry="Patients")
FIND = Action("/patients/find", find, role="viewer")
