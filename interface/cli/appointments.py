"""`appointments`: what is booked, and what became of the requests. Charts are sealed, so a search opens them one by one."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from interface.cli.chosen import a_day
from interface.cli.common import add_settings_option, local_text, settings_of
from interface.cli.output import cut, facts, print_json, table, tell
from interface.cli.patients import add_place, place_text
from interface.cli.stored import (
    PAGE,
    add_json_argument,
    add_limit,
    add_settings_again,
    hint_more,
    open_store_of,
    wants_json,
)
from interface.cli.whose import add_authority, key_asked_for, nobody
from interface.errors import InterfaceError

if TYPE_CHECKING:
    from interface.chart.model import Appointment, Chart
    from interface.store.records.lists import PatientCursor, PatientFilter, PatientSummary
    from interface.store.store import Store

STATUSES = ("booked", "cancelled", "other")
SLOW_SECONDS = 2.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--mrn", metavar="MRN", help="of the patient with this number")
    add_authority(parser, default="")
    parser.add_argument("--date", metavar="DAY", type=a_day, help="on this day, as 2026-03-05")
    parser.add_argument("--status", choices=STATUSES, help="only those in this state")
    add_settings_option(parser)
    add_limit(parser)
    add_place(parser)
    add_json_argument(parser)
    commands = parser.add_subparsers(title="subcommands", metavar="")
    _add_show(commands)


def _add_show(subparsers: argparse._SubParsersAction[Any]) -> None:
    parser = subparsers.add_parser("show", help="show one appointment whole")
    parser.add_argument("key", metavar="KEY", help="as the list has it")
    parser.add_argument(
        "--mrn", metavar="MRN", default=argparse.SUPPRESS, help="of this patient: found at once"
    )
    add_authority(parser)
    add_settings_again(parser)
    add_json_argument(parser)
    parser.set_defaults(action=show)


def run(args: argparse.Namespace) -> int:
    """List appointments, or show one."""
    if action := getattr(args, "action", None):
        return int(action(args))
    return list_appointments(args)


def list_appointments(args: argparse.Namespace) -> int:
    """Print the appointments of the patients that changed last."""
    with _search(args) as search:
        rows, more = search.rows(args.before, args.limit, args.date, args.status)
    if wants_json(args):
        print_json({"appointments": rows, "next_before": place_text(more)})
        return 0
    if not rows:
        tell("no appointments")
        return 0
    columns = ("date", "status", "clinician", "clinic", "patient", "MRN", "last request", "key")
    table(columns, [_line(row) for row in rows], right=("patient",))
    hint_more(args, place_text(more))
    return 0


def _line(row: dict[str, Any]) -> tuple[object, ...]:
    request = f"{row['request']} {row['request_state'] or 'no longer kept'}" if row["request"] else ""
    return (
        row["date"],
        row["status"],
        cut(row["clinician"]),
        cut(row["clinic"]),
        row["patient_id"],
        cut(row["mrn"]),
        request,
        row["key"],
    )


def show(args: argparse.Namespace) -> int:
    """Print one appointment: every fact with its source, and its last request.

    Raises:
        InterfaceError: there is no such appointment.

    """
    with _search(args) as search:
        found = search.one(args.key)
    if not found:
        raise InterfaceError("there is no such appointment; `appointments` lists their keys")
    if wants_json(args):
        print_json({"appointments": found})
        return 0
    for number, row in enumerate(found):
        if number:
            print()
        facts(
            {
                "appointment": row["key"],
                "date": row["date"],
                "status": row["status"],
                "type": row["type"],
                "clinician": row["clinician"],
                "clinic": row["clinic"],
                "patient": f"{row['patient_id']}  {row['mrn'] or ''}",
                "last request": _line(row)[6],
                "told at": _local(row["at"]),
            }
        )
        print()
        columns = ("field", "value", "source", "rule")
        table(columns, [[entry[name] for name in columns] for entry in row["facts"]])
    return 0


def _local(text: str) -> str:
    """A time of the chart, which is in UTC, as the site's clocks show it."""
    return local_text(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) if text else ""


def _search(args: argparse.Namespace) -> _Search:
    settings = settings_of(args)
    from interface.store.records.lists import PatientFilter

    key = key_asked_for(args, settings)
    return _Search(open_store_of(settings), PatientFilter(key=key), nobody(settings.policy(), args.authority))


class _Search:
    """Opens charts one by one and looks into them."""

    def __init__(self, opening: Any, where: PatientFilter, nobody_text: str) -> None:
        self._opening = opening
        self._where = where
        self._nobody = nobody_text

    def __enter__(self) -> _Search:
        self._store: Store = self._opening.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._opening.__exit__(*error)

    def rows(
        self, before: PatientCursor | None, limit: int, day: date | None, status: str | None
    ) -> tuple[list[dict[str, Any]], PatientCursor | None]:
        """At least `limit` rows, if there are so many, all of each patient; and the place to go on before."""
        rows: list[dict[str, Any]] = []
        for patient, chart in self._charts(before):
            rows += [
                self._row(patient, chart, entry)
                for entry in sorted(chart.appointments.values(), key=lambda entry: (entry.date, entry.key))
                if (day is None or entry.date == day.isoformat())
                and (status is None or entry.status == status)
            ]
            if len(rows) >= limit and self._where.key is None:  # of one patient there are no more
                return self._with_states(rows), patient.cursor
        return self._with_states(rows), None

    def one(self, key: str) -> list[dict[str, Any]]:
        """The appointment with this key; of every patient who has one."""
        rows = []
        for patient, chart in self._charts(None):
            entry = chart.appointments.get(key)
            if entry is not None:
                rows.append(self._row(patient, chart, entry) | {"facts": _facts(entry)})
        return self._with_states(rows)

    def _charts(self, before: PatientCursor | None) -> Iterator[tuple[PatientSummary, Chart]]:
        from interface.services.charts_shown import chart_of

        began, said = time.monotonic(), self._where.key is not None
        while page := self._store.patients.patients(self._where, before=before, limit=PAGE):
            for patient in page:
                chart = chart_of(patient)
                if chart is not None and patient.merged_into is None:
                    yield patient, chart
            if not said and time.monotonic() - began > SLOW_SECONDS:
                said = True
                tell("looking into every chart; --mrn finds those of one patient at once")
            if self._where.key is not None:
                return
            before = page[-1].cursor
        if self._where.key is not None:
            raise InterfaceError(self._nobody)

    def _row(self, patient: PatientSummary, chart: Chart, entry: Appointment) -> dict[str, Any]:
        from interface.chart.shown import appointment_shown, head_of

        return appointment_shown(entry) | {"patient_id": patient.id, "mrn": head_of(chart).mrn or None}

    def _with_states(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        from interface.services.charts_shown import add_request_states

        add_request_states(self._store, rows)
        return rows


def _facts(entry: Appointment) -> list[dict[str, Any]]:
    from interface.chart.shown import facts_shown

    return [found for name, fact in sorted(entry.facts.items()) for found in facts_shown(name, fact)]
