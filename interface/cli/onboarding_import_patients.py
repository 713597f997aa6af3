"""`onboarding import-patients FILE`: the vendor's test patients, who alone leave the house in staging."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from interface.cli.asking import (
    Done,
    Site,
    add_site_arguments,
    add_wait_argument,
    confirm,
    grouping,
    rebuild,
)
from interface.cli.common import UsageError, local_text, read_file, settings_of, utc_text
from interface.cli.output import facts, many, print_json, table, tell
from interface.cli.said import work_says
from interface.cli.stored import open_store_of, wants_json
from interface.errors import InterfaceError

if TYPE_CHECKING:
    from interface.staging.entries import Found
    from interface.staging.imported import Imported
    from interface.store.records.reading import Command
    from interface.store.records.roster import RosterRow

SHOWN = 20
"""Warnings that are shown; the JSON answer has all."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's arguments."""
    parser.add_argument("file", nargs="?", metavar="FILE", help="CSV or JSON; `-` is standard input")
    modes = parser.add_mutually_exclusive_group()
    for mode, text in (
        ("add", "add those of the file, and take what it says of those that are there (the default)"),
        ("replace", "the same, and remove who is not in the file"),
        (
            "remove",
            "remove those of the file, or of --mrn: nothing of theirs leaves, they are told apart still",
        ),
        ("forget", "the same, and tell them apart no longer: for real persons who were imported by mistake"),
        ("list", "show who is imported"),
    ):
        modes.add_argument(f"--{mode}", dest="mode", action="store_const", const=mode, help=text)
    parser.add_argument(
        "--mrn",
        metavar="MRN",
        action="append",
        default=[],
        help="with --remove or --forget in place of a file; may be repeated",
    )
    parser.add_argument(
        "--dates",
        choices=("month-first", "day-first"),
        help="how 3/4/1950 is meant; else such a date is refused",
    )
    parser.add_argument(
        "--ignore",
        metavar="HEADING",
        action="append",
        default=[],
        help="a heading to pass over; may be repeated",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    add_site_arguments(parser)
    add_wait_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Import; 1 when it could not be done or the person said no, 2 when the file is broken: then nothing is imported."""
    mode = args.mode or "add"
    if mode == "list":
        return _list(args)
    by_number = bool(args.mrn)
    if by_number and (args.file or mode not in ("remove", "forget")):
        raise UsageError("onboarding import-patients: --mrn is for --remove and --forget, without a file")
    if not by_number and not args.file:
        raise UsageError("onboarding import-patients: name the file; see `onboarding import-patients --help`")
    found, source = (None, "") if by_number else _read(args)
    with _site(args) as site:
        stored = site.store.roster.all()
        given = _of_numbers(stored, args.mrn) if found is None else found.patients
        warnings = (
            _warnings(site, found, args.file) if found is not None and mode in ("add", "replace") else []
        )
        return _import(site, args, mode, given, source, stored, warnings)


def _read(args: argparse.Namespace) -> tuple[Found, str]:
    """What the file holds. Raises UsageError, with a line for each fault, when something of it can't be taken."""
    from interface.staging.file import MOST_BYTES, source_of
    from interface.staging.file import read_file as read

    data = read_file(args.file, MOST_BYTES)
    found = read(data, args.dates, args.ignore)
    for note in found.notes:
        tell(f"{args.file}:{note.line}: {note.text}")
    if found.faults:
        lines = [f"{args.file}:{fault.line}: {fault.text}" for fault in found.faults]
        if wants_json(args):
            print_json(
                {"imported": False, "faults": [{"line": f.line, "text": f.text} for f in found.faults]}
            )
        for line in lines:
            tell(line)
        raise UsageError(f"nothing was imported: {many(len(lines), 'fault')} in {args.file}, named above")
    return found, source_of(data)


@contextmanager
def _site(args: argparse.Namespace) -> Iterator[Site]:
    """The site, whose store is made when there is none, as the daemon's first start does."""
    from interface.chart.decide import Engine
    from interface.cli.load import open_or_make
    from interface.services.clock import Clock

    settings = settings_of(args)
    engine = Engine(settings.rulebook(), settings.policy())
    with work_says(tell), open_or_make(settings, tell) as store:
        yield Site(settings, engine, store, Clock(args.now, settings.site.zone))


def _of_numbers(stored: Sequence[RosterRow], mrns: Sequence[str]) -> list[Imported]:
    from interface.services.roster import read

    known = {patient.mrn: patient for row in stored if (patient := read(row)) is not None}
    if unknown := [mrn for mrn in mrns if mrn not in known]:
        raise InterfaceError(f"nobody was imported under {', '.join(unknown)}")
    return [known[mrn] for mrn in dict.fromkeys(mrns)]


def _warnings(site: Site, found: Found, file: str) -> list[str]:
    """What of each patient would not go out by this site's mapping, each with its line."""
    from interface.services.rehearsal import lacks
    from interface.staging.messages import Sending

    policy, now = site.engine.policy, site.clock.at()
    sending = Sending(site.engine.today(now), now, next(iter(policy.mrn_authority), ""))
    warnings = []
    for patient, line in zip(found.patients, found.lines, strict=True):
        for text in lacks(site.engine, patient, sending, now):
            if (
                not patient.provider.npi
                and text.rpartition(" ")[2].startswith("missing:")
                and "Provider" in text
            ):
                text = "no provider_npi: give one to `onboarding send-test-patients --provider-npi`"
            warnings.append(f"{file}:{line}: {text}")
    return warnings


def _import(
    site: Site,
    args: argparse.Namespace,
    mode: str,
    given: Sequence[Imported],
    source: str,
    stored: Sequence[RosterRow],
    warnings: list[str],
) -> int:
    from interface.services import roster
    from interface.services.asking import Asking

    for line in warnings[:SHOWN]:
        tell(f"warning: {line}")
    if len(warnings) > SHOWN:
        tell(f"warning: and {len(warnings) - SHOWN} more (--json names all)")
    writes, counts = roster.changes(given, mode, source, stored)
    told = _counted(mode, counts, args.file)
    if counts["removed"] and not confirm(told, yes=args.yes, otherwise="--list to look first"):
        return 1
    results: list[Command] = []
    if writes:
        asking = Asking(site.store, site.engine, site.clock, patience=args.wait)
        asking.ask(
            roster.KIND, [roster.arguments(given, mode, source)], lambda _, command: results.append(command)
        )
    if results and results[0].state != "done":
        raise InterfaceError(str((results[0].result or {}).get("problem", "it failed")))
    done = _rebuild(site, args.wait, [write.mrn for write in writes if write.document or write.forget])
    _answer(args, mode, counts, source, warnings, done)
    return 1 if done.failed else 0


def _counted(mode: str, counts: dict[str, int], file: str | None) -> str:
    parts = [
        f"{counts[name]} {name}" for name in ("added", "changed", "unchanged", "removed") if counts[name]
    ]
    where = f" by {file}" if file else ""
    lost = " Those forgotten count as anybody from then on." if mode == "forget" else ""
    return f"test patients{where}: {', '.join(parts) or 'nothing changes'}.{lost}"


def _rebuild(site: Site, wait: float, mrns: list[str]) -> Done:
    """Make the charts of these numbers anew: their messages find the keys that are theirs now."""
    from interface.chart.apart import key_of

    done = Done()
    policy = site.engine.policy
    roots = (row.root for row in site.engine.book.site.roots.values())
    authorities = ("", *policy.mrn_authority, *roots)
    keys = [key for mrn in mrns for key in (key_of(mrn), *(f"{name}|{mrn}" for name in authorities))]
    owners = site.store.patients.owners(keys)
    if owners:
        groups = grouping(site)
        groups.patients(sorted(set(owners.values())))
        charts, _ = groups.count()
        rebuild(site, list(groups.portions()), charts, wait, done, everybody=False)
    return done


def _answer(
    args: argparse.Namespace, mode: str, counts: dict[str, int], source: str, warnings: list[str], done: Done
) -> None:
    if wants_json(args):
        print_json(
            {"imported": True, "mode": mode, "source": source, **counts, "warnings": warnings}
            | {"rebuilt": done.as_json()}
        )
        return
    facts(
        {
            "test patients": f"{counts['patients']} now",
            **{name: counts[name] or "" for name in ("added", "changed", "unchanged", "removed")},
            "warnings": f"{len(warnings)}, named above" if warnings else "",
        }
    )
    if done.commands or done.failed:
        done.show()


def _list(args: argparse.Namespace) -> int:
    """Who is imported."""
    from interface.services.roster import read

    if args.file or args.mrn:
        raise UsageError("onboarding import-patients: --list takes no file and no --mrn")
    with open_store_of(settings_of(args)) as store:
        known = [(row, patient) for row in store.roster.all() if (patient := read(row)) is not None]
    if wants_json(args):
        print_json({"patients": [_as_json(row, patient) for row, patient in known]})
        return 0
    if not known:
        print("no test patients are imported", file=sys.stderr)
        return 0
    columns = ("mrn", "name", "birth date", "problems", "medications", "imported", "removed", "source")
    rows = [
        (
            patient.mrn,
            f"{patient.family}, {patient.given}".rstrip(", "),
            patient.birth_date,
            len(patient.problems),
            len(patient.medications),
            local_text(row.imported_at),
            local_text(row.removed_at),
            row.source,
        )
        for row, patient in known
    ]
    table(columns, rows, right=("problems", "medications"))
    return 0


def _as_json(row: RosterRow, patient: Imported) -> dict[str, Any]:
    return {
        "mrn": patient.mrn,
        "family": patient.family,
        "given": patient.given,
        "birth_date": patient.birth_date,
        "problems": len(patient.problems),
        "medications": len(patient.medications),
        "imported_at": utc_text(row.imported_at),
        "removed_at": utc_text(row.removed_at),
        "source": row.source,
    }
