"""`patients`: who is known, what is in a chart and which messages made it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from interface.cli import messages as message_lists
from interface.cli.asking import Site, add_site_arguments, open_site
from interface.cli.common import UsageError, add_settings_option, settings_of, utc_text
from interface.cli.output import print_json, tell
from interface.cli.patient_text import print_list, print_patient
from interface.cli.rebuild import add_rebuild
from interface.cli.stored import (
    DEFAULT_LIMIT,
    PAGE,
    add_json_argument,
    add_limit,
    add_times,
    hint_more,
    open_store_of,
    wants_json,
    whole,
)
from interface.cli.whose import add_authority, key_asked_for, nobody, patient_of
from interface.errors import InterfaceError

if TYPE_CHECKING:
    from interface.store.records.lists import PatientCursor, PatientFilter, PatientSummary
    from interface.store.store import Store


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--mrn", metavar="MRN", help="who has this number now")
    add_authority(parser, default="")
    parser.add_argument("--merged", action="store_true", help="only those whose charts are part of others'")
    add_settings_option(parser)
    add_times(parser)
    add_limit(parser)
    add_place(parser)
    add_json_argument(parser)
    commands = parser.add_subparsers(title="subcommands", metavar="")
    _add_show(commands)
    add_rebuild(commands)


def _add_show(subparsers: argparse._SubParsersAction[Any]) -> None:
    parser = subparsers.add_parser("show", help="show one chart whole")
    parser.add_argument("mrn", nargs="?", metavar="MRN", help="the patient's number")
    parser.add_argument("--id", metavar="N", type=whole, help="the patient's id, as lists have it")
    add_authority(parser)
    parser.add_argument(
        "--limit",
        metavar="N",
        type=whole,
        default=DEFAULT_LIMIT,
        help="the newest N messages (default: 50)",
    )
    add_site_arguments(parser)
    parser.set_defaults(action=show)


def add_place(parser: argparse.ArgumentParser) -> None:
    """Declare where the next page of a list begins."""
    parser.add_argument(
        "--before", metavar="PLACE", type=a_place, help="the next page: as the list before said"
    )


def a_place(text: str) -> PatientCursor:
    """A place in the list of patients, `1772700000.25-17`. Raises UsageError."""
    from interface.store.records.lists import PatientCursor

    changed, _, number = text.rpartition("-")
    try:
        return PatientCursor(float(changed), int(number))
    except ValueError:
        raise UsageError(f"cannot read the place {text!r}: give what the list before said") from None


def place_text(cursor: PatientCursor | None) -> str | None:
    """A place as `a_place` reads it."""
    return None if cursor is None else f"{cursor.changed_at!r}-{cursor.id}"


def run(args: argparse.Namespace) -> int:
    """List patients, show one, or rebuild some."""
    if action := getattr(args, "action", None):
        return int(action(args))
    return list_patients(args)


def list_patients(args: argparse.Namespace) -> int:
    """Print the patients that changed last and that the filters take."""
    settings = settings_of(args)
    from interface.store.records.lists import PatientFilter

    key = key_asked_for(args, settings)
    where = PatientFilter(key=key, merged=args.merged, since=args.since, until=args.until)
    with open_store_of(settings) as store:
        rows, more = patient_pages(store, where, args.before, args.limit)
    if wants_json(args):
        print_json({"patients": [as_json(row) for row in rows], "next_before": place_text(more)})
        return 0
    if not rows:
        tell(nobody(settings.policy(), args.authority) if key is not None else "no patients")
        return 0
    print_list([as_json(row) for row in rows])
    hint_more(args, place_text(more))
    return 0


def patient_pages(
    store: Store, where: PatientFilter, before: PatientCursor | None, limit: int
) -> tuple[list[PatientSummary], PatientCursor | None]:
    """Up to `limit` patients, and the place to go on before (None: that was all)."""
    rows: list[PatientSummary] = []
    while len(rows) < limit:
        wanted = min(PAGE, limit - len(rows))
        page = store.patients.patients(where, before=before, limit=wanted + 1)
        rows += page[:wanted]
        if len(page) <= wanted:
            return rows, None
        before = rows[-1].cursor
    return rows, before


def as_json(row: PatientSummary) -> dict[str, Any]:
    """A patient as lists and details have it."""
    from interface.chart.model import Chart
    from interface.chart.shown import head_of, number_text
    from interface.services.charts_shown import chart_of
    from interface.services.mending import chart_text

    chart = chart_of(row)
    known = chart if chart is not None else Chart([])
    head = head_of(known)
    return {
        "id": row.id,
        "mrn": head.mrn or None,
        "name": head.name or None,
        "birth_date": head.birth_date or None,
        "numbers": [number_text(key) for key in known.keys],
        "problems": len(known.problems),
        "medications": len(known.orders),
        "appointments": len(known.appointments),
        "open_requests": row.open_requests,
        "merged_into": row.merged_into,
        "created_at": utc_text(row.created_at),
        "changed_at": utc_text(row.changed_at),
        "problem": None if chart is not None else chart_text(row.id),
    }


def show(args: argparse.Namespace) -> int:
    """Print one chart: every fact with its source, and the messages that made it.

    Raises:
        InterfaceError: there is no such patient.

    """
    if (args.mrn is None) == (args.id is None):
        raise UsageError("patients show: give an MRN, or --id N")
    with open_site(args) as site:
        id_ = args.id if args.mrn is None else patient_of(site, args.mrn, args.authority)
        row = site.store.patients.by_id((id_,)).get(id_)
        if row is None:
            raise InterfaceError(f"there is no patient {id_}")
        answer = _whole(site, row, args.limit)
    if wants_json(args):
        print_json(answer)
    else:
        print_patient(answer)
    return 0


def _whole(site: Site, row: PatientSummary, limit: int) -> dict[str, Any]:
    from interface.chart.model import Chart
    from interface.chart.shown import shown
    from interface.services.charts_shown import (
        add_request_states,
        changed_with,
        chart_of,
        family_of,
        merges_of,
    )

    store = site.store
    chart = chart_of(row) or Chart([])
    engine = site.engine
    document = shown(chart, engine.book, engine.policy, engine.today(site.clock.at()))
    add_request_states(store, document["appointments"])
    family = family_of(store, row)
    newest = store.patients.messages_of(family, limit=limit + 1)
    head = as_json(row)
    for name in ("problems", "medications", "appointments", "numbers"):
        head.pop(name)
    return {
        **head,
        **document,
        "merged_patients": sorted(family - {row.id}),
        "changed_with": changed_with(store, chart, family),
        "merges": [message_lists.as_json(found) for found in merges_of(store, family)],
        "messages": [message_lists.as_json(found) for found in newest[:limit]],
        "more_messages": len(newest) > limit,
    }
